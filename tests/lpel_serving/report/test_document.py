"""The document of a pair is the same in every interface, and decided once for all of it."""

import base64
import json
from dataclasses import replace

import numpy as np
import pytest

import lpel_serving
from lpel_serving import Explainer, document
from lpel_serving.commands.explain import _sentences
from lpel_serving.engine.pair import decide_pair
from lpel_serving.equations import comparison, decision
from lpel_serving.equations.comparison import COSINE
from lpel_serving.images.found import faces_record
from lpel_serving.methods import find_method
from lpel_serving.methods.catalogue.registry import methods
from lpel_serving.report.document import decided_document
from lpel_serving.report.numbers import reconstruction_error
from lpel_serving.report.verdict import explained
from lpel_serving.service.http.schemas import answers as schemas
from lpel_serving.service.http.settings import Settings
from lpel_serving.support.errors import ParameterError
from support import tiny_surrogate
from support.clients import photograph
from support.confidence import confidence
from support.images import pixels
from support.plausibility import odd, plausibility
from support.service import started
from support.usual import usual

OF_DECISION = (
    *("similarity", "threshold", "margin", "decision", "confidence", "plausibility"),
    *("words", "caveats", "faces", "crop", "embedder", "bundle", "models"),
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """One that knows all that a bundle may know."""
    return tiny_surrogate.write_bundle(
        tmp_path_factory.mktemp("document") / "bundle",
        plausibility=plausibility(),
        usual=usual(),
        confidence=confidence(),
    )


@pytest.fixture(scope="module")
def explainer(bundle):
    return Explainer.load(bundle)


@pytest.fixture(scope="module")
def pair(explainer):
    return explainer.explain(pixels(900), pixels(901))


def test_it_is_json_of_the_pair(explainer, pair):
    found = document(pair)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["similarity"] == pair.decision.similarity
    assert found["threshold"] == 0.25
    assert found["margin"] == pair.decision.margin == pair.similarity - 0.25
    assert found["decision"] == pair.decision.word
    fitted = explainer.manifest.confidence
    assert found["confidence"] == {
        "same_person": fitted.calibration.confidence(pair.similarity),
        "pairs": fitted.pairs,
    }
    assert found["agreement"] == {
        "spearman": pair.agreement.spearman,
        "mask_iou": pair.agreement.iou,
    }
    for role, explanation, crop in (
        ("test", pair.forward, pair.test_crop),
        ("reference", pair.swapped, pair.reference_crop),
    ):
        numbers = found["explanations"][role]
        assert numbers["mask_share"] == np.count_nonzero(explanation.mask) / explanation.mask.size
        assert numbers["reconstruction_mse"] == reconstruction_error(
            explanation.reconstruction, crop
        )
    assert found["words"] == list(explained(pair).words)
    assert found["beside_map"] in found["caveats"]
    assert found["faces"] == faces_record(pair.found)
    manifest = explainer.manifest
    assert (found["bundle"], found["embedder"]) == (manifest.identity, manifest.embedder.name)
    assert found["models"] == {name: file.sha256 for name, file in manifest.files.items()}


@pytest.mark.parametrize("name", methods())
def test_it_says_which_method_with_which_parameters(explainer, name):
    method = find_method(name)
    pair = explainer.explain(pixels(900), pixels(901), method=method, seed=3, epsilon=0.4)
    said = document(pair)["method"]
    assert (said["name"], said["seed"], said["epsilon"]) == (name, 3, 0.4)
    assert said["control"] == pair.control
    assert said["parameters"].keys() == vars(method).keys()
    assert json.dumps(document(pair), allow_nan=False)


@pytest.mark.parametrize(
    ("crop", "named"),
    [(None, "none"), ("none", "none"), ("1", "1.0"), ("pad", "pad"), ("0.50", "0.5")],
)
def test_it_says_how_the_faces_were_cut_out_by_whatever_text(bundle, crop, named):
    pair = Explainer.load(bundle, crop=crop).explain(pixels(900), pixels(901))
    found = document(pair)
    assert found["crop"] == named
    assert any("cut out by the crop none" in one for one in found["caveats"]) == (named != "none")


def test_a_pair_that_was_not_explained_has_the_same_decision(explainer, pair):
    crops = pair.reference_crop, pair.test_crop
    embeddings = pair.reference_embedding, pair.test_embedding
    decided = decide_pair(
        explainer.manifest, COSINE, explainer.plausibility, crops, embeddings, crop="none"
    )
    found, whole = decided_document(decided), document(pair)
    assert tuple(sorted(found)) == tuple(sorted(OF_DECISION))
    for name in OF_DECISION:
        if name not in ("words", "caveats"):
            assert found[name] == whole[name]
    for name in ("words", "caveats"):
        assert whole[name][: len(found[name])] == found[name]


def test_of_an_image_of_another_kind_there_is_no_confidence_and_no_region(explainer):
    pair = explainer.explain(pixels(900), odd())
    found = document(pair)
    assert pair.decision.confidence is None
    assert found["confidence"] is None
    assert found["plausibility"]["test"]["plausible"] is False
    assert found["words"][0].startswith("The test picture is not of the kind")
    assert all(one["regions"] == [] for one in found["explanations"].values())


def test_a_pair_that_does_not_say_what_explained_it_has_none(pair):
    for bare in (replace(pair, method=None), replace(pair, origin=None)):
        with pytest.raises(ParameterError, match=r"as those of `Explainer\.explain`"):
            document(bare)


def test_the_command_line_says_the_services_words(pair):
    said = _sentences(pair)
    verdict = explained(pair)
    assert said[0] == (
        f"Similarity {pair.similarity:.3f}, threshold 0.250: the network calls them "
        f"{pair.decision.word}."
    )
    how = "Explained both ways by surrogate-order (Hiding in turn, simulated), "
    assert said[1].startswith(how)
    assert said[2 : 2 + len(verdict.further)] == list(verdict.further)
    assert verdict.words == (*verdict.decision, *verdict.further)
    assert any(one.startswith("Of pairs this similar, ") for one in verdict.further)
    assert said[-1] == verdict.beside_map


@pytest.mark.parametrize("name", lpel_serving.__all__)
def test_what_is_exported_is_there(name):
    assert hasattr(lpel_serving, name)


@pytest.fixture
def counts(monkeypatch):
    """How often a similarity was computed, and compared with a threshold."""
    found = {"cosine": 0, "comparison": 0}
    cosine, exceeds = comparison.cosine_similarity, decision._exceeds

    def counted_cosine(*arguments):
        found["cosine"] += 1
        return cosine(*arguments)

    def counted_comparison(*arguments):
        found["comparison"] += 1
        return exceeds(*arguments)

    monkeypatch.setattr(comparison, "cosine_similarity", counted_cosine)
    monkeypatch.setattr(decision, "_exceeds", counted_comparison)
    return found


@pytest.mark.parametrize("door", ["verify", "explain"])
def test_one_request_is_decided_once_and_answered_with_the_document(
    bundle, explainer, counts, door
):
    import httpx

    images = {"reference": photograph(900), "test": photograph(901)}
    texts = {name: base64.b64encode(data).decode() for name, data in images.items()}
    with started(Settings(bundle)) as one:
        counts.update(cosine=0, comparison=0)
        address = f"http://127.0.0.1:{one.port}/v1/{door}"
        asked = texts | ({"include": ["figure"]} if door == "explain" else {})
        answer = httpx.post(address, json=asked, timeout=60).json()
        assert counts == {"cosine": 1, "comparison": 1}
    expected = document(explainer.explain(*images.values()))
    if door == "explain":
        assert answer.pop("figure")
        assert answer == expected
        schemas.ExplainAnswer.model_validate(answer)
    else:
        assert answer.keys() == set(OF_DECISION)
        assert answer["similarity"] == expected["similarity"]


def test_the_engine_decides_each_pair_once(explainer, counts):
    explainer.explain_pairs([(pixels(900), pixels(901)), (pixels(901), pixels(902))])
    assert counts == {"cosine": 2, "comparison": 2}
