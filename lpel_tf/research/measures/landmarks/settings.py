"""Settings of swapped landmarks: triplets of photographs, and the definition of the game."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lpel_serving.faithfulness.deletion_curve import IDENTICAL
from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.support.errors import ParameterError
from lpel_tf.research.measures.landmarks.boxes import LANDMARKS, Box
from lpel_tf.research.measures.percentages import refuse_percentages


@dataclass(frozen=True, eq=False)
class Triplet:
    """Who is given whose landmark, and by which photograph it is to be found.

    Attributes
    ----------
    reference
        Another photograph of the probe's person, or the probe where there is none; uint8, shape
        (S, S, 3).
    probe, donor
        The face, and the other person's, centred alike; uint8, shape (S, S, 3).
    h_reference, h_probe
        Their embeddings, float32, shape (D,).
    region
        Which landmark, a name in `SwapSettings.regions`.
    """

    reference: Pixels
    probe: Pixels
    donor: Pixels
    h_reference: Floats
    h_probe: Floats
    region: str


@dataclass(frozen=True)
class SwapSettings:
    """The exact definition of the game.

    Attributes
    ----------
    regions
        Landmarks by name.
    feather
        Over which share of the crop's side a landmark fades into the face, in [0, 0.5].
    alike
        A twin is kept if its cosine with the probe is below this, in (-1, 0.999]: where a swap
        hardly moves the embedding, nobody can say what flipped it back.
    masses
        Percentages of a map's mass that are given back; ascending whole numbers.
    rates
        False-alarm rates, in percent, that the flip probability is read off at; likewise.
    """

    regions: Mapping[str, Box] = field(default_factory=lambda: LANDMARKS)
    feather: float = 0.03
    alike: float = 0.9
    masses: tuple[int, ...] = tuple(range(0, 101, 5))
    rates: tuple[int, ...] = (1, 5)

    def __post_init__(self) -> None:
        refuse_percentages("masses", self.masses)
        refuse_percentages("rates", self.rates)
        if not self.regions:
            raise ParameterError("expected at least one landmark's box by name; received none.")
        if not 0 <= self.feather <= 0.5:
            raise ParameterError(f"a feather is a share in [0, 0.5]; received {self.feather}.")
        if not -1 < self.alike <= IDENTICAL:
            raise ParameterError(
                f"a twin is kept below a cosine in (-1, {IDENTICAL}]; received {self.alike}."
            )
