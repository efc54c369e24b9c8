"""JSON of all kinds: what was sent comes out, or a typed refusal."""

import base64
import json
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpel_serving.service.http.messages import pairs
from lpel_serving.service.http.messages.problems import Problem
from lpel_serving.service.http.schemas.requests import (
    IMAGES,
    AssessFields,
    ExplainFields,
    VerifyFields,
)
from support.mutation import mutants, outcome

RUNS = 10_000
KINDS = (VerifyFields, ExplainFields, AssessFields)
IMAGE = base64.b64encode(b"a picture").decode()

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
fields = st.sampled_from(["crop", "method", "p", "seed", "epsilon", "include", "arrays", "draws"])


def refused_or_read(body: bytes, kind: type[VerifyFields]) -> Any:
    """Read a document as the service does; None if it is refused."""
    asked, problem = outcome(
        lambda: pairs._checked(pairs._read_document(body), kind, strict=True), Problem
    )
    if problem is not None:
        assert problem.status in {400, 422}
        assert problem.response("/v1/explain").status_code == problem.status
        assert len(str(problem)) < 400
    return asked


@settings(derandomize=True, max_examples=150, deadline=None)
@given(st.binary(min_size=1, max_size=200), st.binary(min_size=1, max_size=200))
def test_two_images_come_out(reference, test):
    sent = {"reference": reference, "test": test}
    body = json.dumps({name: base64.b64encode(data).decode() for name, data in sent.items()})
    asked = refused_or_read(body.encode(), VerifyFields)
    assert (asked.reference, asked.test) == (reference, test)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.dictionaries(fields | st.text(max_size=9), values, max_size=4), st.sampled_from(KINDS))
def test_any_fields_are_taken_or_refused(said, kind):
    body = json.dumps({"reference": IMAGE, "test": IMAGE} | said).encode("utf-8", "surrogatepass")
    asked = refused_or_read(body, kind)
    assert asked is None or set(said) - {"reference", "test"} <= set(kind.model_fields)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.binary(max_size=300) | values.map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_is_taken_or_refused(body):
    refused_or_read(body, ExplainFields)


SEEDS = [
    json.dumps({"reference": IMAGE, "test": IMAGE} | more).encode()
    for more in (
        {},
        {"crop": "0.48", "method": "lpel", "p": 0.3, "seed": 7},
        {"include": ["mask", "crop"], "arrays": "base64", "epsilon": 0.25},
        {"curve": "similar", "draws": 3, "every": 16.0, "crop": None},
        {"crop": "\u00e4\ud83d\ude00", "p": 1e-7, "seed": -1, "include": [[{"a": [None]}]]},
    )
]


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_document_is_taken_or_refused(kind):
    changed = mutants(SEEDS, RUNS // len(KINDS), seed=KINDS.index(kind))
    taken = sum(refused_or_read(one, kind) is not None for one in changed)
    assert taken > 0


def test_a_form_takes_any_text_or_refuses_it():
    texts = [b"0.48", b"mask,crop", b"1e3", b"true", b"null", b"lists", b"\xc3\xa4"]
    names = sorted({*ExplainFields.model_fields, *AssessFields.model_fields} - {*IMAGES})
    for number, one in enumerate(mutants(texts, RUNS // 3)):
        said = {names[number % len(names)]: one.decode("utf-8", "replace")}
        for kind in KINDS:
            asked, problem = outcome(partial(_asked_in_form, said, kind), Problem)
            assert asked is not None or problem.status == 422


def _asked_in_form(said: dict[str, str], kind: type[VerifyFields]) -> Any:
    images = {"reference": b"a", "test": b"b"}
    return pairs._checked(images | pairs._with_list(said), kind, strict=False)
