"""Which methods take part in a comparison, and which of them are asked about each fill apart."""

from collections.abc import Iterable

from lpel_serving.methods import find_method, methods
from lpel_serving.methods.catalogue.registry import make_method, own_parameters
from lpel_serving.methods.method import Method

SUBJECTS = ("responses", "surrogate", "surrogate-order")
"""What may become the default: each is compared with the mean of its own maps too."""
ELSEWHERE = (
    # These share what they measure of an image: see `families`.
    *("corrrise", "coalitions", "hybrid"),
    # These are the controls of every curve.
    *("occlusion", "random", "centre", "constant-relevance"),
    # It explains similar pairs alone.
    "emsnn",
)
SLOW = ("xface",)
"""Two thousand embeddings a pair: run when asked for, once."""
CHEAP = ("responses", "lpel", "lpel-mended", "centre", "random")
FILL = "fill"
"""The parameter by which a method is asked about a fill."""


def asked_once(*, slow: bool) -> dict[str, Method]:
    """The methods whose map is the same whatever replaces superpixels."""
    own = [name for name in _taking_part() if not _has_fill(name)]
    return {name: find_method(name) for name in (*own, *(SLOW if slow else ()))}


def asked_about(fill: str) -> dict[str, Method]:
    """The methods that can be asked about a fill, each made for it."""
    return _made(_taking_part(), fill)


def cheap(fill: str = "normal") -> dict[str, Method]:
    """The methods and controls of measures that explain altered faces, asked about a fill."""
    installed = methods()
    names = dict.fromkeys(name for name in (*SUBJECTS, *CHEAP) if name in installed)
    return {name: find_method(name) for name in names} | _made(names, fill)


def _taking_part() -> list[str]:
    return [name for name in methods() if name not in {*ELSEWHERE, *SLOW}]


def _made(names: Iterable[str], fill: str) -> dict[str, Method]:
    return {name: make_method(name, {FILL: fill}) for name in names if _knows(name, fill)}


def _has_fill(name: str) -> bool:
    return any(one.name == FILL for one in own_parameters(name))


def _knows(name: str, fill: str) -> bool:
    return any(one.name == FILL and fill in one.range.choices for one in own_parameters(name))
