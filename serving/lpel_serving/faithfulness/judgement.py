"""Compares a method's curves with those of its controls and rivals, in numbers and words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lpel_serving.faithfulness.assessment import Measured
from lpel_serving.faithfulness.controls import CONTROLS, OF_SUBJECT, RANDOM
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.deletion_curve import (
    Curves,
    Interval,
    area,
    bootstrap,
    movement,
    normalise_falling,
    normalise_rising,
)
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.wording import listed

Outcome = Literal["better", "worse", "undecided"]
Scale = Literal["share", "rise", "movement"]
SCALE_TITLES: Mapping[Scale, str] = {
    "share": "share of the first similarity",
    "rise": "similarity: 0 at first, 1 the same",
    "movement": "how far the similarity moves",
}
_SCALES: Mapping[Scale, Callable[[Curves], Curves]] = {
    "share": normalise_falling,
    "rise": normalise_rising,
    "movement": movement,
}

FEW = 6
"""With fewer pairs a bootstrap interval excludes 0 too often by chance: nothing is concluded."""


@dataclass(frozen=True)
class Comparison:
    """A method against one control or rival, on the same pairs.

    Attributes
    ----------
    against
        The other's name.
    area
        Under the other's curve.
    difference
        Mean over pairs of the method's area minus the other's.
    outcome
        ``better`` or ``worse`` if the interval of the difference excludes 0.
    words
        The comparison as a sentence.
    """

    against: str
    area: Interval
    difference: Interval
    outcome: Outcome
    words: str


@dataclass(frozen=True, eq=False)
class Judgement:
    """A method's curves and its comparisons with controls and rivals.

    Attributes
    ----------
    method
        Its name.
    scale
        The scale of the curves: see `scale_of`.
    lower_is_better
        Whether a good order makes the curve fall, as for similar pairs.
    pairs
        How many.
    replaced
        Superpixels replaced at each step, shape (steps,).
    curves
        Mean normalised curve of each order, shape (steps,), by name.
    random_band
        Lowest and highest of the mean curves of the random draws, shape (2, steps).
    area
        Under the method's normalised curve.
    comparisons
        With each control and rival.
    """

    method: str
    scale: Scale
    lower_is_better: bool
    pairs: int
    replaced: NDArray[np.int64]
    curves: dict[str, NDArray[np.float64]]
    random_band: NDArray[np.float64]
    area: Interval
    comparisons: tuple[Comparison, ...]

    def against(self, name: str) -> Comparison:
        """The comparison with a control or rival.

        Raises
        ------
        ParameterError
            If there is none of that name.
        """
        for one in self.comparisons:
            if one.against == name:
                return one
        names = ", ".join(one.against for one in self.comparisons)
        raise ParameterError(f"nothing called {name!r} was compared; there are: {names}.")


def scale_of(settings: CurveSettings, *, similar: bool) -> Scale:
    """Choose the scale of a curve.

    Similar pairs: the similarity as a share of the first (figure 5.12). Dissimilar pairs: from 0 at
    the first similarity to 1 at a similarity of 1. Transplants in similar pairs: the absolute
    change of the similarity, since a good map marks what both images share, and its transplant
    changes little.
    """
    if settings.kind == "transplant" and similar:
        return "movement"
    return "share" if similar else "rise"


def normalised(measured: Measured) -> NDArray[np.float64]:
    """Every curve on its scale, see `scale_of`: shape (pairs, orders, steps)."""
    scale = scale_of(measured.settings, similar=measured.similar)
    return _SCALES[scale](measured.similarities)


def areas(measured: Measured) -> dict[str, NDArray[np.float64]]:
    """Area under each pair's normalised curve, shape (pairs,), by order; random ones averaged."""
    each = area(normalised(measured), measured.settings.replaced)
    return {name: each[:, places].mean(axis=1) for name, places in _places(measured).items()}


