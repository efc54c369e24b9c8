"""Several faces in one photograph: answers say so, and take another if it is asked for."""

import base64
import io

import httpx
import pytest
from PIL import Image

from lpel_serving import Explainer
from lpel_serving.report.document import document
from lpel_serving.service.http.schemas.answers import AssessAnswer, ExplainAnswer, VerifyAnswer
from lpel_serving.service.http.settings import Settings
from support import bright
from support.bright import BrightSquares
from support.service import started

PATHS = {
    "/v1/explain": ExplainAnswer,
    "/v1/verify": VerifyAnswer,
    "/v1/assess": AssessAnswer,
}
SENTENCE = "There are 2 faces in the test photograph; the largest was taken."


def png(picture) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


ONE, TWO = png(bright.ONE), png(bright.TWO)


@pytest.fixture(scope="module")
def detecting(service_bundle):
    """A service of which a crop looks for faces; it also takes photographs whole."""
    with (
        started(Settings(service_bundle, crops={bright.NAME: BrightSquares()})) as one,
        httpx.Client(base_url=f"http://127.0.0.1:{one.port}", timeout=60) as client,
    ):
        yield client


def asked(service, path: str, reference: bytes = ONE, test: bytes = TWO, **fields: object):
    """Ask by a form and by JSON, which are answered alike; in a form there are texts alone."""
    fields = {"crop": bright.NAME} | fields
    files = {"reference": reference, "test": test}
    said = {name: str(value) for name, value in fields.items()}
    answer = service.post(path, files=files, data=said)
    texts = {name: base64.b64encode(data).decode() for name, data in files.items()}
    other = service.post(path, json=texts | fields)
    assert (other.status_code, other.json()) == (answer.status_code, answer.json())
    return answer


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_says_how_many_faces_there_were_and_which_was_taken(detecting, path):
    answer = asked(detecting, path)
    assert answer.status_code == 200, answer.text
    PATHS[path].model_validate_json(answer.content)
    assert answer.json()["faces"] == {
        "reference": {
            "count": 1,
            "taken": 0,
            "boxes": [{"left": 20, "top": 20, "right": 36, "bottom": 36}],
        },
        "test": {
            "count": 2,
            "taken": 0,
            "boxes": [
                {"left": 4, "top": 6, "right": 36, "bottom": 38},
                {"left": 50, "top": 20, "right": 66, "bottom": 36},
            ],
        },
    }
    assert (SENTENCE in answer.json()["words"]) == (path != "/v1/assess")


def test_another_face_is_another_pair_though_the_photograph_is_kept(detecting, service_bundle):
    """The same two files again and again: what was kept of one face is never given for another."""
    engine = Explainer.load(service_bundle, crop=BrightSquares())
    for choice in [(0, 0), (0, 1), (1, 0), (1, 1), (0, 0)]:
        fields = dict(zip(("reference_face", "test_face"), choice, strict=True))
        answer = asked(detecting, "/v1/explain", TWO, TWO, **fields).json()
        expected = document(engine.explain(TWO, TWO, faces=choice))
        assert answer["faces"] == expected["faces"]
        assert answer["similarity"] == expected["similarity"]
    largest = asked(detecting, "/v1/verify", TWO, TWO).json()
    assert [largest["faces"][role]["taken"] for role in ("reference", "test")] == [0, 0]
    second = asked(detecting, "/v1/verify", test_face=1).json()
    assert second["words"][-1] == SENTENCE.replace("largest", "second largest")


def test_one_face_changes_no_words(detecting):
    words = asked(detecting, "/v1/verify", ONE, ONE).json()["words"]
    assert not [one for one in words if "faces in" in one]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("role", ["reference", "test"])
def test_a_face_that_is_not_there_is_refused_with_how_many_there_are(detecting, path, role):
    answer = asked(detecting, path, TWO, TWO, **{f"{role}_face": 2})
    assert answer.status_code == 422
    assert answer.json()["about"] == f"{role}_face"
    assert answer.json()["detail"] == (
        f"{role}: face 2 was asked for, and 2 were found: they are numbered from 0, the largest, "
        "to 1."
    )


@pytest.mark.parametrize("path", PATHS)
def test_where_no_face_is_looked_for_none_can_be_asked_for(detecting, path):
    for crop in ("pad", "0.5"):
        for _ in range(2):  # the second time its photographs are kept
            answer = asked(detecting, path, crop=crop)
            assert answer.status_code == 200
            assert answer.json()["faces"] == {"reference": None, "test": None}
        refused = asked(detecting, path, crop=crop, test_face=0)
        assert refused.status_code == 422
        assert "face 0 was asked for, and this crop looks for no faces" in refused.json()["detail"]


@pytest.mark.parametrize("face", [-1, 1.5, "one", 1000, "", [0], True])
def test_what_is_no_number_of_a_face_is_refused(detecting, face):
    texts = {"reference": base64.b64encode(ONE).decode(), "test": base64.b64encode(TWO).decode()}
    fields = {"crop": bright.NAME, "test_face": face}
    answer = detecting.post("/v1/verify", json=texts | fields)
    assert answer.status_code == 422
    assert answer.json()["about"] == "test_face"


def test_faces_are_in_the_document(detecting):
    document = detecting.get("/openapi.json").json()
    content = document["paths"]["/v1/verify"]["post"]["requestBody"]["content"]
    for kind in content.values():
        for role in ("reference", "test"):
            assert "the largest" in kind["schema"]["properties"][f"{role}_face"]["description"]
    assert document["components"]["schemas"]["FacesOfPair"]["required"] == ["reference", "test"]
