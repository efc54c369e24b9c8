"""Pairs of photographs on which the network decided rightly."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from lpel_serving import Explainer
from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.faithfulness.deletion_curve import IDENTICAL
from lpel_serving.faithfulness.photograph_pairs import PhotographPairs, rightly_decided
from lpel_serving.images.crops import CentreCrop
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.images.datasets.pairs import Pair
from lpel_serving.images.reading import read_pixels
from lpel_serving.support.errors import LpelError, NoFaceError, PairsError
from support.images import write_people


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return list_faces(write_people(tmp_path_factory.mktemp("people"), people=5, each=3))


@pytest.fixture(scope="module")
def candidates(people):
    return [
        Pair(a.path, b.path, a.identity == b.identity) for a, b in itertools.combinations(people, 2)
    ]


@pytest.fixture
def watched(tiny_bundle, monkeypatch):
    """An explainer's embedder, and the photographs that it has read."""
    embedder = Explainer.load(tiny_bundle).embedder
    seen = []
    cut = embedder.cut

    def cutting(image, name=None, face=None):
        seen.append(image if name is None else Path(name))
        return cut(image, name, face)

    monkeypatch.setattr(embedder, "cut", cutting)
    return embedder, seen


def similarity(embedder, pair: Pair) -> float:
    h = embedder.embed([embedder.read(pair.reference), embedder.read(pair.test)])
    return float(cosine_similarity(h[0], h[1]))


@pytest.fixture(scope="module")
def middle(tiny_explainer, candidates):
    """A threshold with pairs of each kind on both sides, by kind."""
    return {
        same: float(
            np.median(
                [similarity(tiny_explainer.embedder, p) for p in candidates if p.same == same]
            )
        )
        for same in (True, False)
    }


def choose(embedder, candidates, n, *, threshold, same=True, seed=0):
    rng = np.random.default_rng(seed)
    return rightly_decided(embedder, COSINE, candidates, n, threshold=threshold, same=same, rng=rng)


@pytest.mark.parametrize("same", [True, False])
def test_wrong_decisions_are_left_out(tiny_explainer, candidates, middle, same):
    embedder, threshold = tiny_explainer.embedder, middle[same]
    chosen = choose(embedder, candidates, 1000, threshold=threshold, same=same)
    right = {
        pair
        for pair in candidates
        if pair.same == same and (similarity(embedder, pair) > threshold) == same
    }
    wanted = [pair for pair in candidates if pair.same == same]
    assert 2 <= len(right) < len(wanted)
    assert set(chosen.pairs) == right
    assert len(chosen) == len(right)
    assert chosen.similar is same


def test_no_more_than_are_wanted_are_taken(tiny_explainer, candidates):
    assert len(choose(tiny_explainer.embedder, candidates, 4, threshold=-1)) == 4


def test_pairs_are_taken_at_random(tiny_explainer, candidates):
    one, same, other = (
        choose(tiny_explainer.embedder, candidates, 4, threshold=-1, seed=seed).pairs
        for seed in (0, 0, 1)
    )
    assert one == same
    assert one != other
    assert len(set(one)) == 4


def test_only_the_photographs_that_are_needed_are_embedded(watched, candidates):
    embedder, seen = watched
    chosen = choose(embedder, candidates, 3, threshold=-1)
    needed = {path for pair in chosen.pairs for path in (pair.reference, pair.test)}
    assert set(seen) == needed
    assert len(seen) == len(needed)


def test_no_photograph_is_embedded_twice_however_many_are_wrong(watched, candidates, middle):
    embedder, seen = watched
    choose(embedder, candidates, 20, threshold=middle[False], same=False)
    assert len(seen) == len(set(seen))


def test_crops_and_embeddings_are_those_of_the_photographs(tiny_explainer, candidates):
    embedder = tiny_explainer.embedder
    chosen = choose(embedder, candidates, 4, threshold=-1)
    for pair, source in zip(chosen, chosen.pairs, strict=True):
        np.testing.assert_array_equal(pair.reference, read_pixels(source.reference))
        np.testing.assert_array_equal(pair.test, read_pixels(source.test))
        expected = embedder.embed([pair.reference, pair.test])
        np.testing.assert_array_equal(np.stack([pair.h_r, pair.h_t]), expected)
        assert pair.similar is True


def test_a_photograph_is_read_when_its_pair_is_asked_for(watched, candidates):
    embedder, seen = watched
    chosen = choose(embedder, candidates, 4, threshold=-1)
    seen.clear()
    len(chosen)
    _ = chosen[1:], chosen.similar, chosen.h_r
    assert seen == []
    _ = chosen[2]
    assert seen == [chosen.pairs[2].reference, chosen.pairs[2].test]


def test_a_pair_asked_for_again_at_once_is_not_read_again(watched, candidates):
    embedder, seen = watched
    chosen = choose(embedder, candidates, 4, threshold=-1)
    seen.clear()
    one, again = chosen[2], chosen[2]
    assert len(seen) == 2
    np.testing.assert_array_equal(one.test, again.test)


def disjoint(people) -> list[Pair]:
    """Pairs without a photograph in common."""
    paths = [face.path for face in people]
    return [Pair(*paths[i : i + 2], same=True) for i in range(0, len(paths) - 1, 2)]