def judge(measured: Measured, rng: np.random.Generator, method: str | None = None) -> Judgement:
    """Compare a method with every control and rival that was measured beside it.

    Parameters
    ----------
    measured
        The curves.
    rng
        The source of randomness, for the bootstrap over pairs.
    method
        The subject if None; or one of its rivals, which is not compared with the controls derived
        from the subject's map.
    """
    method = method or measured.subject
    by_name = areas(measured)
    curves = normalised(measured)
    random = curves[:, _places(measured)[RANDOM]].mean(axis=0)
    seed = int(rng.integers(2**62))

    def interval(values: NDArray[np.float64]) -> Interval:
        # The same resampled pairs for every comparison.
        return bootstrap(values, np.random.default_rng(seed))

    comparisons = tuple(
        _compare(method, other, interval(values), interval(by_name[method] - values), measured)
        for other, values in sorted(by_name.items(), key=_controls_first)
        if other != method and not (other in OF_SUBJECT and method != measured.subject)
    )
    return Judgement(
        method=method,
        scale=scale_of(measured.settings, similar=measured.similar),
        lower_is_better=measured.similar,
        pairs=len(curves),
        replaced=measured.settings.replaced,
        curves={n: curves[:, p].mean(axis=(0, 1)) for n, p in _places(measured).items()},
        random_band=np.stack([random.min(axis=0), random.max(axis=0)]),
        area=interval(by_name[method]),
        comparisons=comparisons,
    )


def outcome(difference: Interval, *, lower_is_better: bool) -> Outcome:
    """Classify a difference in area as better, worse or, if its interval includes 0, undecided."""
    sign = -difference.sign if lower_is_better else difference.sign
    return ("undecided", "better", "worse")[sign]


def title_of(name: str) -> str:
    """The title of a control or rival in a sentence."""
    return CONTROLS[name].title if name in CONTROLS else name


def in_numbers(interval: Interval) -> str:
    """Write an interval as ``+0.012 [-0.003, +0.027]``."""
    mean, low, high = (round(v, 3) + 0.0 for v in (interval.mean, interval.low, interval.high))
    return f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"


def _compare(
    method: str, other: str, of_other: Interval, difference: Interval, measured: Measured
) -> Comparison:
    enough = len(measured.similarities) >= FEW
    result = outcome(difference, lower_is_better=measured.similar) if enough else "undecided"
    title = title_of(other)
    says = {
        "better": f"{method} beats {title}",
        "worse": f"{method} does worse than {title}",
        "undecided": f"{method} is not clearly better or worse than {title}",
    }[result]
    if not enough:
        says += f" by {len(measured.similarities)} pairs, which are too few"
    words = f"{says}: difference in area {in_numbers(difference)}."
    return Comparison(other, of_other, difference, result, words)


def _controls_first(named: tuple[str, object]) -> int:
    return list(CONTROLS).index(named[0]) if named[0] in CONTROLS else len(CONTROLS)


def _places(measured: Measured) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, name in enumerate(measured.names):
        places.setdefault(name, []).append(place)
    return places


def headline(judgement: Judgement, names: Sequence[str] = tuple(CONTROLS)) -> str:
    """Say in one sentence which controls a method beats and which it does not."""
    outcomes = {one.against: one.outcome for one in judgement.comparisons if one.against in names}
    return f"{judgement.method} {listed(by_outcome(outcomes)) or 'is compared with nothing'}."


def by_outcome(outcomes: Mapping[str, str]) -> list[str]:
    """Say which controls are beaten and which are not, from the outcome of each."""
    verbs = {
        "better": "beats",
        "undecided": "is not clearly better or worse than",
        "worse": "does worse than",
    }
    titles = {
        kind: [title_of(name) for name, outcome in outcomes.items() if outcome == kind]
        for kind in verbs
    }
    return [f"{verb} {listed(titles[kind])}" for kind, verb in verbs.items() if titles[kind]]
