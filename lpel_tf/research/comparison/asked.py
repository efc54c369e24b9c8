"""Which methods take part in a comparison, and which of them are asked about each fill apart."""

from collections.abc import Collection, Iterable

from lpel_serving.methods import find_method, methods
from lpel_serving.methods.catalogue.description import missing_needs
from lpel_serving.methods.catalogue.registry import make_method, own_parameters
from lpel_serving.methods.method import Method, Need

SUBJECTS = ("responses", "surrogate", "surrogate-order", "hybrid")
"""What may become the default: each is compared with the mean of its own maps too."""
ELSEWHERE = (
    # These share what they measure of an image: see `families`.
    *("corrrise", "coalitions"),
    # These are the controls of every curve.
    *("occlusion", "random", "centre", "constant-relevance"),
    # It explains similar pairs alone.
    "emsnn",
)
SLOW = ("xface",)
"""Two thousand embeddings a pair: run when asked for, once."""
CHEAP = ("responses", "surrogate", "surrogate-order", "lpel", "lpel-mended", "centre", "random")
"""What explains altered faces too, without embedding more images."""
FILL = "fill"
"""The parameter by which a method is asked about a fill."""

Needs = Collection[Need]


def asked_once(needs: Needs, *, slow: bool) -> dict[str, Method]:
    """The methods whose map is the same whatever replaces superpixels."""
    names = [name for name in methods() if name not in {*ELSEWHERE, *SLOW} and not _has_fill(name)]
    return _able({name: find_method(name) for name in (*names, *(SLOW if slow else ()))}, needs)


def asked_about(fill: str, needs: Needs) -> dict[str, Method]:
    """The methods that can be asked about a fill, each made for it."""
    names = [name for name in methods() if name not in {*ELSEWHERE, *SLOW}]
    return _able({n: make_method(n, {FILL: fill}) for n in names if _knows(n, fill)}, needs)


def cheap(fill: str, needs: Needs) -> dict[str, Method]:
    """The methods and controls of measures that explain altered faces, asked about a fill."""
    able = installed(CHEAP, needs)
    return {
        name: make_method(name, {FILL: fill}) if _knows(name, fill) else one
        for name, one in able.items()
    }


def installed(names: Iterable[str], needs: Needs) -> dict[str, Method]:
    """Those of some methods that are installed and can run, as they are by default."""
    known = methods()
    return _able({name: find_method(name) for name in names if name in known}, needs)


def _able(made: dict[str, Method], needs: Needs) -> dict[str, Method]:
    """Those that can run; one that declares no needs is taken to."""
    return {name: one for name, one in made.items() if not missing_needs(one, needs)}


def _has_fill(name: str) -> bool:
    return any(one.name == FILL for one in own_parameters(name))


def _knows(name: str, fill: str) -> bool:
    return any(one.name == FILL and fill in one.range.choices for one in own_parameters(name))
