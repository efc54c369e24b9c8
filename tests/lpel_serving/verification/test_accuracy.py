"""Accuracy, best threshold and ROC, against counting by hand."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving import CentreCrop, Explainer
from lpel_serving.engine.photographs import embed_photographs, pair_similarities
from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.decision import Decision
from lpel_serving.images.datasets.pairs import Pair
from lpel_serving.images.reading import read_pixels
from lpel_serving.support.errors import NoFaceError, ParameterError
from lpel_serving.verification.accuracy import (
    accuracy,
    area_under,
    best_threshold,
    cross_validate,
    roc_points,
    verification,
)
from support import tiny
from support.images import write_people
from support.strategies import few, seeds

rounded = pytest.mark.parametrize("levels", [None, 2, 5])
"""Ties are few, many, and the rule."""


def scored(seed: int, n: int, levels: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Similarities that tell something of the truth; of a few levels only, if given."""
    rng = np.random.default_rng((seed, n))
    same = rng.random(n) < 0.5
    similarities = np.clip(rng.normal(0.3 * same, 0.3), -0.7, 0.7)
    if levels:
        similarities = np.round(similarities * levels) / levels
    return similarities.astype(np.float32), same


def rates(similarities, same, threshold) -> tuple[float, float]:
    """Shares of different and of same pairs above a threshold, counted one by one."""
    counts = {True: [0, 0], False: [0, 0]}
    for similarity, truth in zip(similarities.tolist(), same.tolist(), strict=True):
        counts[truth][similarity > threshold] += 1
    false, true = (counts[kind][1] / max(1, sum(counts[kind])) for kind in (False, True))
    return false, true


def right(similarities, same, threshold) -> int:
    """How many decisions are right, counted one by one."""
    decided = zip(similarities.tolist(), same.tolist(), strict=True)
    return sum((similarity > threshold) is truth for similarity, truth in decided)


def most_right(similarities, same) -> int:
    """How many decisions are right at the best of all thresholds in [-1, 1]."""
    scores = sorted(set(similarities.tolist()))
    between = [(a + b) / 2 for a, b in pairwise(scores)]
    return max(right(similarities, same, cut) for cut in [-1.0, 1.0, *scores, *between])


def auc_by_hand(similarities, same) -> float:
    """Share of (same, different) pairs of pairs in the right order; a tie counts a half."""
    total = 0.0
    same_scores, other_scores = similarities[same].tolist(), similarities[~same].tolist()
    for high in same_scores:
        for low in other_scores:
            total += 1 if high > low else 0.5 if high == low else 0
    return total / (len(same_scores) * len(other_scores))


TRUTH = np.arange(40) % 2 == 0


def test_perfect_separation_scores_1():
    similarities = np.where(TRUTH, 0.8, 0.1).astype(np.float32)
    result = verification(similarities, TRUTH, 0.3)
    assert (result.pairs_same, result.pairs_different, result.threshold) == (20, 20, 0.3)
    assert vars(result.at_threshold) == {"same": 1, "different": 1, "total": 1}
    assert (result.best.accuracy, result.best.standard_error) == (1, 0)
    assert result.best.threshold == pytest.approx(0.45)
    assert result.auc == 1
    assert [(p.false_accept_rate, p.true_accept_rate) for p in result.roc] == [
        (0, 0),
        (0, 1),
        (1, 1),
    ]


def test_inverted_similarities_score_0():
    similarities = np.where(TRUTH, 0.1, 0.8).astype(np.float32)
    result = verification(similarities, TRUTH, 0.3)
    assert vars(result.at_threshold) == {"same": 0, "different": 0, "total": 0}
    assert result.auc == 0
    assert result.best.accuracy == 0.5


def test_identical_similarities_score_as_chance():
    result = verification(np.full(40, 0.5, np.float32), TRUTH, 0.3)
    assert vars(result.at_threshold) == {"same": 1, "different": 0, "total": 0.5}
    assert result.auc == 0.5
    assert result.best.accuracy == 0.5
    assert len(result.roc) == 2


@rounded
@few
@given(seeds, st.sampled_from([1, 2, 3, 10, 60]))
def test_no_threshold_decides_more_pairs_rightly_than_the_best(levels, seed, n):
    similarities, same = scored(seed, n, levels)
    threshold = best_threshold(similarities, same)
    assert right(similarities, same, threshold) == most_right(similarities, same)
    assert accuracy(similarities, same, threshold).total == pytest.approx(
        most_right(similarities, same) / n
    )


def test_of_several_best_thresholds_the_middle_one_is_taken():
    similarities = np.array([0.1, 0.2, 0.6, 0.7], np.float32)
    same = np.array([False, True, False, True])
    # Right are 3 at 0.15 and at 0.65, and nowhere more.
    assert best_threshold(similarities, same) in (pytest.approx(0.15), pytest.approx(0.65))
    assert best_threshold(similarities, np.array([False, False, True, True])) == pytest.approx(0.4)


