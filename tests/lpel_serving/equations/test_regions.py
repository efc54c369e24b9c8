"""The parts of a face, and how a map divides among them."""

import numpy as np
import pytest

from lpel_serving.equations.regions import (
    ELSEWHERE,
    OUTLINES,
    REGIONS,
    region_labels,
    region_shares,
)
from lpel_serving.support.errors import LpelError, ParameterError
from lpel_tf.networks.detection import LANDMARKS, TEMPLATE

GRID = 240


def region_at(x: float, y: float) -> str:
    """The region of a point, as shares of the side."""
    return REGIONS[region_labels(1000)[int(1000 * y), int(1000 * x)]]


def only(*names: str, size: int = GRID) -> np.ndarray:
    """A map of 1 in some regions and 0 elsewhere."""
    return np.isin(region_labels(size), [REGIONS.index(name) for name in names]).astype(np.float32)


def by_name(heat_map) -> dict:
    return {one.name: one for one in region_shares(heat_map)}


def test_there_are_the_parts_of_a_face_and_the_rest():
    assert set(REGIONS) == {*OUTLINES, ELSEWHERE}
    assert len(REGIONS) == 7


def test_the_landmarks_of_an_aligned_face_lie_in_their_regions():
    expected = ("eyes", "eyes", "nose", "mouth", "mouth")
    found = {name: region_at(x, y) for name, (x, y) in zip(LANDMARKS, TEMPLATE, strict=True)}
    assert found == dict(zip(LANDMARKS, expected, strict=True))


@pytest.mark.parametrize(
    ("x", "y", "name"),
    [
        (0.5, 0.1, "forehead"),
        (0.35, 0.3, "eyes"),
        (0.5, 0.3, "eyes"),
        (0.5, 0.42, "nose"),
        (0.25, 0.58, "cheeks"),
        (0.28, 0.84, "cheeks"),
        (0.5, 0.84, "mouth"),
        (0.5, 0.95, "chin"),
        (0.02, 0.02, "elsewhere"),
        (0.05, 0.5, "elsewhere"),
        (0.97, 0.97, "elsewhere"),
    ],
)
def test_every_point_has_its_region(x, y, name):
    assert region_at(x, y) == name


@pytest.mark.parametrize("size", [1, 2, 8, 37, 40, 160, 240, 1001])
def test_regions_are_the_same_in_a_mirror(size):
    labels = region_labels(size)
    np.testing.assert_array_equal(labels, labels[:, ::-1])
    assert labels.shape == (size, size)


def test_every_region_is_there_and_areas_sum_to_1():
    areas = {one.name: one.area for one in region_shares(np.zeros((4, 4), np.float32))}
    assert tuple(areas) == REGIONS
    assert sum(areas.values()) == pytest.approx(1, abs=1e-12)
    counts = np.bincount(region_labels(GRID).ravel()) / GRID**2
    np.testing.assert_array_equal(list(areas.values()), counts)
    assert min(counts) > 0.04
    assert areas[ELSEWHERE] < 0.4


@pytest.mark.parametrize("name", REGIONS)
def test_what_lies_in_one_region_is_all_of_that_region(name):
    shares = by_name(only(name) * np.float32(3))
    for other, one in shares.items():
        assert one.for_ == pytest.approx(float(other == name), abs=1e-9)
        assert one.against == 0


def test_what_is_for_and_what_is_against_are_told_apart():
    shares = by_name(3 * only("nose") + only("mouth") - 5 * only("chin", "forehead"))
    nose, mouth, chin, forehead = (shares[n] for n in ("nose", "mouth", "chin", "forehead"))
    whole = 3 * nose.area + mouth.area
    assert nose.for_ == pytest.approx(3 * nose.area / whole)
    assert mouth.for_ == pytest.approx(mouth.area / whole)
    assert chin.against == pytest.approx(chin.area / (chin.area + forehead.area))
    assert forehead.against == pytest.approx(1 - chin.against)
    assert nose.against == chin.for_ == 0


def test_an_even_map_has_of_every_region_its_area():
    for one in region_shares(np.full((37, 23), 0.1, np.float32)):
        assert one.for_ == pytest.approx(one.area, abs=1e-9)
        assert one.against == 0


def test_an_empty_map_has_nothing_for_or_against():
    for one in region_shares(np.zeros((40, 40), np.float32)):
        assert (one.for_, one.against) == (0, 0)


def test_a_coarse_pixel_counts_in_each_region_with_the_share_that_lies_there():
    heat_map = np.zeros((2, 2), np.float32)
    heat_map[0, 1], heat_map[1, 0] = 7, -2
    counts = [np.bincount(part.ravel(), minlength=7) for part in quarters(region_labels(GRID))]
    for name, upper_right, lower_left in zip(REGIONS, *counts, strict=True):
        share = by_name(heat_map)[name]
        assert share.for_ == pytest.approx(upper_right / (GRID / 2) ** 2, abs=1e-9)
        assert share.against == pytest.approx(lower_left / (GRID / 2) ** 2, abs=1e-9)


def quarters(labels):
    middle = GRID // 2
    return labels[:middle, middle:], labels[middle:, :middle]


def wave(size):
    place = (np.arange(size) + 0.5) / size
    return np.outer(np.sin(5 * place), np.cos(3 * place)).astype(np.float32)


@pytest.mark.parametrize("size", [8, 40, 96, 160, 250])
def test_the_size_of_the_map_hardly_matters(size):
    values, exact = wave(size), wave(960)
    for one, other in zip(region_shares(values), region_shares(exact), strict=True):
        assert one.for_ == pytest.approx(other.for_, abs=0.02)
        assert one.against == pytest.approx(other.against, abs=0.02)


@pytest.mark.parametrize("scale", [1e-44, 1e-20, 1e30])
def test_the_scale_of_a_map_does_not_matter(scale):
    heat_map = (only("eyes") - only("chin")) * np.float32(scale)
    shares = by_name(heat_map)
    assert shares["eyes"].for_ == pytest.approx(1)
    assert shares["chin"].against == pytest.approx(1)


@pytest.mark.parametrize(
    ("heat_map", "says"),
    [
        (np.zeros((2, 2, 3), np.float32), r"received shape \(2, 2, 3\)"),
        (np.zeros(4, np.float32), r"\(4,\)"),
        (np.zeros((0, 4), np.float32), r"\(0, 4\)"),
        (np.array([[1, np.nan]], np.float32), r"\(1, 2\), with NaN or infinity"),
        (np.array([[-np.inf]], np.float32), "with NaN or infinity"),
    ],
)
def test_what_is_no_map_is_refused(heat_map, says):
    with pytest.raises(ParameterError, match=says) as caught:
        region_shares(heat_map)
    assert isinstance(caught.value, LpelError)
