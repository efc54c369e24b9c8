"""The controls drawn beside every deletion curve: what an explanation has to beat.

Some are derived from the map under test, and occlusion runs the network; whether a method's map is
independent of the pair is declared by the method, see `lpel_serving.methods.method.is_control`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lpel_serving.equations.fill import Fill
from lpel_serving.methods.controls.centre import Centre
from lpel_serving.methods.controls.constant_relevance import ConstantRelevance
from lpel_serving.methods.controls.derived import Given, Reverse, Shifted
from lpel_serving.methods.measured.occlusion import Occlusion
from lpel_serving.methods.measured.replacement import Kind
from lpel_serving.methods.method import Method
from lpel_serving.support.arrays import SignedMap

RANDOM, CONSTANT = "random", "constant relevance"


@dataclass(frozen=True)
class Control:
    """The title of a control and its meaning, for a reader."""

    title: str
    meaning: str


CONTROLS: Mapping[str, Control] = {
    RANDOM: Control("a random order", "chance"),
    "reverse": Control("its own reverse", "the same map, least important first"),
    "shifted": Control("its map shifted by half the image", "as smooth, but out of place"),
    "another pair": Control("another pair's map", "whether the map is about this pair at all"),
    CONSTANT: Control("LPEL with constant relevance", "whether Eq. 4.4 adds anything"),
    "centre": Control("distance from the centre", "uses only that faces are in the middle"),
    "occlusion": Control(
        "single-superpixel occlusion",
        "each superpixel hidden by itself: what a good order can reach",
    ),
}


OF_SUBJECT = ("reverse", "shifted", "another pair")
"""Those that are derived from the map of the assessed method."""


def names_of_controls(*, decodes: bool) -> tuple[str, ...]:
    """Name the controls that there are; without a decoder LPEL with constant relevance is none."""
    return tuple(name for name in CONTROLS if decodes or name != CONSTANT)


def controls(
    own: SignedMap,
    anothers: SignedMap,
    *,
    side: int,
    kind: Kind,
    fill: Fill,
    shared_noise: bool,
    decodes: bool,
) -> dict[str, Method]:
    """Make the controls for one pair, by name as in `CONTROLS`, without the random orders.

    Parameters
    ----------
    own
        The map of the assessed method.
    anothers
        Its map of another pair with the same decision.
    side, kind, fill, shared_noise
        How superpixels are replaced, for the occlusion.
    decodes
        Whether there is a decoder.
    """
    every = {
        "reverse": Reverse(Given(own)),
        "shifted": Shifted(Given(own)),
        "another pair": Given(anothers),
        CONSTANT: ConstantRelevance(),
        "centre": Centre(),
        "occlusion": Occlusion(side, kind, fill, shared_noise),
    }
    return {name: every[name] for name in names_of_controls(decodes=decodes) if name in every}
