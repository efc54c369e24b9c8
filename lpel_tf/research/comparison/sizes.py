"""How many pairs each measure of a comparison is made on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """How many pairs each measure is made on.

    Attributes
    ----------
    pairs
        The curves by noise and by transplant.
    other_fills
        Curves by other fills in one image.
    both
        Those in both images, which take twice as many embeddings, patches, landmarks and occluders.
    probes
        Accuracy, sanity and stability.
    unseen
        The correlation with unseen coalitions.
    measured
        Those of them whose yardstick, 256 coalitions of each fill, is measured; at least 2.
    second
        Of a second set of people.
    """

    pairs: int
    other_fills: int
    both: int
    probes: int
    unseen: int
    measured: int
    second: int

    @classmethod
    def of(cls, pairs: int) -> "Size":
        """Fewer pairs for what takes more embeddings, once there are enough."""
        half, quarter = (max(pairs // share, min(pairs, 50)) for share in (2, 4))
        return cls(
            pairs,
            other_fills=half,
            both=quarter,
            probes=max(2, pairs // 10),
            unseen=half,
            measured=min(pairs, 30),
            second=min(pairs, 40),
        )

    @property
    def each_fill(self) -> int:
        """The pairs whose maps are asked for in every fill."""
        return max(self.other_fills, self.both, self.unseen)


QUICK = Size(10, 6, 6, 4, 8, 4, 6)
"""Ten minutes."""
