"""The page, in a real browser: what it computes, what it asks for, how it is used."""

import json
import re
import subprocess
import sys
from contextlib import contextmanager

import pytest
from PIL import Image

from runtimes.conftest import chromium_browser, javascript_example
from runtimes.scene import ROLES, assert_near, from_json
from support.http import serve
from support.images import pixels

pytestmark = pytest.mark.network

SECONDS = 120_000
"""How long the page may take to explain a pair, in milliseconds."""
OWN = {
    "",
    "style.css",
    "explain.js",
    "explainer.onnx",
    "node_modules/onnxruntime-web/dist/ort.wasm.min.mjs",
    "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.mjs",
    "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm",
}
"""What the page may ask for, all of it from where it came from."""


@pytest.fixture(scope="module")
def browser():
    with chromium_browser() as one:
        yield one


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return javascript_example("browser", tmp_path_factory.mktemp("browser"))


@contextmanager
def served(folder):
    """Serve a folder as the README says to; yield its address."""
    command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]
    server = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        port = re.search(r"port (\d+)", server.stdout.readline()).group(1)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


@pytest.fixture
def address(folder):
    with served(folder) as found:
        yield found


@pytest.fixture
def page(browser, address):
    """The page as it opens, without an explainer; what it says and asks for is kept."""
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    opened = context.new_page()
    opened.requests, opened.complaints = [], []
    opened.on(
        "request",
        lambda asked: opened.requests.append((asked.method, asked.url, asked.post_data)),
    )
    opened.on("console", lambda message: opened.complaints.append(message.text))
    opened.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.goto(address)
    yield opened
    context.close()


def put_beside_the_page(file, folder):
    beside = folder / "explainer.onnx"
    beside.unlink(missing_ok=True)
    beside.symlink_to(file)


def choose(page, pictures):
    for role, picture in zip(ROLES, pictures, strict=True):
        page.set_input_files(f"#{role}", picture)
    page.wait_for_selector("#status.decided, #status.failed", timeout=SECONDS)


def explain(page, folder, file, pictures):
    put_beside_the_page(file, folder)
    choose(page, pictures)
    assert page.get_attribute("#status", "class") == "decided", page.inner_text("#status")
    assert page.complaints == []


def saved(page):
    with page.expect_download() as download:
        page.click("#save")
    written = json.loads(download.value.path().read_text(encoding="utf-8"))
    return from_json(written["arrays"]), written["epsilon"]


@pytest.fixture
def explained(page, folder, tiny_scene):
    explain(page, folder, tiny_scene.file("responses"), tiny_scene.pictures(1))
    return page


@pytest.mark.parametrize("method", ["surrogate", "responses", "lpel", "lpel-mended"])
def test_the_page_agrees_on_the_tiny_networks(page, folder, tiny_scene, method):
    explain(page, folder, tiny_scene.file(method), tiny_scene.pictures(1))
    found, epsilon = saved(page)
    assert epsilon == 0.7
    assert_near(found, tiny_scene.expected(method, 1))


@pytest.mark.weights
def test_the_page_agrees_on_facenet_and_tells_the_decision(page, folder, real_scene, tmp_path):
    explain(page, folder, real_scene.file("surrogate"), real_scene.pictures(1))
    found, _ = saved(page)
    expected = real_scene.expected("surrogate", 1)
    assert_near(found, expected)
    words = page.inner_text("#status")
    assert words == f"Similar: their similarity is {expected['similarity'][0]:.3f}."
    page.screenshot(path=tmp_path / "page.png", full_page=True)


def test_the_slider_marks_what_the_engine_marks(explained, tiny_scene):
    explained.fill("#epsilon", "0.4")
    assert explained.inner_text("#epsilon-value") == "0.40"
    found, epsilon = saved(explained)
    assert epsilon == 0.4
    assert_near(found, tiny_scene.expected("responses", 1, epsilon=0.4), epsilon=0.4)


def test_the_page_asks_for_its_own_files_and_for_nothing_else(explained, address):
    explained.fill("#epsilon", "0.2")
    saved(explained)
    # Pictures in the page's own text, and what it made for saving, are asked of nobody.
    asked = [one for one in explained.requests if not one[1].startswith(("data:", "blob:"))]
    assert {url for _, url, _ in asked} == {address + path for path in OWN}
    assert {method for method, _, _ in asked} == {"GET"}
    assert {sent for _, _, sent in asked} == {None}


def test_the_browser_refuses_the_page_every_other_address(page):
    script = "address => fetch(address, {mode: 'no-cors'}).then(() => 'sent', () => 'refused')"
    with serve() as elsewhere:
        assert page.evaluate(script, elsewhere.address) == "refused"
        assert elsewhere.requests == []
    assert any("Content Security Policy" in text for text in page.complaints)


def test_the_page_says_what_is_missing(page, folder, tiny_scene):
    (folder / "explainer.onnx").unlink(missing_ok=True)
    choose(page, tiny_scene.pictures(1))
    assert page.inner_text("#status") == "There is no explainer.onnx beside this page."
    assert not page.is_visible("#explanation")
    (folder / "other.onnx").symlink_to(tiny_scene.file("lpel"))
    page.fill("#explainer", "other.onnx")
    page.press("#explainer", "Enter")
    page.wait_for_selector("#status.decided", timeout=SECONDS)
    assert page.inner_text("#least") == "least"  # LPEL's maps have no sign


def test_a_file_that_is_no_picture_is_named(page, folder, tiny_scene, tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    put_beside_the_page(tiny_scene.file("responses"), folder)
    choose(page, [tmp_path / "notes.png", tiny_scene.pictures(1)[1]])
    assert page.inner_text("#status") == "notes.png is no picture that this browser knows."


def test_a_picture_of_another_size_is_fitted_and_the_page_says_so(
    page, folder, tiny_scene, tmp_path
):
    large = tmp_path / "large.png"
    Image.fromarray(pixels(0, 64)[:40]).save(large)
    explain(page, folder, tiny_scene.file("responses"), [large, tiny_scene.pictures(1)[1]])
    assert page.inner_text("#reference-hint") == "large.png, its middle, 16 by 16 pixels"
    assert page.inner_text("#test-hint") == "01.png"


def test_the_keyboard_reaches_everything(explained):
    reached = []
    explained.evaluate("document.activeElement.blur()")
    for _ in range(5):
        explained.keyboard.press("Tab")
        reached.append(explained.evaluate("document.activeElement.id"))
    assert reached == ["reference", "test", "epsilon", "save", "explainer"]
    before = explained.get_attribute("#test-mask", "aria-label")
    explained.focus("#epsilon")
    explained.keyboard.press("Home")
    assert explained.inner_text("#epsilon-value") == "0.00"
    assert explained.get_attribute("#test-mask", "aria-label") != before


def test_the_page_fits_in_narrow_and_wide_windows(explained, tmp_path):
    for scheme in ("light", "dark"):
        explained.emulate_media(color_scheme=scheme)
        for width in (320, 1100):
            explained.set_viewport_size({"width": width, "height": 900})
            explained.screenshot(path=tmp_path / f"{scheme}-{width}.png", full_page=True)
            assert explained.evaluate("document.documentElement.scrollWidth") <= width
