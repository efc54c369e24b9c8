"""An embedder times a constant decides alike, is as sure, and is explained by the same maps.

Its decoder is the one of longer embeddings, the response decoder is the very same: it is of unit
embeddings, as every `responses.onnx` has been since version 0.1. Maps of methods that take a step
of fixed size through the decoder (Eq. 4.5, and EMSNN's) are only an order: their scale is that of
the decoder's weights, 1 / c. All other maps have the same numbers.
"""

import base64
import io

import httpx
import numpy as np
import onnxruntime
import pytest
from PIL import Image

from lpel_export.conversion.keras_to_onnx import Exported
from lpel_export.conversion.parity import check_parity
from lpel_export.explainer import METHODS, build_explainer, build_template_explainer
from lpel_export.support.errors import ParityError
from lpel_serving import Explainer, find_method
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.bundle.manifest import EMBEDDING, IMAGE
from lpel_serving.equations.mask import DEFAULT_EPSILON
from lpel_serving.methods.catalogue.registry import methods
from lpel_serving.methods.explanation import PairExplanation
from lpel_serving.service.http.settings import Settings
from support import tiny, tiny_surrogate
from support.batch import make_job, run_here, write_csv, write_parquet
from support.batch_rows import rows_of
from support.confidence import confidence
from support.service import started

CONSTANTS = (1e-3, 10, 297)
STEPS_OF_FIXED_SIZE = {"lpel", "emsnn", "constant-relevance"}
CLOSE = 2e-4
"""Of the largest value of a map: what float32 makes of other numbers on the way."""
ROLES = ("reference", "test")


def faces() -> tuple[np.ndarray, np.ndarray]:
    """A likeness, and specks far apart: shape (2, 16, 16, 3) each."""
    references, tests = np.random.default_rng(5).integers(0, 256, (2, 2, 16, 16, 3), np.uint8)
    for batch, seed in ((references, 1), (tests, 2)):
        batch[1] *= np.random.default_rng(seed).random((16, 16, 3)) < 0.02
    return references, tests


BOTH = REFERENCES, TESTS = faces()


def write_scaled(folder, c):
    """The tiny bundle of ``c f``."""
    return tiny_surrogate.write_bundle(
        folder,
        embedder=tiny_surrogate.embedder_model(c).SerializeToString(),
        decoder=tiny.decoder_model(c).SerializeToString(),
        confidence=confidence(),
    )


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    return write_scaled(tmp_path_factory.mktemp("own") / "bundle", 1)


@pytest.fixture(scope="module", params=CONSTANTS)
def c(request) -> float:
    return request.param


@pytest.fixture(scope="module")
def scaled(c, tmp_path_factory):
    return write_scaled(tmp_path_factory.mktemp("scaled") / "bundle", c)


def alike(received, expected, factor: float = 1) -> None:
    received, expected = np.asarray(received), np.asarray(expected)
    assert np.ptp(expected) > 0
    most = CLOSE * np.abs(expected).max()
    np.testing.assert_allclose(received * factor, expected, rtol=0, atol=most)


def masks_alike(received: np.ndarray, expected: np.ndarray, heat_map: np.ndarray) -> None:
    """The same masks, but where the map is all but at their threshold."""
    span = np.ptp(heat_map)
    at_it = np.abs((heat_map - heat_map.min()) / span - DEFAULT_EPSILON) < 10 * CLOSE
    np.testing.assert_array_equal(received | at_it, expected | at_it)
    assert expected.any()


def explain(bundle, method: str) -> list[PairExplanation]:
    """Both pairs, or the similar one where the method knows no other."""
    pairs = list(zip(REFERENCES, TESTS, strict=True))
    chosen = pairs[:1] if method == "emsnn" else pairs
    return Explainer.load(bundle).explain_pairs(chosen, method=find_method(method))


@pytest.mark.parametrize("method", methods())
def test_no_method_changes_its_maps_with_the_length_of_embeddings(method, own, scaled, c):
    before, after = explain(own, method), explain(scaled, method)
    assert [one.similar for one in before] == [True, False][: len(before)]
    factor = c if method in STEPS_OF_FIXED_SIZE else 1
    for expected, received in zip(before, after, strict=True):
        assert received.similar == expected.similar
        assert received.similarity == pytest.approx(expected.similarity, abs=1e-6)
        for way in ("forward", "swapped"):
            one, other = getattr(received, way), getattr(expected, way)
            alike(one.heat_map, other.heat_map, factor)
            masks_alike(one.mask, other.mask, other.heat_map)
            alike(one.reconstruction, other.reconstruction)


@pytest.mark.parametrize("method", METHODS)
def test_the_one_file_does_not_change_with_the_length_of_embeddings(method, own, scaled, c):
    def outputs(bundle, of_templates):
        loaded = load_bundle(bundle)
        if of_templates:
            model = build_template_explainer(loaded, method)
            h = [Explainer.load(bundle).embed(batch) for batch in (REFERENCES, TESTS)]
            given = dict(zip(("reference_embedding", "test_embedding"), h, strict=True))
        else:
            model, given = build_explainer(loaded, method), {"reference": REFERENCES, "test": TESTS}
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(model, options)
        names = [tensor.name for tensor in session.get_outputs()]
        return dict(zip(names, session.run(names, given), strict=True))

    factor = c if method in STEPS_OF_FIXED_SIZE else 1
    for of_templates in (False, True)[: 1 if method == "surrogate" else 2]:  # which sees images
        expected, received = outputs(own, of_templates), outputs(scaled, of_templates)
        assert received["similar"].tolist() == expected["similar"].tolist() == [True, False]
        np.testing.assert_allclose(received["similarity"], expected["similarity"], atol=1e-6)
        np.testing.assert_allclose(received["relevance"], expected["relevance"], atol=1e-4)
        for role in ROLES:
            alike(received[f"{role}_heat_map"], expected[f"{role}_heat_map"], factor)
            for i in range(2):
                mask, heat_map = f"{role}_mask", expected[f"{role}_heat_map"][i]
                masks_alike(received[mask][i], expected[mask][i], heat_map)


