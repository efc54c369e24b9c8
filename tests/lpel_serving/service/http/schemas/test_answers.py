"""Answers are of the shapes that the document promises, and hold the engine's own numbers."""

import base64
import io
import json
import re
import subprocess
import time

import httpx
import numpy as np
import pytest
from PIL import Image

from lpel_serving import Explainer
from lpel_serving.methods.catalogue.registry import find_method, methods
from lpel_serving.report.array_file import arrays
from lpel_serving.report.document import document
from lpel_serving.service.http.schemas.answers import (
    AboutAnswer,
    AssessAnswer,
    ExplainAnswer,
    MethodsAnswer,
    VerifyAnswer,
)
from lpel_serving.service.http.schemas.requests import ExplainFields
from lpel_serving.service.http.settings import Settings
from lpel_serving.support.errors import NoFaceError
from support import tiny_surrogate
from support.clients import photograph
from support.confidence import confidence
from support.process import LPEL
from support.service import started

REFERENCE, TEST = photograph(0), photograph(1)
FILES = {"reference": REFERENCE, "test": TEST}
TEXTS = {name: base64.b64encode(data).decode() for name, data in FILES.items()}
ALL = ["heat_map", "mask", "overlay", "reconstruction", "crop", "figure"]
ARRAYS = ("heat_map", "mask", "reconstruction")
CONTROLS = ["centre", "constant-relevance", "random"]
ROLES = {"test": "forward", "reference": "swapped"}
SEED, EPSILON = 5, 0.4


@pytest.fixture(scope="module")
def service_bundle(tmp_path_factory):
    """One whose networks every method finds."""
    folder = tmp_path_factory.mktemp("answers") / "bundle"
    return tiny_surrogate.write_bundle(folder, confidence=confidence())


@pytest.fixture(scope="module")
def engine(service) -> Explainer:
    return Explainer.load(service.settings.bundle)


def explained(service, **fields: object) -> dict:
    answer = service.client.post("/v1/explain", json=TEXTS | fields)
    assert answer.status_code == 200, answer.text
    ExplainAnswer.model_validate_json(answer.content)
    return answer.json()


def picture(data: str | bytes) -> np.ndarray:
    """The pixels of a PNG, or of one in base64."""
    data = base64.b64decode(data) if isinstance(data, str) else data
    return np.asarray(Image.open(io.BytesIO(data)))


def unpacked(packed: dict) -> np.ndarray:
    """An array from its bytes, as a client would make it."""
    kind = np.dtype(packed["dtype"]).newbyteorder("<")
    return np.frombuffer(base64.b64decode(packed["base64"]), kind).reshape(packed["shape"])


@pytest.mark.parametrize("method", methods())
def test_every_method_gives_the_engines_own_numbers(service, engine, method):
    answer = explained(service, method=method, seed=SEED, epsilon=EPSILON, include=list(ARRAYS))
    pair = engine.explain(REFERENCE, TEST, method=find_method(method), seed=SEED, epsilon=EPSILON)
    for name, value in document(pair).items():
        if name not in ("explanations", "control"):
            assert answer[name] == value
    assert answer["method"]["control"] == pair.control
    for role, way in ROLES.items():
        found, one = answer["explanations"][role], getattr(pair, way)
        for name in ARRAYS:
            values = getattr(one, name)
            np.testing.assert_array_equal(np.array(found[name], values.dtype), values)
        assert found["mask_share"] == document(pair)["explanations"][role]["mask_share"]
    assert answer["method"]["name"] == method
    assert (answer["method"]["seed"], answer["method"]["epsilon"]) == (SEED, EPSILON)


