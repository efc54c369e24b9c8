"""What is usual of maps agrees with its definition."""

import numpy as np
import pytest

from lpel_serving.engine.usual import PAIRS, common_share, sum_up
from lpel_serving.equations.regions import REGIONS, region_labels
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.images.datasets.pairs import draw_of_each
from oracles import oracle_usual as oracle
from support.usual import NETWORKS, faces, usual

pytestmark = pytest.mark.oracle

SIDE = 12


def test_shares_and_what_is_common_are_those_of_the_definition(rng):
    maps = (rng.normal(0.3, 1, (60, 2, SIDE, SIDE)) ** 3).astype(np.float32)
    maps[:4] = np.abs(maps[:4])  # nothing against the decision
    people = rng.integers(0, 40, (60, 2))
    found = sum_up(maps, people)
    counts = oracle.squares(region_labels(240).tolist(), SIDE)
    for kind, sign in ((found.for_, 1), (found.against, -1)):
        expected = oracle.usual(maps.reshape(-1, SIDE, SIDE).tolist(), counts, sign)
        received = [[kind[name].mean, kind[name].low, kind[name].high] for name in REGIONS]
        np.testing.assert_allclose(received, expected, rtol=1e-9, atol=1e-12)
    commons = [oracle.common(maps[:, way].tolist(), people.tolist()) for way in (0, 1)]
    assert found.common == pytest.approx(sum(commons) / 2, abs=1e-9)
    assert found.pairs == 60


def test_pairs_that_share_a_person_do_not_count(rng):
    maps = rng.normal(size=(9, 4, 4)).astype(np.float32)
    people = np.array([[0, n] for n in range(9)])
    assert common_share(maps, people) == 0.0
    people = np.array([[0, 1], [1, 2], [3, 4], [3, 5], [6, 6], [7, 8], [8, 9], [9, 7], [0, 6]])
    expected = oracle.common(maps.tolist(), people.tolist())
    assert common_share(maps, people) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("decision", ["similar", "dissimilar"])
def test_a_bundles_means_are_those_of_its_methods_one_pair_after_the_other(decision):
    """By `Responses` and `Lpel` themselves, a pair at a time, and a mean that is a plain sum."""
    from lpel_serving.equations.regions import region_shares
    from lpel_serving.methods.decoded.lpel import Lpel
    from lpel_serving.methods.decoded.responses import Responses
    from lpel_serving.methods.method import FacePair

    embeddings, people = faces()
    threshold = 0.8
    drawn = draw_of_each(people, PAIRS, np.random.default_rng(0))
    nothing = np.zeros((1, 1, 3), np.uint8)
    record = usual(threshold)
    for name, method in (("responses", Responses()), ("lpel", Lpel())):
        found: list[list[float]] = []
        for a, b, _ in drawn:
            similar = bool(cosine_similarity(embeddings[a], embeddings[b]) > np.float32(threshold))
            if similar != (decision == "similar"):
                continue
            pair = FacePair(nothing, nothing, embeddings[a], embeddings[b], similar)
            for one in (pair, pair.swapped):
                values = method(one, NETWORKS, np.random.default_rng(0))
                found.append([share.for_ for share in region_shares(values)])
        received = record.of(name, decision)
        assert 2 * received.pairs == len(found)
        means = [sum(column) / len(column) for column in zip(*found, strict=True)]
        np.testing.assert_allclose(
            [received.for_[region].mean for region in REGIONS], means, rtol=1e-5
        )
        assert sum(share.mean for share in received.for_.values()) == pytest.approx(1)
