"""The controls that every quality curve is drawn beside: what an explanation has to beat.

Some are made from the map that is assessed, and occlusion asks the network: whether a method knows
nothing of any pair, it says itself, see `lpel_serving.methods.method.is_control`.
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

RANDOM = "random"


@dataclass(frozen=True)
class Control:
    """What a control is called and what it is, for a reader."""

    title: str
    meaning: str


CONTROLS: Mapping[str, Control] = {
    RANDOM: Control("a random order", "chance"),
    "reverse": Control("its own reverse", "the same map, least important first"),
    "shifted": Control("its map shifted by half the image", "as smooth, but out of place"),
    "another pair": Control("another pair's map", "whether the map is about this pair at all"),
    "constant relevance": Control("LPEL with constant relevance", "whether Eq. 4.4 adds anything"),
    "centre": Control("distance from the centre", "knowing only that faces are in the middle"),
    "occlusion": Control(
        "single-superpixel occlusion", "the network asked about each: what a good order can reach"
    ),
}


OF_SUBJECT = ("reverse", "shifted", "another pair")
"""Those that are made from the map of the method that is assessed."""


def controls(
    own: SignedMap,
    anothers: SignedMap,
    *,
    side: int,
    kind: Kind,
    fill: Fill,
    shared_noise: bool,
) -> dict[str, Method]:
    """Make the controls for one pair, all but the random orders, by the names in `CONTROLS`.

    Parameters
    ----------
    own
        The map of the method that is assessed.
    anothers
        Its map of another pair with the same decision.
    side, kind, fill, shared_noise
        How superpixels are replaced, for the occlusion.
    """
    return {
        "reverse": Reverse(Given(own)),
        "shifted": Shifted(Given(own)),
        "another pair": Given(anothers),
        "constant relevance": ConstantRelevance(),
        "centre": Centre(),
        "occlusion": Occlusion(side, kind, fill, shared_noise),
    }