@pytest.mark.parametrize("method", methods())
def test_the_file_of_arrays_holds_the_engines_byte_for_byte(service, engine, method):
    answer = service.client.post(
        "/v1/explain",
        files=FILES,
        data={"method": method, "seed": SEED},
        headers={"Accept": "application/x-npz"},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-npz")
    expected = arrays(engine.explain(REFERENCE, TEST, method=find_method(method), seed=SEED))
    with np.load(io.BytesIO(answer.content), allow_pickle=False) as file:
        assert set(file.files) == set(expected)
        for name, values in expected.items():
            assert file[name].dtype == values.dtype
            assert file[name].tobytes() == np.ascontiguousarray(values).tobytes()


@pytest.mark.parametrize(
    ("method", "form"),
    [*((name, "lists") for name in methods()), ("responses", "base64"), ("lpel", "png")],
)
def test_every_form_of_every_part_is_of_the_promised_shape(service, method, form):
    answer = explained(service, method=method, arrays=form, include=ALL)
    assert picture(answer["figure"]).ndim == 3
    for one in answer["explanations"].values():
        assert {"heat_map", "mask", "overlay", "reconstruction", "crop"} < set(one)
        assert picture(one["overlay"]).shape == picture(one["crop"]).shape == (16, 16, 3)
        kinds = {type(one[name]) for name in ARRAYS}
        assert kinds == {{"lists": list, "base64": dict, "png": str}[form]}
        if form == "png":
            assert all(picture(one[name]).dtype == np.uint8 for name in ARRAYS)


def test_arrays_are_the_same_as_lists_and_as_bytes(service):
    lists = explained(service, arrays="lists", include=list(ARRAYS))["explanations"]
    packed = explained(service, arrays="base64", include=list(ARRAYS))["explanations"]
    for role in ROLES:
        for name in ARRAYS:
            values = unpacked(packed[role][name])
            assert values.dtype == (bool if name == "mask" else np.float32)
            np.testing.assert_array_equal(np.array(lists[role][name], values.dtype), values)


@pytest.mark.parametrize("part", ALL)
def test_what_is_asked_for_is_there_and_nothing_else(service, part):
    answer = explained(service, include=[part])
    assert ("figure" in answer) == (part == "figure")
    for one in answer["explanations"].values():
        assert set(one) & set(ALL) == {part} - {"figure"}


def test_what_is_there_when_nothing_is_said(service):
    answer = explained(service)
    default = set(ExplainFields.model_fields["include"].default)
    for one in answer["explanations"].values():
        assert set(one) & set(ALL) == default
    assert not set(ALL) & set(explained(service, include=[])["explanations"]["test"])


def test_the_figure_alone_is_a_picture(service):
    answer = service.client.post("/v1/explain", files=FILES, headers={"Accept": "image/png"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    drawn = picture(answer.content)
    assert drawn.ndim == 3
    np.testing.assert_array_equal(drawn, picture(explained(service, include=["figure"])["figure"]))


@pytest.mark.parametrize("fields", [{}, {"crop": "0.5"}, {"crop": "none"}])
def test_a_form_and_json_say_the_same(service, fields):
    for path in ("/v1/explain", "/v1/verify", "/v1/assess"):
        as_form = service.client.post(path, files=FILES, data=fields)
        as_json = service.client.post(path, json=TEXTS | fields)
        assert as_form.status_code == as_json.status_code == 200
        assert as_form.content == as_json.content


@pytest.mark.parametrize("path", ["/v1/verify", "/v1/explain", "/v1/assess"])
def test_base64_may_be_in_lines_as_mail_and_others_write_it(service, path):
    files = {name: base64.encodebytes(data).decode() for name, data in FILES.items()}
    crlf = {name: f" {text}".replace("\n", "\r\n\t") for name, text in files.items()}
    expected = service.client.post(path, json=TEXTS)
    assert expected.status_code == 200
    for texts in (files, crlf):
        assert texts["reference"].count("\n") > 10
        answer = service.client.post(path, json=texts)
        assert answer.status_code == 200, answer.text
        assert set(answer.json()) == set(expected.json())
        assert answer.json()["similarity"] == expected.json()["similarity"]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda text: text[:-1], "its padding or a part of it is missing."),
        (lambda text: text.rstrip("=")[:-3], "its padding or a part of it is missing."),
        (lambda text: text[:100] + "=" + text[100:], "`=` before its end."),
        (lambda text: "-_" + text, "the alphabet for URLs, which has `-` and `_` instead."),
        (lambda text: "data:image/png;base64," + text, "without a `data:` before it."),
        (lambda text: text[:100] + "\u00a0" + text[100:], "characters that it does not have."),
        (lambda text: text[:100] + "%-" + text[100:], "characters that it does not have."),
    ],
    ids=["cut", "cut more", "padding within", "of URLs", "a data URL", "another blank", "damaged"],
)
def test_what_is_no_base64_is_refused_as_that(service, spoil, why):
    for text in (TEXTS["test"], base64.encodebytes(TEST).decode().rstrip()):
        answer = service.client.post("/v1/verify", json=TEXTS | {"test": spoil(text)})
        assert answer.status_code == 422
        assert "test: expected the image as base64 text" in answer.json()["detail"]
        assert answer.json()["detail"].endswith(why)


def test_the_order_of_the_two_faces_matters_as_it_says(service):
    there = explained(service)
    swapped = {"reference": TEXTS["test"], "test": TEXTS["reference"]}
    back = service.client.post("/v1/explain", json=swapped).json()
    assert there["similarity"] == back["similarity"]
    assert there["explanations"]["test"] == back["explanations"]["reference"]


@pytest.mark.parametrize("seed", range(4))
def test_the_decision_of_verify_is_the_engines(service, engine, seed):
    first, second = photograph(seed), photograph(seed + 7)
    answer = service.client.post("/v1/verify", files={"reference": first, "test": second})
    found = VerifyAnswer.model_validate_json(answer.content)
    pair = engine.explain(first, second)
    assert found.similarity == pair.similarity
    assert found.threshold == engine.manifest.threshold.value
    assert found.margin == pair.similarity - engine.manifest.threshold.value
    assert found.decision == ("similar" if pair.similar else "dissimilar")
    assert found.bundle == engine.manifest.identity
    calibration = engine.manifest.confidence.calibration
    assert found.confidence.same_person == calibration.confidence(pair.similarity)


