"""Results of deletion and insertion: accuracy curves, areas and their intervals."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lpel_serving.faithfulness.deletion_curve import Interval, area, bootstrap
from lpel_serving.support.errors import ParameterError
from lpel_tf.research.measures.deletion_insertion.games import GAMES, Game, MeasuredAccuracy

LOWER_IS_BETTER: Mapping[Game, bool] = {"deletion": True, "insertion": False}


def curves(measured: MeasuredAccuracy) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Accuracy at each level, shape (levels,), by game and method."""
    means = measured.right.mean(axis=2)
    return {game: dict(zip(measured.names, means[g], strict=True)) for g, game in enumerate(GAMES)}


def areas(measured: MeasuredAccuracy, game: Game, name: str) -> NDArray[np.float64]:
    """Each pair's share of the area under the accuracy curve, in [0, 1], shape (pairs,).

    The trapezoid rule over levels / 100 is linear, so that their mean is the curve's own area.

    Raises
    ------
    ParameterError
        If there is no such game, or no such method was measured.
    """
    if game not in GAMES or name not in measured.names:
        raise ParameterError(
            f"no {game} of {name!r} was measured; there are {', '.join(GAMES)} of "
            f"{', '.join(measured.names)}."
        )
    right = measured.right[GAMES.index(game), measured.names.index(name)]
    return area(right.astype(np.float64), np.array(measured.settings.levels, np.int64))


def area_under(
    measured: MeasuredAccuracy, game: Game, name: str, rng: np.random.Generator
) -> Interval:
    """Area under a method's curve, with its interval over pairs at the threshold as it is."""
    return bootstrap(areas(measured, game, name), rng)


def area_difference(
    measured: MeasuredAccuracy, game: Game, name: str, other: str, rng: np.random.Generator
) -> Interval:
    """Area of one method less that of another, pair by pair; see `LOWER_IS_BETTER`."""
    return bootstrap(areas(measured, game, name) - areas(measured, game, other), rng)


def in_percent(interval: Interval) -> Interval:
    """Multiply an area by 100, as the literature prints it."""
    return Interval(100 * interval.mean, 100 * interval.low, 100 * interval.high)
