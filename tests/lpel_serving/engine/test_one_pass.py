"""One pass of the embedder gives a pair's embeddings and its local features."""

import numpy as np
import pytest

from lpel_serving import Explainer
from lpel_serving.engine.bundle_check import check_bundle
from lpel_serving.engine.inventory import images_needed
from lpel_serving.methods import find_method
from lpel_serving.methods.counted import counted
from lpel_serving.methods.each_once import EachOnce, knowing
from lpel_serving.methods.networks import AssembledNetworks
from lpel_serving.support.progress import silent
from support import tiny, tiny_surrogate
from support.tiny_surrogate import Simulating, coalitions, count_passes, noise


@pytest.fixture
def explainer(simulating_bundle):
    return Explainer.load(simulating_bundle)


class Runs:
    """A session that notes what it is asked to compute."""

    def __init__(self, raw):
        self.raw = raw
        self.wanted = []

    def run(self, wanted, values, options=None):
        self.wanted.append(tuple(wanted))
        return self.raw.run(wanted, values, options)


def runs_of(explainer: Explainer) -> Runs:
    session = explainer.embedder._session
    runs = Runs(session.raw)
    object.__setattr__(session, "raw", runs)
    return runs


BOTH, ALONE = ("embedding", "local_features"), ("embedding",)


def test_a_pair_takes_one_run_of_the_session(explainer):
    runs = runs_of(explainer)
    explainer.explain(*noise(2), method=Simulating())
    assert runs.wanted == [BOTH]


def test_who_needs_no_surrogate_asks_for_embeddings_alone(explainer):
    runs = runs_of(explainer)
    explainer.explain(*noise(2), method=find_method("responses"))
    explainer.embed(noise(3))
    assert runs.wanted == [ALONE, ALONE]


def test_progress_does_not_hide_what_a_method_needs(explainer):
    runs = runs_of(explainer)
    with counted(Simulating(), {"similar": 1, "dissimilar": 1}, silent, portion=4) as method:
        explainer.explain(*noise(2), method=method)
    assert runs.wanted == [BOTH]


def test_many_pairs_embed_each_image_once_and_give_what_each_gives_alone(explainer):
    crops = noise(4)
    pairs = [(crops[i], crops[j]) for i in range(4) for j in range(4) if i != j]
    runs = runs_of(explainer)
    together = explainer.explain_pairs(pairs, method=Simulating(), batch_size=2)
    assert runs.wanted == [BOTH, BOTH]
    for pair, found in zip(pairs[:3], together, strict=False):
        alone = explainer.explain(*pair, method=Simulating())
        assert alone.forward.heat_map.tobytes() == found.forward.heat_map.tobytes()
        assert alone.swapped.heat_map.tobytes() == found.swapped.heat_map.tobytes()


def test_known_features_are_found_by_content_and_the_rest_is_computed_once():
    crops, asked = noise(4), []

    def features(some):
        asked.append(len(some))
        return tiny_surrogate.features(some)

    def unused(_):
        pytest.fail("not asked for")

    networks = AssembledNetworks(unused, unused, unused, features, tiny_surrogate.simulate)
    known = tiny_surrogate.features(crops[:2])
    once = EachOnce(knowing(networks, list(crops[:2]), known))
    found = once.features(crops[[1, 0, 1]].copy())
    assert asked == []
    assert found.local.tobytes() == known.local[[1, 0, 1]].tobytes()
    found = once.features(crops[[2, 0, 3, 2]])
    assert asked == [2]
    np.testing.assert_allclose(found.local, tiny_surrogate.features(crops[[2, 0, 3, 2]]).local)
    once.features(crops)
    assert asked == [2]
    embeddings = once.embed(crops[[3, 0, 3]])  # known with the local features
    expected = tiny_surrogate.features(crops).embeddings[[3, 0, 3]]
    np.testing.assert_allclose(embeddings, expected, atol=1e-6)
    masked = once.simulate(found, "mean")(coalitions(3))
    np.testing.assert_array_equal(masked, tiny_surrogate.simulate(found, "mean")(coalitions(3)))


def test_an_inventory_tries_it_without_a_pass(explainer, tiny_explainer):
    passes = count_passes(explainer.embedder)
    assert images_needed(Simulating(), explainer) == {"similar": 0, "dissimilar": 0}
    assert passes == []
    assert images_needed(Simulating(), tiny_explainer) == {}


def test_features_of_altered_images_cost_what_they_cost(explainer):
    class Altering(Simulating):
        def __call__(self, pair, networks, rng):
            networks.features(np.stack([255 - pair.test, 255 - pair.reference]))
            return super().__call__(pair, networks, rng)

    assert images_needed(Altering(), explainer) == {"similar": 2, "dissimilar": 2}


def test_the_check_of_a_bundle_runs_it(simulating_bundle):
    checks = {check.name: check for check in check_bundle(simulating_bundle)}
    assert checks["surrogate"].passed
    assert checks["surrogate"].detail == f"a grey image gives 1 by {tiny.DIMENSION} finite numbers"