@pytest.mark.parametrize(
    ("method", "curve"),
    [
        *((name, None) for name in methods()),
        ("responses", "similar"),
        ("lpel", "transplant-similar"),
    ],
)
def test_every_faithfulness_check_is_of_the_promised_shape(service, method, curve):
    fields = {"method": method, "draws": 3, "every": 16} | ({"curve": curve} if curve else {})
    answer = service.client.post("/v1/assess", json=TEXTS | fields)
    assert answer.status_code == 200, answer.text
    found = AssessAnswer.model_validate_json(answer.content)
    assert found.draws == len(found.area.random) == 3
    assert len(found.own) == len(found.replaced) == len(found.random.mean)
    assert found.area.random_mean == pytest.approx(np.mean(found.area.random))
    better = [one > found.area.own for one in found.area.random]
    assert found.beaten == sum(better if found.lower_is_better else [not one for one in better])
    lines = service.client.post(
        "/v1/assess", json=TEXTS | fields, headers={"Accept": "application/x-ndjson"}
    ).text.splitlines()
    assert json.loads(lines[-1])["result"] == answer.json()
    seen = [json.loads(line)["progress"] for line in lines[:-1]]
    assert seen[0]["done"] == 0
    assert seen[-1]["done"] == seen[-1]["total"]


@pytest.mark.parametrize("path", ["/v1/about", "/v1/methods"])
def test_what_the_service_says_of_itself_is_of_the_promised_shape(service, path):
    model = {"/v1/about": AboutAnswer, "/v1/methods": MethodsAnswer}[path]
    found = model.model_validate_json(service.client.get(path).content)
    assert {one.name for one in found.methods} == set(methods())


def test_controls_stand_apart_in_the_list_of_methods(service):
    found = MethodsAnswer.model_validate_json(service.client.get("/v1/methods").content)
    assert [one.name for one in found.methods if one.control] == CONTROLS
    assert [one.name for one in found.methods][-len(CONTROLS) :] == CONTROLS
    assert found.default not in CONTROLS


@pytest.mark.parametrize("method", methods())
def test_reasons_are_given_of_methods_and_never_of_controls(service, method):
    answer = explained(service, method=method)
    words = " ".join(answer["words"])
    assert answer["method"]["control"] == (method in CONTROLS)
    assert ("it does not depend on this pair" in words) == (method in CONTROLS)
    reasons = re.search(r"speaks|gathers|is spread|marks|points at|for the decision", words)
    assert bool(reasons) == (method not in CONTROLS)
    assert len(answer["explanations"]["test"]["regions"]) == 7  # numbers stay


@pytest.mark.parametrize("method", [*CONTROLS, "responses"])
def test_a_faithfulness_check_knows_a_control(service, method):
    fields = {"method": method, "draws": 2, "every": 16}
    answer = service.client.post("/v1/assess", json=TEXTS | fields).json()
    said = " ".join(answer["caveats"])
    assert answer["method"]["control"] == (method in CONTROLS)
    assert ("shows what it uses" in said) == (method not in CONTROLS)
    assert ("does not depend on this pair" in said) == (method in CONTROLS)


@pytest.fixture(scope="module")
def written(service, tmp_path_factory):
    """What `lpel explain` says of the same two faces, and the file that it writes."""
    folder = tmp_path_factory.mktemp("written")
    for name, data in FILES.items():
        (folder / f"{name}.png").write_bytes(data)
    images = [folder / "reference.png", folder / "test.png"]
    command = [LPEL, "explain", *images, "--bundle", service.settings.bundle, "--json"]
    done = subprocess.run(
        [*command, "--out", folder / "out"], check=True, capture_output=True, timeout=120
    )
    return json.loads(done.stdout), folder / "out" / "explanation.npz"


def test_the_command_says_the_same_and_writes_the_same_maps(service, written):
    document, path = written
    answer = explained(service, arrays="base64", include=list(ARRAYS))
    for name in ("similarity", "threshold", "margin", "decision", "agreement"):
        assert answer[name] == document[name]
    assert answer["models"] == document["bundle"]
    assert answer["method"]["name"] == document["method"]
    for role in ROLES:
        for name in ("mask_share", "reconstruction_mse"):
            assert answer["explanations"][role][name] == document["explanations"][role][name]
    with np.load(path) as file:
        for role in ROLES:
            for name in ARRAYS:
                values = np.ascontiguousarray(file[f"{role}_{name}"])
                text = answer["explanations"][role][name]["base64"]
                assert base64.b64decode(text) == values.tobytes()


def test_of_two_images_that_cannot_be_used_the_reference_is_named(service_bundle):
    def find_nobody(pixels, size):
        if len(pixels) > 16:  # the reference: it takes longer
            time.sleep(0.2)
        raise NoFaceError("no face was found")

    with (
        started(Settings(service_bundle, crops={"finder": find_nobody})) as one,
        httpx.Client(base_url=f"http://127.0.0.1:{one.port}", timeout=60) as client,
    ):
        files = {"reference": photograph(0, 40), "test": photograph(1)}
        answer = client.post("/v1/verify", files=files, data={"crop": "finder"})
    assert (answer.status_code, answer.json()["about"]) == (422, "reference")
