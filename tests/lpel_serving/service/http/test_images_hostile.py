"""Images from strangers, sent to the running service: the right pixels, or a named refusal."""

import base64
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from lpel_serving.images import reading as images
from support.hostile_images import BOMBS, REFUSED
from support.image_parts import png
from support.odd_images import ODD, PNG, SHOWN
from support.process import served

pytestmark = [
    pytest.mark.hostile,
    # Pillow tells the service's owner of EXIF that makes no sense; the service minds it no further.
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]

OTHER = {"reference": "test", "test": "reference"}


def seen(service, data: bytes, name: str = "face.png", kind: str = "image/png") -> np.ndarray:
    """The crop that the network saw of an image, of which the largest square was taken."""
    files = {"reference": ("a.png", PNG, "image/png"), "test": (name, data, kind)}
    answer = service.client.post("/v1/explain", files=files, data={"include": "crop", "crop": "1"})
    assert answer.status_code == 200, answer.text
    crop = base64.b64decode(answer.json()["explanations"]["test"]["crop"])
    return np.asarray(Image.open(io.BytesIO(crop)))


@pytest.mark.parametrize("role", OTHER)
@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_usable_image_is_refused_and_named(service, what, role):
    files = {
        role: ("holiday.jpg", REFUSED[what], "image/jpeg"),
        OTHER[role]: ("b.png", PNG, "image/png"),
    }
    answer = service.client.post("/v1/verify", files=files)
    problem = answer.json()
    assert answer.status_code == problem["status"] == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["about"] == role
    assert problem["detail"].startswith(f"{role} ")
    assert "holiday" not in answer.text
    assert len(problem["detail"]) < 300


@pytest.mark.parametrize("what", ODD)
def test_what_is_an_unusual_image_is_seen_rightly(service, what):
    data, shown, tolerance = ODD[what]
    difference = np.abs(seen(service, data).astype(int) - np.asarray(shown).astype(int))
    assert difference.max() <= tolerance


@pytest.mark.parametrize(("what", "size"), [("1 x 5,001", "1 by 5001"), ("5,001 x 1", "5001 by 1")])
def test_what_is_taken_whole_is_never_cut(service, what, size):
    files = {"reference": PNG, "test": ODD[what][0]}
    answer = service.client.post("/v1/verify", files=files, data={"crop": "none"})
    assert (answer.status_code, answer.json()["about"]) == (422, "test")
    assert answer.json()["detail"] == (
        f"test: the picture has {size} pixels, the network takes 16 by 16, and the crop none cuts "
        "nothing off: choose the crop pad, which adds margins, stretch, which distorts, or a "
        "share of the picture such as 1."
    )
    whole = service.client.post("/v1/verify", files=files, data={"crop": "pad"})
    assert whole.status_code == 200


NAMES = (
    "face.gif", "face.exe", "face", ".htaccess", "../../etc/passwd", "C:\\face.png", "\u202egnp.exe"
)  # fmt: skip
TYPES = ("text/html", "application/x-php", "image/svg+xml", "", "image/gif; q=\x7f", "x" * 200)


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_file_says_nothing_of_what_it_is(service, name):
    np.testing.assert_array_equal(seen(service, PNG, name), SHOWN)


@pytest.mark.parametrize("kind", TYPES)
def test_the_type_of_a_part_says_nothing_of_what_it_is(service, kind):
    np.testing.assert_array_equal(seen(service, PNG, kind=kind), SHOWN)


def test_after_hostile_images_the_service_still_answers(service):
    np.testing.assert_array_equal(seen(service, PNG), SHOWN)
    assert service.client.get("/readyz").status_code == 200


@pytest.mark.parametrize("what", ODD)
def test_it_makes_no_difference_how_much_is_converted_at_a_time(monkeypatch, what):
    whole = images.read_pixels(ODD[what][0])
    monkeypatch.setattr(images, "_STRIP_PIXELS", 5 * whole.shape[1])
    np.testing.assert_array_equal(images.read_pixels(ODD[what][0]), whole)


@contextmanager
def growing(bundle, folder, most: int) -> Iterator[httpx.Client]:
    """Check that a server's memory grows by so many bytes at most while the context is open."""
    with served(bundle, folder) as process:
        status = Path(f"/proc/{process.popen.pid}/status")

        def memory(what: str) -> int:
            return int(re.search(rf"{what}:\s+(\d+) kB", status.read_text())[1]) * 1024

        with httpx.Client(base_url=f"http://127.0.0.1:{process.port}", timeout=60) as client:
            assert client.post("/v1/explain", files=dict.fromkeys(OTHER, PNG)).status_code == 200
            before = memory("VmRSS")
            yield client
        assert memory("VmHWM") - before < most


def test_bombs_do_not_fill_the_memory(service_bundle, tmp_path):
    with growing(service_bundle, tmp_path, most=200 * 2**20) as client:
        for role, bomb in product(OTHER, BOMBS.values()):
            files = {role: bomb, OTHER[role]: PNG}
            assert client.post("/v1/verify", files=files).status_code == 422


def test_the_largest_picture_takes_no_more_than_a_few_copies_of_itself(service_bundle, tmp_path):
    width, height = 6000, 4000
    largest = png(width, height, 8, 6, bytes((4 * width + 1) * height))
    with growing(service_bundle, tmp_path, most=3 * 4 * width * height) as client:
        files = {"reference": PNG, "test": largest}
        answer = client.post("/v1/verify", files=files, data={"crop": "1"})
        assert answer.status_code == 200
