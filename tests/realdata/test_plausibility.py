"""The shipped check of plausibility, on real faces and on pictures that show none."""

import numpy as np
import pytest

from lpel_serving import Explainer
from lpel_serving.images.crops import parse_crop
from lpel_serving.images.cutting import read_face
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.support.image_shape import square
from support.non_faces import KINDS

EACH = 20
"""Pictures of each kind."""

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def explainer(demo_folder) -> Explainer:
    return Explainer.load(demo_folder / "bundle")


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_without_a_face_are_noticed(explainer, kind):
    rng = np.random.default_rng(7)
    drawn = np.stack([KINDS[kind](rng) for _ in range(EACH)])
    noticed = ~explainer.plausibility.plausible(explainer.embed(drawn))
    assert noticed.sum() >= EACH - 1


def test_two_landscapes_are_called_alike_and_no_certainty_is_drawn_from_it(explainer):
    rng = np.random.default_rng(0)
    first, second = (KINDS["drawn landscapes"](rng) for _ in range(2))
    pair = explainer.explain(first, second)
    assert pair.similar
    assert explainer.manifest.confidence.calibration.confidence(pair.similarity) > 0.999
    assert pair.plausibility.implausible == ("reference", "test")


def test_the_demos_faces_pass(explainer, real_crops):
    assert explainer.plausibility.plausible(explainer.embed(real_crops)).all()


@pytest.mark.realdata
@pytest.mark.parametrize(("folder", "every"), [("orl", 4), ("lfw", 48)])
def test_hardly_a_photograph_of_a_face_raises_an_alarm(explainer, realdata, folder, every):
    """Of people whom nothing here was fitted on, by another camera, in crops; and of LFW's."""
    crop = parse_crop("1" if folder == "orl" else "0.48")
    paths = [face.path for face in list_faces(realdata / folder)][::every]
    crops = np.stack([read_face(path, crop, square(160)) for path in paths])
    alarms = ~explainer.plausibility.plausible(explainer.embed(crops))
    assert len(paths) >= 100
    assert alarms.mean() <= 0.01
