"""Results of Patch-LFW: error rates as patches are given back, areas and their intervals.

Lower is better: a method has found the patches if the network soon errs less without them.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lpel_serving.faithfulness.deletion_curve import Interval, bootstrap
from lpel_serving.support.errors import ParameterError
from lpel_tf.research.measures.patches.game import MeasuredPatches

PairKind = Literal["genuine", "impostor"]
PAIR_KINDS: tuple[PairKind, ...] = get_args(PairKind)


def error_rates(measured: MeasuredPatches, kind: PairKind) -> dict[str, NDArray[np.float64]]:
    """Share of wrong decisions at each level, in [0, 1], shape (levels,), by method.

    FNMR of the genuine pairs, FMR of the impostors.
    """
    return {name: _wrong(measured, kind, name).mean(axis=0) for name in measured.names}


def areas(measured: MeasuredPatches, kind: PairKind, name: str) -> NDArray[np.float64]:
    """Each pair's share of levels with a wrong decision, in [0, 1], shape (pairs of the kind,).

    Their mean over pairs is that of the error rate over levels.

    Raises
    ------
    ParameterError
        If there is no such kind of pair, or no such method was measured.
    """
    return _wrong(measured, kind, name).mean(axis=1)


def area_under(
    measured: MeasuredPatches, kind: PairKind, name: str, rng: np.random.Generator
) -> Interval:
    """Mean error rate over levels, with its interval over pairs at the threshold as it is."""
    return bootstrap(areas(measured, kind, name), rng)


def area_difference(
    measured: MeasuredPatches, kind: PairKind, name: str, other: str, rng: np.random.Generator
) -> Interval:
    """Area of one method less that of another, pair by pair; below 0 the first is better."""
    return bootstrap(areas(measured, kind, name) - areas(measured, kind, other), rng)


def _wrong(measured: MeasuredPatches, kind: PairKind, name: str) -> NDArray[np.bool_]:
    if kind not in PAIR_KINDS or name not in measured.names:
        raise ParameterError(
            f"nothing was measured of {kind} pairs and {name!r}; there are "
            f"{', '.join(PAIR_KINDS)} pairs, and {', '.join(measured.names)}."
        )
    chosen = measured.same if kind == "genuine" else ~measured.same
    return measured.wrong[measured.names.index(name)][chosen]
