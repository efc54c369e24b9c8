"""Chooses the threshold; measures verification accuracy and the ROC curve (section 5.2.2)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.decision import Decisions
from lpel_serving.support.errors import ParameterError
from lpel_serving.verification.folds import check_folds, deal_folds

Scores = NDArray[np.float32]
Labels = NDArray[np.bool_]


@dataclass(frozen=True)
class Accuracy:
    """Share of right decisions, in [0, 1]: on pairs of the same person, of two, and on all."""

    same: float
    different: float
    total: float


@dataclass(frozen=True)
class RocPoint:
    """The operating point of one threshold: false and true positive rates."""

    threshold: float
    false_accept_rate: float
    true_accept_rate: float


@dataclass(frozen=True)
class CrossValidation:
    """Accuracy at the threshold that is best on the other folds.

    Attributes
    ----------
    accuracy
        Mean over the folds of the accuracy on the fold that was held out.
    standard_error
        Of that mean.
    threshold
        Mean over the folds of the best threshold on the other folds.
    """

    accuracy: float
    standard_error: float
    threshold: float


@dataclass(frozen=True)
class Verification:
    """How well a network verifies a set of pairs.

    Attributes
    ----------
    pairs_same, pairs_different
        The number of pairs of each kind.
    threshold
        The threshold that was given.
    at_threshold
        Accuracy at that threshold.
    best
        Accuracy by cross-validation: no threshold is chosen on the pairs that it is measured on.
    roc
        The operating points, from the strictest threshold to the loosest.
    auc
        Area under the curve through them.
    """

    pairs_same: int
    pairs_different: int
    threshold: float
    at_threshold: Accuracy
    best: CrossValidation
    roc: tuple[RocPoint, ...]
    auc: float


def verification(
    similarities: Scores, same: Labels, threshold: float, folds: int = 10
) -> Verification:
    """Measure decisions on pairs whose truth is known.

    Parameters
    ----------
    similarities
        Of each pair, shape (N,).
    same
        Whether each pair shows one person, shape (N,).
    threshold
        Pairs above it are called the same.
    folds
        The number of folds of the cross-validation; see `deal_folds`.

    Raises
    ------
    ParameterError
        If there are fewer pairs of either kind than folds.
    """
    check_folds(same, folds)
    roc = roc_points(similarities, same)
    return Verification(
        pairs_same=int(np.count_nonzero(same)),
        pairs_different=int(np.count_nonzero(~same)),
        threshold=threshold,
        at_threshold=accuracy(similarities, same, threshold),
        best=cross_validate(similarities, same, folds),
        roc=roc,
        auc=area_under(roc),
    )


def accuracy(similarities: Scores, same: Labels, threshold: float) -> Accuracy:
    """Share of right decisions at a threshold; NaN for a kind without pairs."""
    right = Decisions(similarities, threshold).similar == same
    kinds = [right[same], right[~same], right]
    return Accuracy(*(float(kind.mean()) if kind.size else float("nan") for kind in kinds))


def best_threshold(similarities: Scores, same: Labels) -> float:
    """Threshold that decides most pairs rightly, half-way between two similarities.

    The median of equally good thresholds, so that it does not depend on a single pair; in float32,
    like decisions.
    """
    order = np.argsort(similarities, kind="stable")
    scores, truth = similarities[order], same[order]
    # With the first k pairs rejected: right are their `different` and the others' `same`.
    right = np.concatenate([[0], np.cumsum(~truth)]) + np.concatenate(
        [np.cumsum(truth[::-1])[::-1], [0]]
    )
    least = float(scores.min(initial=1))
    # Of a distance there is no least similarity; one of -1 does not exceed a threshold of -1.
    lowest = -1.0 if least >= -1 else least - 1
    cuts = np.concatenate([[lowest], half_way(scores[:-1], scores[1:]), [1.0]])
    real = np.concatenate([[least > lowest], scores[1:] > scores[:-1], [True]])
    best = np.flatnonzero(real & (right == right[real].max()))
    return float(cuts[best[len(best) // 2]])


def count_of_each(similarities: Scores, same: Labels, what: str) -> tuple[int, int]:
    """Count the pairs of one person and those of two; raise if either kind is absent.

    Raises
    ------
    ParameterError
        If a kind of pair is absent, a similarity is not finite, or the lengths differ.
    """
    if similarities.shape != same.shape or not np.isfinite(similarities).all():
        raise ParameterError(
            f"expected a finite similarity for each of {len(same)} pairs, received "
            f"{int(np.isfinite(similarities).sum())}: leave out pairs without an embedding."
        )
    n_same, n_different = int(np.count_nonzero(same)), int(np.count_nonzero(~same))
    if not n_same or not n_different:
        raise ParameterError(
            f"{what} needs pairs that show the same and pairs that do not; received {n_same} and "
            f"{n_different}."
        )
    return n_same, n_different


def cross_validate(similarities: Scores, same: Labels, folds: int) -> CrossValidation:
    """Accuracy on each fold at the threshold that is best on the others."""
    fold = deal_folds(same, folds)
    thresholds = [best_threshold(similarities[fold != k], same[fold != k]) for k in range(folds)]
    scores = [
        accuracy(similarities[fold == k], same[fold == k], threshold).total
        for k, threshold in enumerate(thresholds)
    ]
    return CrossValidation(
        float(np.mean(scores)),
        float(np.std(scores, ddof=1) / np.sqrt(folds)) if folds > 1 else float("nan"),
        float(np.mean(thresholds)),
    )


def roc_points(similarities: Scores, same: Labels) -> tuple[RocPoint, ...]:
    """Operating points of every threshold that changes a decision, corners only."""
    order = np.argsort(-similarities, kind="stable")
    scores, truth = similarities[order], same[order]
    last = np.flatnonzero(np.append(scores[1:] < scores[:-1], True))
    true = np.append(0, np.cumsum(truth)[last]) / max(1, np.count_nonzero(same))
    false = np.append(0, np.cumsum(~truth)[last]) / max(1, np.count_nonzero(~same))
    below = np.append(scores[last[1:]], np.float32(-1 if scores[-1] > -1 else scores[-1] - 1))
    cuts = np.append(1.0, half_way(below, scores[last]))
    points = [RocPoint(*map(float, point)) for point in zip(cuts, false, true, strict=True)]
    return tuple(p for i, p in enumerate(points) if i in {0, len(points) - 1} or _corner(points, i))


def area_under(roc: tuple[RocPoint, ...]) -> float:
    """Area under a curve of operating points, by the trapezoid rule, in [0, 1]."""
    x = [point.false_accept_rate for point in roc]
    y = [point.true_accept_rate for point in roc]
    return float(np.trapezoid(y, x))


def half_way(low: Scores | np.float32, high: Scores | np.float32) -> Scores:
    """Half-way from one similarity to a higher one, float32, and always below the higher one."""
    middle = ((np.asarray(low, np.float64) + np.asarray(high, np.float64)) / 2).astype(np.float32)
    return np.where(middle < high, middle, low)


def _corner(points: list[RocPoint], i: int) -> bool:
    before, here, after = points[i - 1 : i + 2]
    level = before.true_accept_rate == here.true_accept_rate == after.true_accept_rate
    upright = before.false_accept_rate == here.false_accept_rate == after.false_accept_rate
    return not (level or upright)
