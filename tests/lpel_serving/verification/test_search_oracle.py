"""Search in a gallery against a search member by member."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpel_serving.engine.comparing import open_head
from lpel_serving.equations.comparison import COSINE, Euclidean
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.support.errors import EmbeddingError
from lpel_serving.verification import search
from lpel_serving.verification.search import most_similar
from oracles import oracle_search as oracle
from support import compared

pytestmark = pytest.mark.oracle

many = settings(max_examples=150, deadline=None, derandomize=True)


def gallery_of(rng: np.random.Generator, size: int, dimension: int, kinds: int) -> np.ndarray:
    """Members of which some are equal, some equal but for their length, and some zero."""
    different = rng.normal(size=(kinds, dimension))
    different[rng.random(kinds) < 0.1] = 0
    lengths = rng.choice([1e-3, 0.5, 1, 1, 2, 1000], size=(size, 1))
    return (different[rng.integers(0, kinds, size)] * lengths).astype(np.float32)


def found_in(gallery: np.ndarray, probes: np.ndarray, top: int):
    return most_similar(COSINE, probes, len(gallery), lambda of: gallery[of], top)


def assert_as_oracle(gallery: np.ndarray, probes: np.ndarray, top: int) -> None:
    places, similarities = found_in(gallery, probes, top)
    assert places.shape == similarities.shape == (len(probes), min(top, len(gallery)))
    for probe, found, told in zip(probes, places, similarities, strict=True):
        of_all = [cosine_similarity(probe, member) for member in gallery]
        assert found.tolist() == oracle.ranked(of_all, top)
        assert told.tolist() == [of_all[place] for place in found]


@many
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(1, 40),
    probes=st.integers(0, 5),
    dimension=st.sampled_from([1, 2, 6, 33]),
    kinds=st.integers(1, 40),
    top=st.integers(1, 50),
    block=st.integers(1, 45),
    numbers=st.integers(1, 300),
)
def test_the_found_are_the_most_similar_in_the_order_of_the_list(
    seed, size, probes, dimension, kinds, top, block, numbers
):
    rng = np.random.default_rng(seed)
    gallery = gallery_of(rng, size, dimension, kinds)
    asked = np.concatenate([gallery, rng.normal(size=(5, dimension)).astype(np.float32)])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(search, "_BLOCK", block)
        patched.setattr(search, "_NUMBERS", numbers)
        assert_as_oracle(gallery, rng.permutation(asked)[:probes], top)


@pytest.mark.parametrize("top", [1, 3, 300])
def test_members_that_differ_by_rounding_alone_are_ranked_by_what_is_told(monkeypatch, top):
    rng = np.random.default_rng(0)
    near = rng.normal(size=512) + 1e-7 * rng.normal(size=(300, 512))
    monkeypatch.setattr(search, "_BLOCK", 97)
    assert_as_oracle(near.astype(np.float32), near[:4].astype(np.float32), top)


@pytest.mark.parametrize("scale", [1e-44, 1e-30, 1e37])
def test_the_length_of_embeddings_is_no_matter(scale):
    rng = np.random.default_rng(1)
    gallery, probes = (rng.uniform(-3, 3, (n, 6)).astype(np.float32) for n in (20, 3))
    assert_as_oracle(gallery * np.float32(scale), probes, 7)
    assert_as_oracle(gallery, probes * np.float32(scale), 7)


def test_similarities_are_the_cosines_of_the_oracle():
    rng = np.random.default_rng(2)
    gallery, probes = (rng.normal(size=(n, 128)).astype(np.float32) for n in (50, 4))
    places, similarities = found_in(gallery, probes, 5)
    for probe, found, told in zip(probes.tolist(), places, similarities, strict=True):
        exact = [oracle.cosine(probe, member) for member in gallery.tolist()]
        assert found.tolist() == oracle.ranked(exact, 5)
        np.testing.assert_allclose(told, [exact[place] for place in found], atol=1e-6)


def test_what_is_not_finite_is_refused():
    gallery = np.ones((3, 2), np.float32)
    with pytest.raises(EmbeddingError, match="NaN or infinity"):
        found_in(gallery, np.array([[np.nan, 1]], np.float32), 1)


@pytest.mark.parametrize("far", [10, 100])
def test_by_distance_a_probe_far_from_all_finds_its_nearest(far):
    rng = np.random.default_rng(6)
    gallery = rng.normal(size=(500, 6)).astype(np.float32)
    probes = np.concatenate([gallery[:1], gallery[1:2] + np.float32(far)])
    by_distance = Euclidean(1.0)
    places, similarities = most_similar(
        by_distance, probes, len(gallery), lambda of: gallery[of], 3
    )
    every = by_distance.similarity(probes[:, np.newaxis], gallery)
    np.testing.assert_array_equal(similarities, -np.sort(-every, axis=1)[:, :3])
    np.testing.assert_array_equal(np.take_along_axis(every, places, axis=1), similarities)


@pytest.mark.parametrize("offset", [0, 50])
def test_by_distance_the_nearest_are_found_wherever_all_embeddings_lie(offset):
    rng = np.random.default_rng(4)
    gallery, probes = (
        (rng.normal(size=(n, 6)) + offset).astype(np.float32) for n in (search._BLOCK + 40, 3)
    )
    by_distance = Euclidean(2.0)
    places, similarities = most_similar(
        by_distance, probes, len(gallery), lambda of: gallery[of], 5
    )
    every = by_distance.similarity(probes[:, np.newaxis], gallery)
    expected = np.argsort(-every, axis=1, kind="stable")[:, :5]
    np.testing.assert_array_equal(places, expected)
    np.testing.assert_array_equal(similarities, np.take_along_axis(every, expected, axis=1))


def test_by_a_head_the_highest_scores_are_found():
    rng = np.random.default_rng(5)
    gallery, probes = (rng.normal(size=(n, 6)).astype(np.float32) * 4 for n in (200, 3))
    head = open_head(compared.own_head(), 6, 2.0)
    places, similarities = most_similar(head, probes, len(gallery), lambda of: gallery[of], 5)
    every = compared.score(probes[:, np.newaxis], gallery)
    np.testing.assert_array_equal(places, np.argsort(-every, axis=1)[:, :5])
    np.testing.assert_allclose(similarities, -np.sort(-every, axis=1)[:, :5], atol=1e-6)
