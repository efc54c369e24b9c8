"""The page's files: from memory, with validators, and nothing beside them."""

import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from lpel_serving.service.http.app import build_app, open_service
from lpel_serving.service.http.page import routes as page
from lpel_serving.support.errors import ParameterError
from support.http import serve
from support.page.opening import CROPS, opened
from support.page.serving import RUNTIME

STATIC = Path(page.__file__).parent / "static"


@pytest.fixture
def client(address):
    with httpx.Client(base_url=address) as one:
        yield one


@pytest.mark.parametrize("file", sorted(STATIC.iterdir()), ids=lambda file: file.name)
def test_every_file_is_served_with_a_strong_validator(client, file):
    path = "/" if file.name == "index.html" else f"/page/{file.name}"
    answer = client.get(path)
    assert answer.content == file.read_bytes()
    assert answer.headers["etag"].startswith('"')
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get(path, headers={"If-None-Match": f'"other", {answer.headers["etag"]}'})
    assert again.status_code == 304
    assert again.content == b""
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_files_are_served_as_what_they_are(client):
    kinds = {"/": "text/html", "/page/main.js": "text/javascript", "/page/style.css": "text/css"}
    for path, kind in kinds.items():
        assert client.get(path).headers["content-type"].startswith(kind)


@pytest.mark.parametrize(
    "path",
    [
        "/page/",
        "/page/nothing.js",
        "/page/../routes.py",
        "/page/%2e%2e%2froutes.py",
        "/samples/9-test",
    ],
)
def test_no_other_file_is_served(client, path):
    assert client.get(path).status_code == 404


def test_samples_are_the_files_that_were_read(client, settings):
    answer = client.get("/samples/1-test")
    assert answer.content == settings.samples[1].test.data
    assert answer.headers["content-type"] == "image/png"
    assert len(settings.samples) == len(CROPS) // 2


def test_the_explainer_is_the_bundles(client, settings):
    answer = client.get("/models/explainer.onnx")
    assert answer.content == (settings.bundle / "explainer.onnx").read_bytes()
    etag = answer.headers["etag"]
    assert client.get("/models/explainer.onnx", headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.network
def test_the_runtime_is_what_the_page_needs(client):
    for name in page.RUNTIME:
        assert client.get(f"/runtime/{name}").content == (RUNTIME / name).read_bytes()
    wasm = client.get("/runtime/ort-wasm-simd-threaded.wasm")
    assert wasm.headers["content-type"] == "application/wasm"
    assert client.get("/runtime/ort.all.mjs").status_code == 404


def test_a_folder_that_is_no_runtime_is_refused(settings, tmp_path):
    (tmp_path / page.RUNTIME[0]).write_text("")
    lacking = replace(settings, web_runtime=tmp_path)
    with (
        closing(open_service(lacking)) as service,
        pytest.raises(ParameterError, match=f"{page.RUNTIME[1]} cannot be read"),
    ):
        build_app(service, lacking)


def test_the_browser_refuses_the_page_every_other_address(chromium, address):
    script = "address => fetch(address, {mode: 'no-cors'}).then(() => 'sent', () => 'refused')"
    with serve() as elsewhere, opened(chromium, address) as one:
        assert one.evaluate(script, elsewhere.address) == "refused"
        assert elsewhere.requests == []
        assert any("Content Security Policy" in text for text in one.complaints)


def test_nothing_in_the_page_is_inline():
    text = (STATIC / "index.html").read_text(encoding="utf-8")
    assert "style=" not in text
    assert "<style" not in text
    assert "onclick" not in text
    assert text.count("<script") == text.count('<script type="module" src="/page/main.js">') == 1
    for file in STATIC.iterdir():
        addresses = re.findall(r"https?://[^\"]*", file.read_text(encoding="utf-8"))
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}  # which is a name, and never asked
