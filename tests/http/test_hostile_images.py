"""Images from strangers, sent to the running service: the right pixels, or a named refusal."""

import base64
import io
import re
from itertools import product
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from support.hostile_images import BOMBS, REFUSED
from support.odd_images import ODD, PNG, SHOWN
from support.process import served

pytestmark = [
    # Pillow tells the service's owner of EXIF that makes no sense; the service minds it no further.
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]

OTHER = {"reference": "test", "test": "reference"}
MEMORY = 200 * 2**20
"""By how much a server may grow meanwhile: a few bodies, and what libraries keep."""


def seen(service, data: bytes, name: str = "face.png", kind: str = "image/png") -> np.ndarray:
    """The crop that the network saw of an image."""
    files = {"reference": ("a.png", PNG, "image/png"), "test": (name, data, kind)}
    answer = service.client.post("/v1/explain", files=files, data={"include": "crop"})
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


def test_the_service_still_answers(service):
    np.testing.assert_array_equal(seen(service, PNG), SHOWN)
    assert service.client.get("/readyz").status_code == 200


def test_bombs_do_not_fill_the_memory(service_bundle, tmp_path):
    with served(service_bundle, tmp_path) as process:
        status = Path(f"/proc/{process.popen.pid}/status")

        def memory(what: str) -> int:
            return int(re.search(rf"{what}:\s+(\d+) kB", status.read_text())[1]) * 1024

        with httpx.Client(base_url=f"http://127.0.0.1:{process.port}", timeout=60) as client:
            files = dict.fromkeys(OTHER, PNG)
            assert client.post("/v1/explain", files=files).status_code == 200
            before = memory("VmRSS")
            for role, bomb in product(OTHER, BOMBS.values()):
                assert client.post("/v1/verify", files=files | {role: bomb}).status_code == 422
            assert client.post("/v1/explain", files=files).status_code == 200
        assert memory("VmHWM") - before < MEMORY
