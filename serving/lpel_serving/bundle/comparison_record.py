"""A bundle's record of how its network compares two embeddings (`comparison`)."""

from dataclasses import dataclass
from typing import Any, get_args

from lpel_serving.equations.comparison import ComparisonKind, check_spread
from lpel_serving.support.errors import BundleError, ParameterError
from lpel_serving.support.typed_json import Reader

COMPARISON_FILE = "comparison.onnx"
"""The learned head of a bundle that has one."""
REFERENCE_EMBEDDING, TEST_EMBEDDING, SIMILARITY = (
    "reference_embedding",
    "test_embedding",
    "similarity",
)
"""Its tensors: two batches of embeddings as the embedder gives them, and their similarity, in
[0, 1], shape (batch,)."""
_FINEST = 1e-5
"""By so much at least a threshold on a distance is below 1: float32 is not finer by far."""


@dataclass(frozen=True)
class ComparisonRecord:
    """How a network compares, and the scale on which its own users speak of it.

    Attributes
    ----------
    kind
        ``cosine``; ``euclidean``, a distance; or ``head``, learned, in `COMPARISON_FILE`.
    spread
        See `lpel_serving.equations.comparison.Euclidean`; None for a cosine, which needs none.
    """

    kind: ComparisonKind = "cosine"
    spread: float | None = None

    @property
    def measure(self) -> str:
        """What the network's own users call the number that is compared with the threshold."""
        return {"cosine": "similarity", "euclidean": "distance", "head": "score"}[self.kind]

    @property
    def needed_spread(self) -> float:
        """The spread, which every kind but a cosine has."""
        if self.spread is None:
            raise ParameterError(f"a comparison by {self.kind} has no spread.")
        return self.spread

    def similarity_of(self, own: float) -> float:
        """From the network's own scale, such as a threshold of 0.6 on a distance, to a similarity.

        Raises
        ------
        ParameterError
            If there is no such number on that scale.
        """
        least, most = {"cosine": (-1, 1), "euclidean": (0, float("inf")), "head": (0, 1)}[self.kind]
        if not least <= own <= most or own == float("inf"):
            raise ParameterError(
                f"a {self.measure} by {self.kind} lies in [{least}, {most}]; received {own}."
            )
        if self.kind != "euclidean":
            return own
        similarity = 1 - (own / self.needed_spread) ** 2 / 2
        if similarity > 1 - _FINEST:
            raise ParameterError(
                f"a distance of {own:.3g} is too small to tell apart beside a spread of "
                f"{self.needed_spread:.3g} of all embeddings: look whether it is on the network's "
                "own scale."
            )
        return similarity

    def own_of(self, similarity: float) -> float:
        """From a similarity to the network's own scale: of a distance, the distance."""
        if self.kind != "euclidean":
            return similarity
        return self.needed_spread * max(0.0, 2 * (1 - similarity)) ** 0.5

    def rule(self, threshold: float) -> str:
        """Say when two images are called similar, by a threshold on similarities."""
        measure = "cosine" if self.kind == "cosine" else self.measure
        exceeds = "is below" if self.kind == "euclidean" else "exceeds"
        return f"their {measure} {exceeds} {self.own_of(threshold):.4f}"


BY_COSINE = ComparisonRecord()
"""The record of a bundle that says nothing: embeddings are compared by their cosine."""


def least_similarity(record: ComparisonRecord) -> float:
    """The least threshold that there is, which every pair exceeds; of a distance, there is none."""
    return float("-inf") if record.kind == "euclidean" else -1.0


def read_comparison(fields: Reader) -> ComparisonRecord:
    """Read and check the manifest's record.

    Raises
    ------
    BundleError
        If the kind is unknown, or the spread is missing or out of range.
    """
    kind: Any = fields.take("kind", str)
    if kind not in get_args(ComparisonKind):
        known = ", ".join(get_args(ComparisonKind))
        raise BundleError(f"{fields.where}.kind: expected one of {known}; received {kind!r}.")
    if kind == "cosine":
        return BY_COSINE
    spread = fields.number("spread")
    try:
        check_spread(spread)
    except ParameterError as error:
        raise BundleError(f"{fields.where}.spread: {error}") from error
    return ComparisonRecord(kind, spread)
