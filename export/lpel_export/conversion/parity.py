"""Parity: checks that an ONNX model's outputs match those of its source, within a tolerance.

Embeddings are compared by cosines, which depend on direction alone: an error is meaningful only
relative to the length. So embedders are measured relative to the length of their embeddings, and
networks that give pixels or unit vectors by the difference itself.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.conversion.keras_to_onnx import Arrays, Exported
from lpel_export.support.errors import ParityError
from lpel_serving.engine.session import open_session
from lpel_serving.equations.similarity import cosine_similarity, typical_length

TOLERANCE = 1e-5
LEAST_COSINE = 0.95
"""An embedding further than this from its float32 original is another embedding."""
RANDOM = (
    "gives the same image another embedding each time: it is random, as a dropout is in training "
    "mode, or a layer of noise. Export it for inference, without what draws random numbers."
)


@dataclass(frozen=True)
class Parity:
    """How far an ONNX model is from the one that it came from.

    Attributes
    ----------
    max_difference
        Largest absolute difference of any output.
    tolerance
        What it was allowed to be, as a share of `scale`.
    batch_sizes
        The batch sizes that it was measured at.
    samples
        How many inputs there were.
    inputs
        What they were, in words.
    scale
        Of an embedder, the norm of the original's embeddings (the root of their mean squared
        norm); else 1.
    trained_precision
        Of an embedder whose original does not compute in float32 alone, what it computes in, and
        how far its embeddings are from the same network's in float32, which the model has.
    """

    max_difference: float
    tolerance: float
    batch_sizes: tuple[int, ...]
    samples: int
    inputs: str
    scale: float = 1.0
    trained_precision: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The report as it stands in a manifest."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def check_parity(
    exported: Exported,
    values: NDArray[Any],
    *,
    input_name: str,
    output_name: str,
    inputs: str,
    tolerance: float = TOLERANCE,
    by_length: bool = False,
) -> Parity:
    """Compare an exported model with its original, at batch size 1 and with all the inputs at once.

    Parameters
    ----------
    exported
        The model.
    values
        Real inputs, shape (N, ...), N at least 2.
    input_name, output_name
        Its tensors.
    inputs
        What the inputs are, for the report.
    tolerance
        Largest absolute difference allowed.
    by_length
        Whether it is allowed as a share of the norm of the original's outputs, vectors of shape
        (N, D): the root of their mean squared norm.

    Raises
    ------
    ParityError
        If they differ by more, or there are fewer than two inputs; or if an embedder's original
        gives other embeddings in the numbers that it was trained in than in float32.
    """
    if len(values) < 2:
        raise ParityError(
            f"two inputs at least are needed to compare models; received {len(values)}."
        )
    session = open_session(exported.model, input_name=input_name, output_name=output_name)
    sizes = (1, len(values))
    difference, results = 0.0, list[NDArray[np.float32]]()
    for size in sizes:
        results.append(_in_batches(exported.original, values, size))
        given = _in_batches(session.run, values, size)
        difference = float(np.maximum(difference, np.abs(given - results[-1]).max()))  # NaN stays
    scale = typical_length(results[-1]) if by_length else 1.0
    if not difference <= tolerance * scale:  # NaN must fail too
        unstable = _unstable(exported.original, values, results, tolerance * scale)
        norm = f" at embeddings of norm {scale:.3g}" if by_length else ""
        raise ParityError(
            f"the ONNX model from {input_name} to {output_name} differs from its original by "
            f"{difference:.2e}{norm} on {inputs}; allowed are {tolerance * scale:.0e}. "
            f"{unstable}Nothing was exported."
        )
    precision = check_trained_precision(exported, values)
    return Parity(difference, tolerance, sizes, len(values), inputs, scale, precision)


def check_trained_precision(exported: Exported, values: NDArray[Any]) -> dict[str, Any] | None:
    """Compare a network in float32 with the same in the numbers that it was trained in.

    Returns
    -------
    dict[str, Any] | None
        The report; None if those are float32.

    Raises
    ------
    ParityError
        If an embedding's cosine falls below `LEAST_COSINE`.
    """
    if exported.unchanged is None:
        return None
    numbers = " and ".join(exported.other_floats)
    vectors = [_in_batches(run, values, 1) for run in (exported.unchanged, exported.original)]
    with np.errstate(invalid="ignore"):  # what is not finite gives NaN, which is refused
        lowest = float(cosine_similarity(*vectors).min())
    if not lowest >= LEAST_COSINE:
        raise ParityError(
            f"the network computes in {numbers}, and an embedding's cosine with that in float32 "
            f"falls to {lowest:.4f}; at least {LEAST_COSINE} is expected. Look for numbers that "
            f"{numbers} cannot hold, such as pixels that are not standardised."
        )
    return {
        "numbers": numbers,
        "cosine_min": lowest,
        "max_difference": float(np.abs(vectors[0] - vectors[1]).max()),
        "least_cosine": LEAST_COSINE,
    }


def _unstable(
    original: Arrays, values: NDArray[Any], results: Sequence[NDArray[np.float32]], allowed: float
) -> str:
    """Say so if the original does not even agree with itself, in batches of other sizes."""
    own = float(np.abs(results[0] - results[1]).max())
    if not own > allowed:
        return ""
    if float(np.abs(original(values) - results[1]).max()) > allowed:
        return f"The original {RANDOM} "
    return (
        f"The original differs from itself by {own:.2e}, one at a time and all at once: it "
        "magnifies what is rounded, as deep networks do that are untrained or get other pixels "
        "than they were trained with. "
    )


def _in_batches(run: Arrays, values: NDArray[Any], size: int) -> NDArray[np.float32]:
    starts = range(0, len(values), size)
    return np.concatenate([run(values[start : start + size]) for start in starts])