def test_the_service_does_not_change_with_the_length_of_embeddings(own, scaled):
    pictures = {}
    for name, batch in zip(ROLES, BOTH, strict=True):
        for i in range(2):
            file = io.BytesIO()
            Image.fromarray(batch[i]).save(file, "PNG")
            pictures[name, i] = base64.b64encode(file.getvalue()).decode()

    def answers(bundle):
        found = []
        with started(Settings(bundle)) as running:
            address = f"http://127.0.0.1:{running.port}"
            with httpx.Client(base_url=address, timeout=60) as client:
                for i in range(2):
                    fields = {name: pictures[name, i] for name in ROLES}
                    asked = fields | {"include": ["heat_map"], "arrays": "lists"}
                    explained = client.post("/v1/explain", json=asked).json()
                    verified = client.post("/v1/verify", json=fields).json()
                    inputs = [
                        {
                            "name": name,
                            "datatype": "UINT8",
                            "shape": [1, 16, 16, 3],
                            "data": batch[i].ravel().tolist(),
                        }
                        for name, batch in zip(ROLES, BOTH, strict=True)
                    ]
                    inferred = client.post(
                        "/v2/models/explainer/infer", json={"inputs": inputs}
                    ).json()
                    outputs = {one["name"]: one["data"] for one in inferred["outputs"]}
                    found.append((explained, verified, outputs))
        return found

    for expected, received in zip(answers(own), answers(scaled), strict=True):
        for one, other in zip(received[:2], expected[:2], strict=True):
            assert one["decision"] == other["decision"]
            assert one["margin"] == pytest.approx(other["margin"], abs=1e-6)
            share = other["confidence"]["same_person"]
            assert one["confidence"]["same_person"] == pytest.approx(share, abs=1e-5)
            assert one["words"][0] == other["words"][0]
        for role in ROLES:
            one, other = (answer[0]["explanations"][role] for answer in (received, expected))
            alike(one["heat_map"], other["heat_map"])
            alike(received[2][f"{role}_heat_map"], expected[2][f"{role}_heat_map"])
        assert received[2]["similar"] == expected[2]["similar"]


@pytest.mark.parametrize("method", ["responses", "lpel"])
@pytest.mark.parametrize("given", ["pictures", "embeddings"])
def test_no_batch_job_changes_with_the_length_of_embeddings(
    method, given, own, scaled, c, tmp_path
):
    def rows(bundle, name):
        if given == "embeddings":
            engine = Explainer.load(bundle)
            columns = {r: list(engine.embed(b)) for r, b in zip(ROLES, BOTH, strict=True)}
            listed = write_parquet(tmp_path / f"{name}.parquet", columns)
        else:
            columns = {}
            for role, batch in zip(ROLES, BOTH, strict=True):
                columns[role] = [f"{role}{i}.png" for i in range(2)]
                for i in range(2):
                    Image.fromarray(batch[i]).save(tmp_path / f"{role}{i}.png")
            listed = write_csv(tmp_path / f"{name}.csv", columns)
        job = make_job(bundle, listed, tmp_path / name, settings=BatchSettings(method))
        assert run_here(job).errors == 0
        return rows_of(tmp_path / name)

    expected, received = rows(own, "own"), rows(scaled, "scaled")
    assert [row["similar"] for row in expected] == [True, False]
    for one, other in zip(received, expected, strict=True):
        assert one["similar"] == other["similar"]
        for name in ("similarity", "margin", "confidence"):
            assert one[name] == pytest.approx(other[name], abs=1e-5), name
        for role in ROLES:
            factor = c if method in STEPS_OF_FIXED_SIZE else 1
            alike(one[f"{role}_map"], other[f"{role}_map"], factor)


@pytest.mark.parametrize(("error", "passes"), [(3e-6, True), (1e-4, False)])
def test_an_embedders_parity_is_measured_in_its_own_length(error, passes, c):
    """Float32 rounds embeddings of length 297 by more than 1e-5, and nothing is wrong with that."""

    def original(crops: np.ndarray) -> np.ndarray:
        return (1 + error) * c * tiny.embed(crops)

    exported = Exported(tiny.embedder_model(c).SerializeToString(), original)
    names = {"input_name": IMAGE, "output_name": EMBEDDING, "inputs": "made-up faces"}
    if passes:
        parity = check_parity(exported, TESTS, **names, by_length=True)
        assert parity.tolerance == 1e-5
        assert 0 < parity.max_difference <= parity.tolerance * parity.scale
    else:
        with pytest.raises(ParityError, match="differs from its original by"):
            check_parity(exported, TESTS, **names, by_length=True)
