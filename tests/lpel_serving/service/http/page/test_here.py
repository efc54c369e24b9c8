"""Computing in the browser: the server's numbers, and no picture on the wire."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lpel_serving import Explainer, find_method
from lpel_serving.images.crops import CentreCrop, WholeImage
from lpel_serving.images.cutting import read_face
from lpel_serving.images.resizing import resize
from lpel_serving.report.verdict import explained
from lpel_serving.support.image_shape import square
from runtimes.scene import NEAR
from support import tiny, tiny_surrogate
from support.images import pixels
from support.page.acting import ROLES, array, choose, complaint, decided, posts, record, take_sample
from support.page.odd_pictures import smooth
from support.page.opening import CROPS, NAMES, SPLITTING, opened
from support.page.serving import add_explainer, running

RESIZE = """async ([pixels, height, width, size]) => {
    const { resize } = await import("/page/bicubic.js");
    return Array.from(resize(Uint8Array.from(pixels), { height, width }, size));
}"""
CUT = """async ([data, crop, size]) => {
    const { cut, read } = await import("/page/pictures.js");
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const { bitmap } = await read(new Blob([bytes]), "it", { pixels: 1e8, formats: [] });
    return Array.from(cut(bitmap, crop, size).data);
}"""
MIDDLE = """async (asked) => {
    const { middle } = await import("/page/pictures.js");
    return asked.map(([width, height, fraction]) => middle({ width, height }, fraction).height);
}"""


@pytest.fixture
def here(page):
    """The page, computing by itself."""
    page.check("#here")
    return page


@pytest.mark.network
def test_the_browser_computes_what_the_server_does(here, engine):
    take_sample(here)
    saved = record(here)
    pair = engine.explain(CROPS[0], CROPS[1])
    assert saved["computed"] == "in the browser"
    assert saved["similarity"] == pytest.approx(pair.similarity, abs=NEAR)
    assert saved["decision"] == "dissimilar"
    for role, explanation in zip(ROLES, (pair.swapped, pair.forward), strict=True):
        one = saved["explanations"][role]
        np.testing.assert_allclose(array(one["heat_map"]), explanation.heat_map, atol=NEAR)
        found = array(one["reconstruction"])
        np.testing.assert_allclose(found, explanation.reconstruction, atol=NEAR)
        clear = np.abs(explanation.normalised_heat_map - np.float32(0.7)) > NEAR
        np.testing.assert_array_equal(array(one["mask"])[clear], explanation.mask[clear])


@pytest.mark.network
def test_a_file_that_simulates_shows_its_own_maps_under_its_own_words(chromium, settings, tmp_path):
    threshold = tiny.ThresholdRecord(SPLITTING, {})
    made = tiny_surrogate.write_bundle(tmp_path / "made", threshold=threshold)
    bundle = add_explainer(made, tmp_path / "bundle", "surrogate", "blur")
    engine, method = Explainer.load(bundle), find_method("surrogate", fill="blur")
    decisions = set()
    with (
        running(replace(settings, bundle=bundle)) as address,
        opened(chromium, address) as page,
    ):
        page.check("#here")
        hint = page.inner_text("#here-hint")
        assert hint.endswith(
            "than \N{LEFT DOUBLE QUOTATION MARK}Hiding parts, simulated"
            "\N{RIGHT DOUBLE QUOTATION MARK} with the fill blur."
        )
        for place, (reference, test) in enumerate(zip(CROPS[::2], CROPS[1::2], strict=True)):
            take_sample(page, place + 1)
            saved = record(page)
            pair = engine.explain(reference, test, method=method)
            decisions.add(saved["decision"])
            assert saved["similarity"] == pytest.approx(pair.similarity, abs=NEAR)
            for role, one in zip(ROLES, (pair.swapped, pair.forward), strict=True):
                found = array(saved["explanations"][role]["heat_map"])
                np.testing.assert_allclose(found, one.heat_map, atol=NEAR)
            assert saved["method"]["name"] == "surrogate"
            assert saved["method"]["parameters"] == {"fill": "blur"}
            # As the server says of these maps, which nobody measured.
            beside = explained(pair).beside_map
            assert page.inner_text("#map-limit") == saved["beside_map"] == beside
            assert "common to all faces" not in page.inner_text("main")
        assert page.complaints == []
    assert decisions == {"similar", "dissimilar"}


@pytest.mark.network
def test_the_maps_of_the_file_have_the_limit_that_the_server_states(here, engine):
    take_sample(here)
    pair = engine.explain(CROPS[0], CROPS[1], method=find_method("responses"))
    described = pair.method.describe(embedder=pair.origin.embedder)
    assert here.inner_text("#map-limit") == explained(pair).beside_map == described.caveat


@pytest.mark.network
def test_no_picture_is_sent_and_nobody_else_is_asked(here, address, pictures):
    before = len(here.asked)
    choose(here, "reference", *pictures[:2])
    decided(here)
    here.fill("#epsilon", "0.3")
    here.click("#swap")
    decided(here)
    record(here)
    later = [one for one in here.asked[before:] if not one.url.startswith(("blob:", "data:"))]
    assert later
    assert all(one.url.startswith(f"{address}/") for one in later)
    assert {one.method for one in here.asked} == {"GET"}
    assert {one.post_data for one in here.asked} == {None}
    paths = [one.url.removeprefix(address) for one in later]
    assert paths.count("/models/explainer.onnx") == 1
    assert {path.split("/")[1] for path in paths} == {"models", "runtime"}


@pytest.mark.network
def test_the_page_says_what_only_the_server_can_do(here):
    take_sample(here)
    assert "computed in your browser" in here.inner_text("#words")
    assert here.is_disabled("#method")
    assert here.is_disabled("#measure")
    assert "Only the server can" in here.inner_text("#belief-hint")
    assert "go nowhere" in here.inner_text("#privacy")
    assert here.is_disabled("#save-arrays")
    assert not here.is_visible("#parts")
    assert "only the server reports" in here.inner_text("#caveats")
    here.uncheck("#here")
    decided(here)
    assert len(posts(here)) == 1
    assert here.is_visible("#parts")
    assert here.is_enabled("#measure")
    assert "go to this server" in here.inner_text("#privacy")


@pytest.mark.network
def test_only_crops_that_the_browser_can_cut_are_offered(chromium, settings):

    def upper_left(image, shape):
        return resize(image[:8, :8], shape)

    crops = {"0.5": CentreCrop(0.5), "corner": upper_left}
    with (
        running(replace(settings, crops=crops)) as address,
        opened(chromium, address) as page,
    ):
        page.select_option("#crop", "corner")
        page.check("#here")
        assert page.input_value("#crop") == "none"
        assert page.locator("#crop option[value=corner]").is_disabled()
        assert page.locator("#crop option[value='0.5']").is_enabled()


@pytest.mark.network
@pytest.mark.parametrize(
    ("crops", "advice"),
    [
        ({}, "Let the server compute: it has other crops."),
        ({"0.5": CentreCrop(0.5)}, "Choose a crop that cuts out its middle."),
    ],
    ids=["none cuts", "one cuts"],
)
def test_what_is_taken_whole_is_not_cut_here_either(chromium, settings, tmp_path, crops, advice):
    wide = tmp_path / "wide.png"
    Image.fromarray(pixels(0, 30)[:20]).save(wide)
    with (
        running(replace(settings, crops=crops)) as address,
        opened(chromium, address) as page,
    ):
        page.check("#here")
        choose(page, "reference", wide, wide)
        assert complaint(page, "reference") == (
            f"wide.png has 30 by 20 pixels, and the network takes squares. {advice}"
        )
        assert page.locator("#crop option[value=pad]").is_disabled()
        assert page.complaints == []


@pytest.mark.network
def test_what_is_nearly_square_is_taken_whole_as_by_the_server(
    chromium, settings, engine, tmp_path
):
    files = [tmp_path / f"{name}.png" for name in NAMES[:2]]
    for seed, file in enumerate(files):
        Image.fromarray(pixels(seed, 61)[:60]).save(file)
    with running(replace(settings, crops={})) as address, opened(chromium, address) as page:
        page.check("#here")
        choose(page, "reference", *files)
        decided(page)
        found = array(record(page)["explanations"]["test"]["heat_map"])
    pair = engine.explain(*[read_face(file, WholeImage(), square(16)) for file in files])
    np.testing.assert_allclose(found, pair.forward.heat_map, atol=NEAR)


@pytest.mark.network
def test_a_shared_crop_is_cut_alike(here, engine, tmp_path):
    files = [tmp_path / f"{name}.png" for name in NAMES[:2]]
    for seed, file in enumerate(files):
        Image.fromarray(pixels(seed, 61)[:43]).save(file)
    here.select_option("#crop", "0.5")
    choose(here, "reference", *files)
    decided(here)
    faces = [read_face(file, CentreCrop(0.5), square(16)) for file in files]
    pair = engine.explain(*faces)
    found = array(record(here)["explanations"]["test"]["heat_map"])
    np.testing.assert_allclose(found, pair.forward.heat_map, atol=NEAR)


@pytest.mark.parametrize(
    ("side", "size"),
    [(16, 16), (17, 16), (7, 16), (1, 5), (2, 160), (120, 160), (250, 160), (311, 31)],
)
@pytest.mark.parametrize("less", [0, 1])
def test_pictures_are_resized_as_pillow_does(page, side, size, less):
    image = pixels(side, side)[: max(1, side - less)]
    image[: side // 2] = np.where(image[: side // 2] > 127, 255, 0)  # where it overshoots
    found = page.evaluate(RESIZE, [image.ravel().tolist(), *image.shape[:2], size])
    assert bytes(found) == resize(image, square(size)).tobytes()


def test_squares_are_as_large_as_pythons(page):
    asked = [
        (w, h, share) for w in range(1, 60, 7) for h in (5, 50) for share in (0.48, 0.5, 0.1, 1)
    ]
    expected = [max(1, round(min(w, h) * share)) for w, h, share in asked]
    assert page.evaluate(MIDDLE, asked) == expected


def written(image, **how):
    buffer = io.BytesIO()
    image.save(buffer, **how)
    return buffer.getvalue()


def turned():
    image = Image.fromarray(smooth(50, 70))
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned by a quarter
    return written(image, format="PNG", exif=exif)


@pytest.mark.parametrize(
    ("data", "within"),
    [
        (written(Image.fromarray(pixels(0, 90)[:61]), format="PNG"), 0),
        (written(Image.fromarray(pixels(0, 90)[:, :, 0]), format="PNG"), 0),
        (written(Image.fromarray(pixels(0, 90)), format="WEBP", lossless=True), 0),
        (written(Image.fromarray(pixels(0, 40)), format="BMP"), 0),
        (turned(), 0),
        (written(Image.fromarray(smooth(90, 70)), format="JPEG", quality=95), 3),
        (written(Image.fromarray(pixels(0, 40)).convert("RGBA"), format="PNG"), 0),
    ],
    ids=["wide", "grey", "webp", "bmp", "turned", "jpeg", "opaque"],
)
def test_crops_are_the_servers(page, data, within):
    found = page.evaluate(CUT, [base64.b64encode(data).decode(), "0.48", 16])
    expected = read_face(data, CentreCrop(0.48), square(16))
    difference = np.abs(np.reshape(found, (16, 16, 3)) - expected.astype(int))
    assert difference.max() <= within
