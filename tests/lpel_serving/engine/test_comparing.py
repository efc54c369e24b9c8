"""The decision that is explained is the network's own, whatever it compares by."""

import numpy as np
import pytest

from lpel_serving import Explainer, document, find_method
from lpel_serving.equations.decision import decide, decide_many
from lpel_serving.report.document import decided_document
from lpel_serving.support.errors import NoDirectionError, ParameterError
from support import compared, tiny
from support.images import pixels

PAIRS = 1000
BY_ANYTHING = (
    "surrogate",
    "surrogate-order",
    "hybrid",
    "responses",
    "coalitions",
    "lpel",
    "occlusion",
    "corrrise",
)


@pytest.fixture(scope="module", params=compared.KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    home = tmp_path_factory.mktemp("compared")
    return {kind: compared.write_bundle(home / kind, kind) for kind in compared.KINDS}


@pytest.fixture(scope="module")
def explainer(bundles, kind):
    return Explainer.load(bundles[kind])


@pytest.fixture(scope="module")
def embeddings():
    """References, and tests at all distances from them."""
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 256, (2, PAIRS, 16, 16, 3), np.uint8)
    share = rng.random((PAIRS, 1, 1, 1))
    near = (crops[0] * share + crops[1] * (1 - share)).astype(np.uint8)
    return tiny.embed(crops[0]) * compared.LENGTH, tiny.embed(near) * compared.LENGTH


def own_decisions(kind: str, h_r: np.ndarray, h_t: np.ndarray) -> np.ndarray:
    """What the network itself says, in its own terms."""
    if kind == "euclidean":
        return np.sqrt(np.square(h_r.astype(float) - h_t).sum(axis=1)) < compared.DISTANCE
    if kind == "head":
        return compared.score(h_r, h_t) > compared.SCORE
    a, b = h_r.astype(float), h_t.astype(float)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return (a * b).sum(axis=1) / lengths > compared.COSINE


def test_on_a_thousand_pairs_the_decision_is_the_networks(kind, explainer, embeddings):
    threshold = explainer.manifest.threshold.value
    decided = decide_many(explainer.comparison, *embeddings, threshold)
    expected = own_decisions(kind, *embeddings)
    np.testing.assert_array_equal(decided.similar, expected)
    assert 200 < expected.sum() < 800
    alone = [
        decide(explainer.comparison, *pair, threshold) for pair in zip(*embeddings, strict=True)
    ]
    assert alone == list(decided)


@pytest.mark.parametrize("name", BY_ANYTHING)
@pytest.mark.parametrize("other", [0, 1])
def test_every_method_explains_that_decision(name, other, kind, explainer):
    near = np.clip(pixels(0).astype(int) + 9, 0, 255).astype(np.uint8)
    images = pixels(0), (near if other == 0 else 255 - pixels(0))
    pair = explainer.explain(*images, method=find_method(name))
    assert pair.similar == (other == 0)
    for one in (pair.forward, pair.swapped):
        assert np.isfinite(one.heat_map).all()
        assert one.heat_map.any()
    said = document(pair)
    assert said["similarity"] == pair.similarity
    if kind == "cosine":
        assert "comparison" not in said
        return
    own = said["comparison"]
    assert own["kind"] == kind
    h_r, h_t = pair.reference_embedding, pair.test_embedding
    expected = np.linalg.norm(h_r - h_t) if kind == "euclidean" else compared.score(h_r, h_t)
    assert own["value"] == pytest.approx(float(expected), rel=1e-3, abs=1e-5)
    measure = {"euclidean": "distance", "head": "score"}[kind]
    assert f"Their {measure} is {own['value']:.3f}" in said["words"][1]
    assert "cosine" not in " ".join(said["words"])


def test_a_small_distance_is_below_the_threshold(bundles):
    explainer = Explainer.load(bundles["euclidean"])
    words = document(explainer.explain(pixels(0), pixels(0)))["words"]
    assert "which is 2.200 below the threshold of 2.200" in words[1]
    assert "the same picture twice would have 0" in words[1]


@pytest.mark.parametrize("name", ["lpel-mended", "xface"])
def test_methods_that_divide_a_cosine_refuse_others(name, kind, explainer):
    if kind == "cosine":
        explainer.explain(pixels(0), pixels(1), method=find_method(name))
        return
    with pytest.raises(ParameterError, match="compares by"):
        explainer.explain(pixels(0), pixels(1), method=find_method(name))


def test_maps_by_distance_do_not_hang_on_the_length_of_embeddings(tmp_path, monkeypatch):
    found = []
    for factor in (1, 10):
        monkeypatch.setattr(compared, "SPREAD", 2.5 * factor)
        monkeypatch.setattr(compared, "DISTANCE", 2.2 * factor)
        length = compared.LENGTH * factor
        folder = compared.write_bundle(tmp_path / str(factor), "euclidean", length)
        pair = Explainer.load(folder).explain(pixels(0), pixels(1), method=find_method("responses"))
        found.append((pair.similarity, pair.forward.heat_map))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-3, atol=1e-6)


def test_a_zero_embedding_can_be_compared_by_all_but_the_cosine(kind, explainer):
    black = np.zeros((16, 16, 3), np.uint8)
    if kind == "cosine":
        with pytest.raises(NoDirectionError, match="direction"):
            explainer.explain(black, pixels(0))
    else:
        assert np.isfinite(explainer.explain(black, pixels(0)).similarity)


def test_a_decided_pair_says_the_same(kind, explainer):
    from lpel_serving.engine.pair import decide_pair

    pair = explainer.explain(pixels(0), pixels(1))
    crops = pair.reference_crop, pair.test_crop
    h = pair.reference_embedding, pair.test_embedding
    decided = decide_pair(
        explainer.manifest, explainer.comparison, explainer.plausibility, crops, h, crop="none"
    )
    assert decided_document(decided)["words"][1] == document(pair)["words"][1]