def test_a_threshold_between_neighbouring_floats_separates_them():
    low = np.float32(0.5)
    for high in (np.nextafter(low, np.float32(1)), np.nextafter(low, np.float32(0))):
        similarities = np.array([low, high], np.float32)
        same = similarities == similarities.max()
        threshold = best_threshold(similarities, same)
        assert right(similarities, same, threshold) == 2
        assert accuracy(similarities, same, threshold).total == 1


@pytest.mark.parametrize("similarities", [[-1.0], [-1.0, 0.5], [-1.0, 1.0], [1.0], [-1.0, -1.0]])
def test_the_best_threshold_is_right_at_the_ends_of_the_scale(similarities):
    scores = np.array(similarities, np.float32)
    for truth in (True, False):
        same = np.full(len(scores), truth)
        threshold = best_threshold(scores, same)
        assert -1 <= threshold <= 1
        assert right(scores, same, threshold) == most_right(scores, same)


@pytest.mark.parametrize("threshold", [0.3, 0.387, -0.1, 0.25])
def test_accuracy_decides_as_the_engine_does(threshold):
    at = np.float32(threshold)
    scores = np.array([np.nextafter(at, np.float32(-2)), at, np.nextafter(at, np.float32(2))])
    expected = [Decision(float(score), threshold).similar for score in scores]
    assert expected == [False, False, True]
    assert accuracy(scores, np.array(expected), threshold).total == 1


@pytest.mark.parametrize("low", [0.3, 0.387, 0.5, -0.25, 0.0])
def test_a_fitted_threshold_parts_neighbours_in_float32(low):
    """Half-way between two neighbours rounds to the upper one half the time."""
    scores = [np.float32(low)]
    for _ in range(3):
        scores.append(np.nextafter(scores[-1], np.float32(2)))
    for lower, upper in pairwise(scores):
        similarities = np.array([lower] * 3 + [upper] * 3)
        same = np.array([False] * 3 + [True] * 3)
        for threshold in (
            best_threshold(similarities, same),
            roc_points(similarities, same)[1].threshold,
        ):
            assert threshold == float(np.float32(threshold))
            assert accuracy(similarities, same, threshold).total == 1


def test_the_least_similarity_of_all_is_not_above_the_least_threshold():
    scores = np.full(4, -1, np.float32)
    for same in (np.array([True] * 3 + [False]), np.array([False] * 3 + [True])):
        found = accuracy(scores, same, best_threshold(scores, same))
        assert found.total == np.mean(~same)


@few
@given(seeds, st.sampled_from([-1.0, -0.2, 0.0, 0.25, 0.5, 1.0]))
def test_accuracy_counts_right_decisions_strictly_above(seed, threshold):
    similarities, same = scored(seed, 30, 4)
    received = accuracy(similarities, same, threshold)
    false, true = rates(similarities, same, threshold)
    assert received.same == pytest.approx(true)
    assert received.different == pytest.approx(1 - false)
    assert received.total == pytest.approx(right(similarities, same, threshold) / 30)


def test_accuracy_on_a_kind_that_is_absent_is_nan():
    received = accuracy(np.array([0.5], np.float32), np.array([True]), 0.3)
    assert received.same == received.total == 1
    assert math.isnan(received.different)


@rounded
@few
@given(seeds, st.sampled_from([2, 5, 40]))
def test_every_point_of_the_roc_is_what_its_threshold_gives(levels, seed, n):
    similarities, same = scored(seed, n, levels)
    same[0], same[1] = True, False
    points = roc_points(similarities, same)
    for point in points:
        false, true = rates(similarities, same, point.threshold)
        assert point.false_accept_rate == pytest.approx(false)
        assert point.true_accept_rate == pytest.approx(true)
    thresholds = [point.threshold for point in points]
    assert thresholds == sorted(thresholds, reverse=True)
    assert (points[0].false_accept_rate, points[0].true_accept_rate) == (0, 0)
    assert (points[-1].false_accept_rate, points[-1].true_accept_rate) == (1, 1)


def test_the_last_point_of_the_roc_is_what_its_threshold_gives_at_the_end_of_the_scale():
    similarities, same = np.array([-1.0, 0.5], np.float32), np.array([False, True])
    for point in roc_points(similarities, same):
        assert (point.false_accept_rate, point.true_accept_rate) == rates(
            similarities, same, point.threshold
        )


@rounded
@few
@given(seeds, st.sampled_from([2, 5, 40]))
def test_dropping_the_points_within_an_edge_keeps_the_curve(levels, seed, n):
    similarities, same = scored(seed, n, levels)
    same[0], same[1] = True, False
    points = roc_points(similarities, same)
    kept = {(p.false_accept_rate, p.true_accept_rate) for p in points}
    assert len(kept) == len(points)
    assert area_under(points) == pytest.approx(auc_by_hand(similarities, same))
    # Each point that was dropped lies on an upright or level stretch between two that were kept.
    for cut in similarities.tolist():
        false, true = rates(similarities, same, cut)
        assert any(
            a.false_accept_rate <= false <= b.false_accept_rate
            and a.true_accept_rate <= true <= b.true_accept_rate
            and (
                (false, true) in kept
                or a.false_accept_rate == b.false_accept_rate
                or a.true_accept_rate == b.true_accept_rate
            )
            for a, b in pairwise(points)
        )


