"""Schemathesis asks everything that the OpenAPI document allows, and much that it does not."""

import base64
import io
import re
from collections import Counter
from dataclasses import dataclass, field

import httpx
import pytest
import schemathesis
from hypothesis import strategies as st
from PIL import Image
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.generation import GenerationMode
from schemathesis.transport.serialization import Binary

from lpel_serving.methods.catalogue.registry import describe_methods
from lpel_serving.service.http.messages.answers import NPZ, PNG
from support.images import pixels

EXAMPLES = 100
POSTS = ("/v1/explain", "/v1/verify", "/v1/assess")
SEMANTIC = (
    "p is LPEL's own",
    "this curve is for",
    "reference: face ",
    "test: face ",
    "reference: the middle ",
    "test: the middle ",
    "there is no surrogate",
    *(f"the method {one.name} has no parameter" for one in describe_methods()),
    *{f"{own.name} takes " for one in describe_methods() for own in one.parameters},
)
"""What no schema says: `p` belongs to one method, as other parameters with their ranges do, a curve
to one decision, a face to a crop that looks for faces, a share of a small picture may be hardly a
pixel, and a bundle may lack what a method asks."""


def face(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels(seed)).save(buffer, "PNG")
    return buffer.getvalue()


FACES = [face(seed) for seed in range(6)]


@pytest.fixture(scope="module", autouse=True)
def _formats():
    """A schema cannot say which bytes are a picture: here they are, or every answer were 422."""
    as_text = [base64.b64encode(one).decode() for one in FACES]
    schemathesis.openapi.format("face", st.sampled_from(as_text))
    schemathesis.openapi.format("binary", st.sampled_from(FACES).map(Binary))


def document(service) -> dict:
    """The service's own document, whose images are faces and whose models exist."""
    found = service.client.get("/openapi.json").json()
    for path in POSTS:
        content = found["paths"][path]["post"]["requestBody"]["content"]
        for role in ("reference", "test"):
            properties = content["application/json"]["schema"]["properties"]
            assert properties[role]["contentEncoding"] == "base64"
            properties[role] = {"type": "string", "format": "face"}
    for operations in found["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                parameter["schema"]["enum"] = ["embedder", "decoder", "responses", "explainer"]
    return found


@dataclass
class Found:
    """What a run met with."""

    failures: list[str] = field(default_factory=list)
    statuses: Counter = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)


def run(service, phase: str) -> Found:
    config = SchemathesisConfig.from_dict(
        {
            "seed": 7,
            "base-url": service.address,
            "phases": {"enabled": False, phase: {"enabled": True}},
            "generation": {"max-examples": EXAMPLES, "deterministic": True, "database": "none"},
            # Looked at below: what a schema cannot say may be refused.
            "checks": {"positive_data_acceptance": {"enabled": False}},
        }
    )
    found = Found()
    schema = schemathesis.openapi.from_dict(document(service), config=config)
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            _note(event.recorder, found)
        elif isinstance(event, events.NonFatalError | events.FatalError):
            found.failures.append(str(event))
    return found


def _is_left_out(message: str, request) -> bool:
    """Whether what is wrong with a field is not in a form at all, as an empty list is not."""
    wrong = re.search(r"at /properties/(\w+) \(was \w+, became array\)", message)
    if wrong is None or "multipart" not in str(request.headers.get("Content-Type")):
        return False
    return f'name="{wrong[1]}"'.encode() not in base64.b64decode(request.encoded_body or b"")


def _note(recorder, found: Found) -> None:
    for case, checks in recorder.checks.items():
        for one in checks:
            if one.failure_info is None:
                continue
            failure = one.failure_info.failure
            if not _is_left_out(failure.message, recorder.interactions[case].request):
                found.failures.append(f"{recorder.label}: {failure.title}: {failure.message}")
    for case, interaction in recorder.interactions.items():
        status = interaction.response.status_code
        found.statuses[recorder.label, status] += 1
        meta = recorder.cases[case].value.meta
        if status == 422 and meta.generation.mode == GenerationMode.POSITIVE:
            found.refused.append(interaction.response.json()["detail"])


@pytest.mark.parametrize("phase", ["examples", "coverage", "fuzzing"])
def test_every_answer_is_one_that_the_document_tells_of(service, phase):
    found = run(service, phase)
    assert found.failures == []
    assert not [status for _, status in found.statuses if status >= 500]
    assert [one for one in found.refused if not one.startswith(SEMANTIC)] == []
    for path in POSTS:
        assert found.statuses[f"POST {path}", 200] > 0
    assert service.client.get("/readyz").text == "ready\n"


@pytest.mark.parametrize("path", POSTS)
def test_the_example_of_the_document_is_answered(service, path):
    operation = service.client.get("/openapi.json").json()["paths"][path]["post"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    for given in ({}, {"Accept": "application/json"}):
        answer = httpx.post(service.address + path, json=example, headers=given, timeout=60)
        assert answer.status_code == 200


def test_every_kind_of_answer_in_the_document_is_one_that_is_given(service):
    paths = service.client.get("/openapi.json").json()["paths"]
    files = {"reference": FACES[0], "test": FACES[1]}
    for path in POSTS:
        for kind in paths[path]["post"]["responses"]["200"]["content"]:
            answer = service.client.post(path, files=files, headers={"Accept": kind})
            assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert {NPZ, PNG} < set(paths["/v1/explain"]["post"]["responses"]["200"]["content"])
