"""The definition of a surrogate's table: grid, coalitions, fills, numbers of its embedder."""

import hashlib
from dataclasses import asdict, dataclass, field

from lpel_serving.equations.fill import TRANSPLANT, Fill
from lpel_serving.support.errors import ParameterError

FILLS = (Fill("normal"), Fill("mean"), Fill("blur"))
OF_EACH_FILL = 8
"""Coalitions that each fill replaces in a photograph, where nothing else is said."""


@dataclass(frozen=True)
class SurrogateTableSettings:
    """The exact definition of a table.

    Attributes
    ----------
    side
        Superpixels along one side.
    coalitions
        How many are replaced, one after the other, in each photograph: as many for each fill, in
        complementary pairs. With 0 it is `OF_EACH_FILL` for each.
    fills
        What superpixels are replaced by; transplants come as one more. Noise is drawn anew for
        every coalition.
    precision
        The numbers in which masked images are embedded: see `lpel_export.precision.choice`. Whole
        images are embedded in float32.
    seed
        Of all randomness, together with the photograph: its coalitions are the same whatever other
        photographs there are.
    """

    side: int = 8
    coalitions: int = 0
    fills: tuple[Fill, ...] = field(default=FILLS)
    precision: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        if not 2 <= self.side <= 40 or not self.fills or self.seed < 0:
            raise ParameterError(
                "a table has 2 to 40 superpixels along a side, fills, and a seed of 0 or more; "
                f"received {self.side}, {self.fills} and {self.seed}."
            )
        if len(set(self.names)) < len(self.names):
            raise ParameterError(
                "a surrogate knows its fills by name: expected different ones; received "
                f"{', '.join(self.names)}."
            )
        if not self.coalitions:
            object.__setattr__(self, "coalitions", OF_EACH_FILL * len(self.names))
        pairs = 2 * len(self.names)
        if self.coalitions < pairs or self.coalitions % pairs:
            raise ParameterError(
                f"a table has pairs of coalitions, as many for each of the {len(self.names)} fills "
                f"{', '.join(self.names)}: expected a multiple of {pairs}; received "
                f"{self.coalitions} coalitions."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The fills by name, in the order of the table, transplants last."""
        return (*(fill.name for fill in self.fills), TRANSPLANT)

    @property
    def key(self) -> str:
        """A short name that no other settings have."""
        return hashlib.sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()[:16]
