"""Export is not finished until the ONNX model agrees with the one that it came from."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.conversion import Exported
from lpel_export.errors import ParityError
from lpel_serving.session import open_session
from lpel_serving.similarity import typical_length

TOLERANCE = 1e-5


@dataclass(frozen=True)
class Parity:
    """How far an ONNX model is from the one that it came from.

    Attributes
    ----------
    max_difference
        Largest absolute difference of any output; of embeddings, as a share of their typical
        length.
    tolerance
        What it was allowed to be.
    batch_sizes
        The batch sizes that it was measured at.
    samples
        How many inputs there were.
    inputs
        What they were, in words.
    """

    max_difference: float
    tolerance: float
    batch_sizes: tuple[int, ...]
    samples: int
    inputs: str

    def to_json(self) -> dict[str, Any]:
        """The report as it stands in a manifest."""
        return asdict(self)


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
        Whether differences are taken as a share of the outputs' typical length: vectors of length
        300 are rounded more coarsely than those of length 1.

    Raises
    ------
    ParityError
        If they differ by more, or there are fewer than two inputs.
    """
    if len(values) < 2:
        raise ParityError(
            f"two inputs at least are needed to compare models; received {len(values)}."
        )
    session = open_session(exported.model, input_name=input_name, output_name=output_name)
    sizes = (1, len(values))
    length = typical_length(exported.original(values)) if by_length else 1.0
    difference = max(_difference(exported, session.run, values, size) for size in sizes) / length
    if not difference <= tolerance:  # NaN must fail too
        raise ParityError(
            f"the ONNX model from {input_name} to {output_name} differs from its original by "
            f"{difference:.2e} on {inputs}; allowed are {tolerance:.0e}. Nothing was exported."
        )
    return Parity(difference, tolerance, sizes, len(values), inputs)


def _difference(exported: Exported, run: Any, values: NDArray[Any], size: int) -> float:
    starts: Sequence[int] = range(0, len(values), size)
    batches = [values[start : start + size] for start in starts]
    return max(float(np.abs(run(batch) - exported.original(batch)).max()) for batch in batches)
