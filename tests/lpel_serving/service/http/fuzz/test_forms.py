"""Forms of all kinds: what was sent comes out, or a typed refusal."""

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lpel_serving.service.http.messages.multipart import MAX_PARTS, MAX_TEXT_BYTES, read_form
from lpel_serving.service.http.messages.problems import Problem
from support.hostile_requests import BOTH, END, LINE, file, part, text
from support.mutation import mutants, outcome

RUNS = 10_000
TYPE = f"multipart/form-data; boundary={LINE}"

printable = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\')
names = st.text(printable, min_size=1, max_size=30)
values = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
files = st.tuples(names, st.binary())
latin = st.text(st.characters(max_codepoint=255), max_size=100)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    st.dictionaries(names, values, max_size=8),
    st.dictionaries(names, files, min_size=1, max_size=8),
)
def test_what_a_client_sends_comes_out(texts, sent):
    texts = {name: value for name, value in texts.items() if name not in sent}
    request = httpx.Request("POST", "http://a", data=texts, files=sent)
    found, said = read_form(request.read(), request.headers["content-type"])
    assert found == {name: data for name, (_, data) in sent.items()}
    assert said == texts


@settings(derandomize=True, max_examples=400, deadline=None)
@given(st.binary(max_size=400), latin)
@example(b"", "")
@example(b"--a", "multipart/form-data; boundary=a")
@example(b"--\r\n\r\n", "multipart/form-data; boundary=")
def test_whatever_comes_is_read_or_refused(body, kind):
    for content_type in (kind, TYPE, f"multipart/form-data; boundary={kind}"):
        refused_or_read(body, content_type)
        refused_or_read(f"--{LINE}".encode() + body, content_type)


def refused_or_read(body: bytes, content_type: str) -> bool:
    """Read a form; whether it was one."""
    form, problem = outcome(lambda: read_form(body, content_type), Problem)
    if form is None:
        assert problem.status == 400
        assert len(str(problem)) < 300
        return False
    images, texts = form
    assert len(images) + len(texts) <= MAX_PARTS
    assert not set(images) & set(texts)
    assert all(len(value.encode()) <= MAX_TEXT_BYTES for value in texts.values())
    assert sum(map(len, images.values())) <= len(body)
    return True


SEEDS = [
    BOTH + END,
    file("reference", b"a") + file("test", b"\r\n--b") + text("crop", b"0.48") + END,
    text("include", b"mask,overlay") + text("p", b"0.3") + END,
    part(b"x", b'Content-Disposition: form-data; name="a"', b"Content-Type: text/plain") + END,
    part(b"x", b'Content-Disposition: form-data; name=a; filename="\\"b\\""; c=d') + END,
]


@pytest.mark.parametrize("seed", [0, 1])
def test_a_changed_form_is_read_or_refused(seed):
    read = sum(refused_or_read(one, TYPE) for one in mutants(SEEDS, RUNS // 2, seed))
    assert RUNS // 100 < read < RUNS // 2


def test_a_changed_type_is_read_or_refused():
    types = [TYPE.encode(), b'multipart/form-data; a="b\\"c"; boundary="d e"; charset=utf-8']
    for one in mutants(types, RUNS // 3):
        refused_or_read(BOTH + END, one.decode("latin-1"))
