"""What superpixels are replaced by."""

import math

import numpy as np
import pytest

from lpel_serving.equations.fill import DEFAULT_VARIANCE, FILLS, Fill
from lpel_serving.support.errors import ParameterError
from support.images import pixels

fills = pytest.mark.parametrize("name", FILLS)


def cdf(z: float) -> float:
    return (1 + math.erf(z / math.sqrt(2))) / 2


def clipped_normal(deviation: float) -> tuple[float, float]:
    """Mean and standard deviation of a normal variable of mean 0, clipped to [0, 1]."""
    top = 1 / deviation
    density = math.exp(-top * top / 2) / math.sqrt(2 * math.pi)
    mean = deviation * (1 / math.sqrt(2 * math.pi) - density) + 1 - cdf(top)
    square = deviation**2 * (cdf(top) - 0.5 - top * density) + 1 - cdf(top)
    return mean, math.sqrt(square - mean**2)


@fills
@pytest.mark.parametrize("size", [16, 40, 45])
def test_a_fill_has_the_shape_and_type_of_the_image(name, size):
    received = Fill(name)(pixels(0, size), np.random.default_rng(0))
    assert received.shape == (size, size, 3)
    assert received.dtype == np.uint8


@fills
def test_the_image_itself_is_not_changed(name):
    image = pixels(0)
    Fill(name)(image, np.random.default_rng(0))
    np.testing.assert_array_equal(image, pixels(0))


@fills
def test_the_same_generator_gives_the_same_fill(name):
    one, same, other = (Fill(name)(pixels(0), np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any() == Fill(name).random


@pytest.mark.parametrize("variance", [0.01, DEFAULT_VARIANCE, 1.0, 25.0])
def test_normal_noise_is_a_normal_variable_of_mean_0_clipped_to_what_pixels_can_be(variance):
    image = np.zeros((200, 200, 3), np.uint8)
    noise = Fill("normal", variance, grain=200)(image, np.random.default_rng(0)) / 255
    mean, deviation = clipped_normal(math.sqrt(variance))
    assert noise.mean() == pytest.approx(mean, abs=0.005)
    assert noise.std() == pytest.approx(deviation, abs=0.005)
    dark = cdf(0.5 / 255 / math.sqrt(variance))
    assert (noise == 0).mean() == pytest.approx(dark, abs=0.006)


def test_the_thesis_noise_is_mostly_dark():
    noise = Fill()(np.zeros((160, 160, 3), np.uint8), np.random.default_rng(0))
    assert Fill() == Fill("normal", 0.09, 40)
    assert np.median(noise) <= 1
    assert noise.max() > 150


def test_uniform_noise_is_uniform():
    image = np.zeros((200, 200, 3), np.uint8)
    noise = Fill("uniform", grain=200)(image, np.random.default_rng(0))
    shares = np.histogram(noise, bins=8, range=(0, 256))[0] / noise.size
    np.testing.assert_allclose(shares, 1 / 8, atol=0.006)
    assert (noise.min(), noise.max()) == (0, 255)


@pytest.mark.parametrize("name", ["normal", "uniform"])
def test_colours_and_pixels_of_noise_are_independent(name):
    image = np.zeros((100, 100, 3), np.uint8)
    noise = Fill(name, grain=100)(image, np.random.default_rng(0)).astype(float)
    assert abs(np.corrcoef(noise.reshape(-1, 3).T)[np.triu_indices(3, 1)]).max() < 0.04
    assert abs(np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]) < 0.03


@pytest.mark.parametrize("name", ["normal", "uniform"])
def test_noise_has_the_grain_that_was_asked_for(name):
    received = Fill(name, grain=4)(pixels(0), np.random.default_rng(0))
    blocks = received.reshape(4, 4, 4, 4, 3)
    np.testing.assert_array_equal(blocks, np.broadcast_to(blocks[:, :1, :, :1], blocks.shape))
    assert len(np.unique(blocks[:, 0, :, 0].reshape(16, 3), axis=0)) > 8


def test_noise_is_the_same_at_any_size():
    small, large = (
        Fill("uniform", grain=5)(np.zeros((size, size, 3), np.uint8), np.random.default_rng(0))
        for size in (10, 40)
    )
    np.testing.assert_array_equal(small, large[::4, ::4])


def test_noise_finer_than_the_image_is_noise_all_the_same():
    received = Fill("uniform", grain=40)(pixels(0, 16), np.random.default_rng(0))
    assert len(np.unique(received)) > 50


def test_grey_black_and_white_are_the_same_everywhere():
    for name, level in (("grey", 128), ("black", 0), ("white", 255)):
        np.testing.assert_array_equal(Fill(name)(pixels(0), np.random.default_rng(0)), level)


def test_mean_is_the_mean_colour():
    image = np.zeros((4, 4, 3), np.uint8)
    image[:2] = (10, 20, 31)
    received = Fill("mean")(image, np.random.default_rng(0))
    np.testing.assert_array_equal(received.reshape(-1, 3), [(5, 10, 16)] * 16)


def test_a_mean_colour_can_be_written_to():
    Fill("mean")(pixels(0), np.random.default_rng(0))[:] = 0


def test_blur_keeps_what_is_large_and_loses_what_is_small():
    image = np.where(np.arange(64)[:, np.newaxis, np.newaxis] < 32, 40, 200)
    fine = np.where(np.add.outer(np.arange(64), np.arange(64)) % 2, 30, -30)[:, :, np.newaxis]
    image = np.broadcast_to(image + fine, (64, 64, 3)).astype(np.uint8)
    received = Fill("blur")(image, np.random.default_rng(0)).astype(int)
    assert abs(np.diff(received, axis=1)).max() <= 2
    assert received[32].mean() == pytest.approx(120, abs=6)
    assert (np.diff(received.mean(axis=(1, 2))) > -0.1).all()
    rows = received.mean(axis=(1, 2))
    # One standard deviation, an eighth of the side, from the edge.
    assert rows[40] == pytest.approx(40 + 160 * cdf((40.5 - 32) / 8), abs=5)


@pytest.mark.parametrize("size", [8, 16, 160])
def test_a_plain_image_is_its_own_blur(size):
    image = np.full((size, size, 3), 77, np.uint8)
    np.testing.assert_array_equal(Fill("blur")(image, np.random.default_rng(0)), image)


def test_an_unknown_fill_is_refused():
    with pytest.raises(ParameterError, match="'pink'; there are: normal, uniform, grey"):
        Fill("pink")


@pytest.mark.parametrize("variance", [0, -1, math.inf, math.nan])
def test_a_variance_is_above_0_and_finite(variance):
    with pytest.raises(ParameterError, match="variance"):
        Fill(variance=variance)


@pytest.mark.parametrize("grain", [0, -3])
def test_noise_has_at_least_one_pixel(grain):
    with pytest.raises(ParameterError, match="at least 1 pixel"):
        Fill(grain=grain)