def test_a_walk_with_each_neighbour_cuts_no_photograph_twice(watched, people):
    embedder, seen = watched
    pairs = disjoint(people)
    chosen = choose(embedder, pairs, len(pairs), threshold=-1)
    assert len(chosen) == 7
    seen.clear()
    # As curves are measured: the first two, then each with its neighbour, the last's the first.
    _ = chosen[0], chosen[1]
    for i in range(7):
        _ = chosen[i], chosen[(i + 1) % 7]
    assert len(seen) == 14


def test_only_a_few_crops_are_held(watched, people):
    embedder, _ = watched
    chosen = choose(embedder, disjoint(people), 7, threshold=-1)
    for i in range(7):
        _ = chosen[i]
    assert len(chosen._recent) <= 6


def test_pairs_are_indexed_like_a_list(tiny_explainer, candidates):
    chosen = choose(tiny_explainer.embedder, candidates, 4, threshold=-1)
    np.testing.assert_array_equal(chosen[-1].test, chosen[3].test)
    np.testing.assert_array_equal(chosen[-1].h_t, chosen.h_t[3])
    np.testing.assert_array_equal(chosen[np.int64(2)].h_r, chosen.h_r[2])
    assert len(list(chosen)) == 4
    for index in (4, -5):
        with pytest.raises(IndexError):
            _ = chosen[index]


def test_slices_are_pairs_again(tiny_explainer, candidates):
    chosen = choose(tiny_explainer.embedder, candidates, 5, threshold=-1)
    for part in (slice(1, 3), slice(None, None, 2), slice(-2, None), slice(9, None)):
        few = chosen[part]
        assert isinstance(few, PhotographPairs)
        assert few.pairs == chosen.pairs[part]
        assert few.similar is chosen.similar
        np.testing.assert_array_equal(few.h_r, chosen.h_r[part])
        np.testing.assert_array_equal(few.h_t, chosen.h_t[part])
    np.testing.assert_array_equal(chosen[1:3][0].test, chosen[1].test)


@pytest.mark.parametrize("same", [True, False])
def test_too_few_right_decisions_are_an_error(tiny_explainer, candidates, same):
    with pytest.raises(PairsError, match=r"found 0 pairs of (one|two) .* at least 2") as caught:
        choose(tiny_explainer.embedder, candidates, 5, threshold=1 if same else -1, same=same)
    assert isinstance(caught.value, LpelError)


def test_no_candidates_are_an_error(tiny_explainer, candidates):
    for few in ([], [pair for pair in candidates if not pair.same]):
        with pytest.raises(PairsError, match="found 0 pairs of one person"):
            choose(tiny_explainer.embedder, few, 5, threshold=-1)


def test_one_pair_is_too_few(tiny_explainer, candidates):
    one = [pair for pair in candidates if pair.same][:1]
    with pytest.raises(PairsError, match="found 1 pairs"):
        choose(tiny_explainer.embedder, one, 5, threshold=-1)


@pytest.mark.parametrize("same", [True, False])
def test_photographs_without_a_face_are_left_out(tiny_bundle, people, candidates, same):
    faceless = {people[0].path, people[7].path}
    hidden = {read_pixels(path).tobytes() for path in faceless}

    def crop(image, size):
        if image.tobytes() in hidden:
            raise NoFaceError("no face")
        return CentreCrop()(image, size)

    embedder = Explainer.load(tiny_bundle, crop=crop).embedder
    chosen = choose(embedder, candidates, 1000, threshold=-1 if same else 1, same=same)
    expected = {
        pair
        for pair in candidates
        if pair.same == same and not {pair.reference, pair.test} & faceless
    }
    assert set(chosen.pairs) == expected
    assert np.isfinite(chosen.h_r).all()


def test_progress_is_told_how_many_are_found(tiny_explainer, candidates):
    told: list = []

    class Telling:
        def __init__(self, what, total):
            told.append((what, total))

        def __enter__(self):
            return told.append

        def __exit__(self, *error):
            return None

    rightly_decided(
        tiny_explainer.embedder,
        COSINE,
        candidates,
        5,
        threshold=-1,
        same=True,
        rng=np.random.default_rng(0),
        progress=Telling,
    )
    assert told[0] == ("choosing pairs (similar)", 5)
    assert sum(told[1:]) == 5


@pytest.mark.parametrize("same", [True, False])
def test_copies_of_one_photograph_are_left_out(tiny_explainer, people, candidates, same, tmp_path):
    copy = tmp_path / "copy.png"
    copy.write_bytes(people[0].path.read_bytes())
    twins = [Pair(people[0].path, copy, same), Pair(copy, people[0].path, same)]
    wanted = [pair for pair in candidates if pair.same == same]
    threshold = -1 if same else 1
    chosen = choose(tiny_explainer.embedder, wanted + twins, 1000, threshold=threshold, same=same)
    kept = {p for p in wanted if similarity(tiny_explainer.embedder, p) < IDENTICAL}
    assert set(chosen.pairs) == kept
    with pytest.raises(PairsError, match="found 0 pairs"):
        choose(tiny_explainer.embedder, twins, 1000, threshold=threshold, same=same)
