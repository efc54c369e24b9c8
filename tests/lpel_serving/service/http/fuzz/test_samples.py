"""Lists of samples of all kinds: samples, or a typed refusal; and never a file from elsewhere."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lpel_serving.service.http.messages.answers import json_bytes
from lpel_serving.service.samples import LIST, read_samples
from lpel_serving.support.errors import ImageError, ParameterError
from support.mutation import mutants, outcome
from support.odd_images import PNG

RUNS = 4_000
SECRET = b"not to be given away"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("samples")
    (home / "secret.png").write_bytes(SECRET)
    inner = home / "inner"
    inner.mkdir()
    for name in ("a.png", "b.png"):
        (inner / name).write_bytes(PNG)
    return inner


def entry(**more: object) -> dict:
    faces = {
        role: {"name": role, "file": file}
        for role, file in (("reference", "a.png"), ("test", "b.png"))
    }
    return {"title": "A and B", "crop": "none", **faces, **more}


def refused_or_read(folder, text: bytes) -> bool:
    """Read a list; whether it was one."""
    (folder / LIST).write_bytes(text)
    samples, error = outcome(lambda: read_samples(folder), ParameterError, ImageError)
    if samples is None:
        assert "samples" in str(error) or str(folder) in str(error)
        return False
    for one in samples:
        json_bytes([one.title, one.crop, one.reference.name, one.test.name])
        assert {one.reference.data, one.test.data} <= {PNG, text}
    return True


files = st.text(max_size=30) | st.sampled_from(
    ["../secret.png", "..", ".", "", "/etc/passwd", "a.png\0", "a.png/", "./a.png", "\ud800"]
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(files)
@example("../secret.png")
def test_no_file_is_read_from_elsewhere(folder, file):
    said = [entry(test={"name": "b", "file": file})]
    refused_or_read(folder, json.dumps(said).encode())


@settings(derandomize=True, max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["title", "crop", "reference", "test", "same_person"]), anything
    )
)
@example({"title": "\ud800"})
@example({"crop": "\udfff"})
@example({"reference": {"name": "\ud800", "file": "a.png"}})
def test_any_entry_is_read_or_refused(folder, more):
    refused_or_read(folder, json.dumps([entry(**more)]).encode())


def test_a_changed_list_is_read_or_refused(folder):
    seeds = [json.dumps(entries).encode() for entries in ([entry()], [entry(), entry(crop="0.5")])]
    read = sum(refused_or_read(folder, one) for one in mutants(seeds, RUNS))
    assert read > RUNS // 200
