"""Pictures that show no face: the service says so, and neither a confidence nor parts of a face."""

import base64

import httpx
import pytest

from lpel_serving.equations.regions import REGIONS
from lpel_serving.service.http.schemas.answers import AssessAnswer, ExplainAnswer, VerifyAnswer
from lpel_serving.service.http.settings import Settings
from support import tiny
from support.clients import as_png, photograph
from support.confidence import confidence
from support.plausibility import odd, plausibility
from support.service import started

FACE, OTHER, ODD = photograph(900), photograph(901), as_png(odd())
PARTS = tuple(name for name in REGIONS if name != "elsewhere")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    bundle = tiny.write_bundle(
        tmp_path_factory.mktemp("knowing") / "bundle",
        responds=True,
        confidence=confidence(),
        plausibility=plausibility(),
    )
    with (
        started(Settings(bundle)) as one,
        httpx.Client(base_url=f"http://127.0.0.1:{one.port}", timeout=60) as client,
    ):
        yield client


def ask(client, path: str, reference: bytes, test: bytes, **fields: object) -> dict:
    texts = {"reference": reference, "test": test}
    encoded = {name: base64.b64encode(data).decode() for name, data in texts.items()}
    answer = client.post(path, json=encoded | fields)
    assert answer.status_code == 200, answer.text
    shape = {"/v1/explain": ExplainAnswer, "/v1/verify": VerifyAnswer}[path]
    shape.model_validate_json(answer.content)
    return answer.json()


@pytest.mark.parametrize("path", ["/v1/verify", "/v1/explain"])
def test_two_pictures_of_the_known_kind_are_answered_as_ever(client, path):
    answer = ask(client, path, FACE, OTHER)
    assert answer["plausibility"]["plausible"] is True
    assert answer["confidence"]["same_person"] > 0
    assert answer["words"][0].startswith("The network calls the two faces")
    assert any("one person" in words for words in answer["words"])
    assert any("no proof that they show any" in caveat for caveat in answer["caveats"])


@pytest.mark.parametrize("path", ["/v1/verify", "/v1/explain"])
@pytest.mark.parametrize(
    ("reference", "test", "subject"),
    [
        (ODD, ODD, "Neither picture is of the kind"),
        (ODD, OTHER, "The reference picture is not of the kind"),
        (FACE, ODD, "The test picture is not of the kind"),
    ],
)
def test_a_picture_of_another_kind_is_named_first_and_no_certainty_follows(
    client, path, reference, test, subject
):
    answer = ask(client, path, reference, test)
    assert answer["plausibility"]["plausible"] is False
    for role, data in (("reference", reference), ("test", test)):
        assert answer["plausibility"][role]["plausible"] is (data is not ODD)
    assert answer["confidence"] is None
    assert answer["words"][0].startswith(subject)
    assert answer["words"][1].startswith("The network calls the two pictures")
    said = " ".join(answer["words"] + answer["caveats"])
    assert "as many pairs show one person" not in said
    assert not any(f"the {part}" in said for part in PARTS)
    if path == "/v1/explain":
        assert answer["explanations"]["reference"]["regions"] == []
        assert answer["explanations"]["test"]["regions"] == []


def test_a_faithfulness_check_of_such_a_pair_says_so_before_its_limits(client):
    texts = {"reference": FACE, "test": ODD}
    body = {name: base64.b64encode(data).decode() for name, data in texts.items()}
    answer = client.post("/v1/assess", json=body | {"draws": 2, "every": 8})
    assert answer.status_code == 200, answer.text
    AssessAnswer.model_validate_json(answer.content)
    assert answer.json()["plausibility"]["test"]["plausible"] is False
    assert answer.json()["caveats"][0].startswith("The test picture is not of the kind")
    body["test"] = base64.b64encode(OTHER).decode()
    answer = client.post("/v1/assess", json=body | {"draws": 2, "every": 8}).json()
    assert answer["plausibility"]["plausible"] is True
    assert "of the kind" not in answer["caveats"][0]


def test_a_bundle_that_knows_no_kind_says_that_nothing_was_checked(service):
    answer = service.client.post("/v1/verify", files={"reference": ODD, "test": ODD}).json()
    assert answer["plausibility"] is None
    assert answer["confidence"] is not None
    assert any("was not checked" in caveat for caveat in answer["caveats"])


@pytest.mark.parametrize("share", ["1e-300", "0.001", ".009", "0"])
def test_a_share_that_leaves_nothing_is_refused(client, share):
    files = {"reference": FACE, "test": OTHER}
    answer = client.post("/v1/verify", files=files, data={"crop": share})
    assert answer.status_code == 422
    assert "0.01 to 1" in answer.json()["detail"]
