"""A service with a surrogate: the pass that embeds a face gives its local features, too."""

import json

import numpy as np
import pytest

from lpel_serving import Explainer
from lpel_serving.engine.inventory import take_inventory
from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.service.http.settings import Settings
from lpel_serving.service.networks import CancellableNetworks
from support import plugins, tiny_surrogate
from support.clients import about_pair, ask, photograph
from support.images import pixels
from support.service import started
from support.tiny_surrogate import K, coalitions, count_passes

EXPLAIN, ASSESS = "/v1/explain", "/v1/assess"


@pytest.fixture
def running(simulating_bundle, tmp_path, monkeypatch):
    plugins.install(tmp_path / "methods", monkeypatch, {"simulating": "Simulating"})
    with started(Settings(simulating_bundle)) as one:
        yield one


def about(path: str, **fields: str) -> bytes:
    return about_pair(path, photograph(0), photograph(1), **fields)


def test_a_pair_is_explained_in_the_pass_that_embeds_it(running, simulating_bundle):
    passes = count_passes(running.service.explainer.embedder)
    answer = ask(running.port, about(EXPLAIN, method="simulating", include="heat_map"))
    assert answer.status == 200
    assert sum(count for count, _ in passes) == 2
    assert all(for_features for _, for_features in passes)
    found = answer.json["explanations"]["test"]["heat_map"]
    engine = Explainer.load(simulating_bundle)
    alone = engine.explain(pixels(0), pixels(1), method=plugins.Simulating())
    np.testing.assert_array_equal(np.float32(found), alone.forward.heat_map)
    ask(running.port, about(EXPLAIN, method="simulating"))
    assert sum(count for count, _ in passes) == 2  # both were kept, with their features


def test_measured_work_does_not_ask_for_features(running):
    passes = count_passes(running.service.explainer.embedder)
    answer = ask(running.port, about(EXPLAIN, method="occlusion"))
    assert answer.status == 200
    assert [count for count, for_features in passes if for_features] in ([2], [1, 1])
    assert any(not for_features for _, for_features in passes)


def test_an_assessment_knows_them_too(running):
    passes = count_passes(running.service.explainer.embedder)
    answer = ask(running.port, about(ASSESS, method="simulating", draws="1"))
    assert answer.status == 200, json.dumps(answer.json)
    assert sum(count for count, for_features in passes if for_features) == 2


def test_memory_of_a_kept_face_counts_its_features(simulating_bundle):
    with started(Settings(simulating_bundle, cache_bytes=2**20)) as running:
        assert ask(running.port, about(EXPLAIN)).status == 200
        (face, _) = running.service._cache._values.values()
    assert face.bytes == 16 * 16 * 3 + 6 * 4 + K * 3 * 4


def test_networks_of_a_request_pass_both_through(running):
    service = running.service
    counted = []
    networks = CancellableNetworks(
        service.explainer, service._batcher, CancellationToken(), counted.append
    )
    crops = tiny_surrogate.noise(6)
    found = networks.features(crops)
    assert counted == [4, 2]
    np.testing.assert_allclose(found.local, tiny_surrogate.features(crops).local, atol=1e-6)
    assert networks.features(crops[:0]).local.shape == (0, K, 3)
    masked = networks.simulate(found, "blur")(coalitions(2))
    expected = service.explainer.simulate(found, "blur")(coalitions(2))
    assert masked.tobytes() == expected.tobytes()


def test_it_is_listed_as_free(running):
    entries = {entry.name: entry for entry in take_inventory(running.service.explainer)}
    assert entries["simulating"].decisions == ("similar", "dissimilar")
    assert entries["simulating"].embeddings == 0
    assert entries["simulating"].description.needs == ("surrogate",)
