"""A photograph whose embedding is zero is refused, by every way in; a perturbed image is not."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from lpel_serving import Explainer
from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.direction import check_comparable, has_direction
from lpel_serving.methods.catalogue.registry import find_method
from lpel_serving.service.http.settings import Settings
from lpel_serving.support.errors import EmbeddingError, NoDirectionError
from support import tiny
from support.command import lpel
from support.images import pixels, write_people
from support.service import started

BLACK = np.zeros((tiny.IMAGE_SIZE, tiny.IMAGE_SIZE, 3), np.uint8)
FACE = pixels(1, tiny.IMAGE_SIZE)
SAYS = "zero all over, and so has no direction"


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "png")
    return file.getvalue()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny.write_bundle(tmp_path_factory.mktemp("direction") / "bundle", responds=True)


def test_which_embeddings_have_a_direction():
    rows = np.array([[0, 0], [0, -1e-40], [np.nan, 1], [np.inf, 0], [3, 4]], np.float32)
    assert has_direction(rows).tolist() == [False, True, False, False, True]
    assert not has_direction(np.zeros((3, 0), np.float32)).any()
    with pytest.raises(NoDirectionError, match="of b holds NaN"):
        check_comparable(COSINE, rows[[4, 2]], ["a", "b"])
    assert issubclass(NoDirectionError, EmbeddingError)


@pytest.mark.parametrize("method", [None, "lpel", "responses", "occlusion"])
def test_the_engine_refuses_a_photograph_whose_embedding_is_zero(bundle, method):
    explainer = Explainer.load(bundle)
    assert not explainer.embed(BLACK[np.newaxis]).any()
    chosen = None if method is None else find_method(method)
    for pair, name in (((BLACK, FACE), "the reference"), ((FACE, BLACK), "the test image")):
        with pytest.raises(NoDirectionError, match=f"the embedding of {name} is {SAYS}"):
            explainer.explain(*pair, method=chosen)


def test_a_perturbed_image_whose_embedding_is_zero_counts(bundle):
    """Occlusion by a black mean leaves nothing of a black photograph's twin, and goes on."""
    explainer = Explainer.load(bundle)
    nearly = BLACK.copy()
    nearly[0, 0] = 255
    map_ = explainer.explain(FACE, nearly, method=find_method("occlusion")).forward.heat_map
    assert np.isfinite(map_).all()


def test_the_commands_refuse_it_in_one_sentence(bundle, tmp_path):
    people = write_people(tmp_path / "faces", people=3, each=4)
    black = people / "Person_00" / "Person_00_0001.png"
    black.write_bytes(png(BLACK))
    other = people / "Person_01" / "Person_01_0001.png"
    explain = ["explain", "--bundle", bundle, "--out", tmp_path / "out", black, other]
    verify = ["verify", "--bundle", bundle, "--faces", people, "--n", "20"]
    for arguments, name in ((explain, "the reference"), (verify, str(black))):
        done = lpel(*arguments)
        assert done.returncode == 2, done.stderr
        assert f"the embedding of {name} is {SAYS}" in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_service_answers_that_it_cannot_and_says_for_which_image(bundle):
    import httpx

    files = {"reference": png(FACE), "test": png(BLACK)}
    texts = {name: base64.b64encode(data).decode() for name, data in files.items()}
    with started(Settings(bundle)) as service:
        address = f"http://127.0.0.1:{service.port}"
        for path in ("explain", "verify", "assess"):
            answer = httpx.post(f"{address}/v1/{path}", json=texts, timeout=60)
            assert answer.status_code == 422, answer.text
            assert answer.json()["about"] == "test"
            assert f"the embedding of test is {SAYS}" in answer.json()["detail"]
