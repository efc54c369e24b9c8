"""The controls that every quality curve is drawn beside: what an explanation has to beat."""

from collections.abc import Mapping
from dataclasses import dataclass

from lpel_serving.fill import Fill
from lpel_serving.methods.centre import Centre
from lpel_serving.methods.constant_relevance import ConstantRelevance
from lpel_serving.methods.derived import AnotherPair, Reverse, Shifted
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.occlusion import Occlusion
from lpel_serving.replacement import Kind

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


def controls(
    subject: Method,
    another: FacePair,
    *,
    side: int,
    kind: Kind,
    fill: Fill,
    shared_noise: bool,
) -> dict[str, Method]:
    """Make the controls of a method, all but the random orders, by the names in `CONTROLS`.

    Parameters
    ----------
    subject
        The method that is assessed.
    another
        A pair other than the one explained, with the same decision.
    side, kind, fill, shared_noise
        How superpixels are replaced, for the occlusion.
    """
    return {
        "reverse": Reverse(subject),
        "shifted": Shifted(subject),
        "another pair": AnotherPair(subject, another),
        "constant relevance": ConstantRelevance(),
        "centre": Centre(),
        "occlusion": Occlusion(side, kind, fill, shared_noise),
    }