@few
@given(seeds, st.sampled_from([2, 5, 10]))
def test_cross_validation_is_that_of_folds_dealt_in_turn(seed, folds):
    similarities, same = scored(seed, 60)
    fold = [0] * 60
    for kind in (True, False):
        for turn, place in enumerate(np.flatnonzero(same == kind)):
            fold[place] = turn % folds
    scores, thresholds = [], []
    for k in range(folds):
        held = np.array([f == k for f in fold])
        thresholds.append(best_threshold(similarities[~held], same[~held]))
        scores.append(right(similarities[held], same[held], thresholds[-1]) / held.sum())
    mean = sum(scores) / folds
    deviation = math.sqrt(sum((score - mean) ** 2 for score in scores) / (folds - 1))
    received = cross_validate(similarities, same, folds)
    assert received.accuracy == pytest.approx(mean)
    assert received.standard_error == pytest.approx(deviation / math.sqrt(folds), abs=1e-12)
    assert received.threshold == pytest.approx(sum(thresholds) / folds)


@pytest.mark.parametrize(("same", "different"), [(9, 30), (30, 9), (0, 20), (20, 0)])
def test_too_few_pairs_are_refused_with_their_numbers(same, different):
    truth = np.array([True] * same + [False] * different)
    with pytest.raises(ParameterError, match=f"received {same} and {different}"):
        verification(np.zeros(same + different, np.float32), truth, 0.3)


def test_photographs_are_embedded_in_any_batches_alike(tiny_explainer, tmp_path):
    paths = sorted(write_people(tmp_path, 3, 3).glob("*/*"))
    done: list[int] = []
    expected = tiny_explainer.embedder.embed([tiny_explainer.embedder.read(p) for p in paths])
    for batch_size in (1, 2, 4, 100):
        received = embed_photographs(tiny_explainer.embedder, COSINE, paths, batch_size=batch_size)
        np.testing.assert_array_equal(received, expected)

    class Watched:
        def __enter__(self):
            return done.append

        def __exit__(self, *error):
            return None

    embed_photographs(
        tiny_explainer.embedder, COSINE, paths, batch_size=4, progress=lambda what, total: Watched()
    )
    assert done == [4, 4, 1]


def test_no_photographs_have_no_embeddings(tiny_explainer):
    received = embed_photographs(tiny_explainer.embedder, COSINE, [])
    assert received.shape == (0, tiny.DIMENSION)


def test_photographs_without_a_face_leave_nan_and_the_others_alone(tiny_bundle, tmp_path):
    people = write_people(tmp_path, 3, 2)
    a, b, c, d, e, f = sorted(people.glob("*/*"))
    faceless = [read_pixels(c), read_pixels(f)]

    def crop(picture: np.ndarray, size: int) -> np.ndarray:
        if any(np.array_equal(picture, other) for other in faceless):
            raise NoFaceError("no face was found")
        return CentreCrop()(picture, size)

    embedder = Explainer.load(tiny_bundle, crop=crop).embedder
    with pytest.raises(NoFaceError, match=r"Person_01_0001\.png: no face was found"):
        embedder.read(c)
    whole = Explainer.load(tiny_bundle).embedder
    expected = embed_photographs(whole, COSINE, [a, b, c, d, e, f])
    expected[[2, 5]] = np.nan
    for batch_size in (1, 2, 6):
        received = embed_photographs(embedder, COSINE, [a, b, c, d, e, f], batch_size=batch_size)
        np.testing.assert_array_equal(received, expected)
    pairs = [Pair(a, b, True), Pair(a, c, False), Pair(f, e, True), Pair(d, e, False)]
    similarities = pair_similarities(embedder, COSINE, pairs)
    np.testing.assert_array_equal(np.isnan(similarities), [False, True, True, False])
    all_found = pair_similarities(whole, COSINE, pairs)
    np.testing.assert_array_equal(similarities[[0, 3]], all_found[[0, 3]])


def test_the_similarity_of_pairs_is_that_of_explain(tiny_explainer, tmp_path):
    people = write_people(tmp_path, 2, 2)
    a, b, c, d = sorted(people.glob("*/*"))
    pairs = [Pair(a, b, True), Pair(a, c, False), Pair(c, d, True), Pair(d, d, True)]
    received = pair_similarities(tiny_explainer.embedder, COSINE, pairs)
    expected = [tiny_explainer.explain(pair.reference, pair.test).similarity for pair in pairs]
    np.testing.assert_array_equal(received, np.float32(expected))
    assert received[3] == 1
