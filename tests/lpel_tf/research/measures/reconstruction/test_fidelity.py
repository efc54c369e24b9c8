"""Fidelity of decoders that give all back, nothing, or something known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpel_serving.equations.comparison import Euclidean
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.images.resizing import decoder_target, resize
from lpel_serving.methods import AssembledNetworks
from lpel_serving.support.errors import EmbeddingError, ParameterError
from lpel_serving.support.image_shape import square
from lpel_tf.research.measures.reconstruction.fidelity import measure_fidelity
from support import tiny
from support.analytic import Counting, ReportProgress

SIDE = 6


def flat(crops: np.ndarray) -> np.ndarray:
    return crops.reshape(len(crops), -1) / np.float32(255)


def unflat(embeddings: np.ndarray) -> np.ndarray:
    return embeddings.reshape(-1, SIDE, SIDE, 3)


def black_and_white(n: int, seed: int = 0) -> np.ndarray:
    bits = np.random.default_rng(seed).integers(0, 2, (n, SIDE, SIDE, 3), dtype=np.uint8)
    bits[:, 0, 0], bits[:, 0, 1] = 1, 0  # neither all black nor all white
    return bits * np.uint8(255)


def fidelity_of(decode, crops, embed=flat, **more):
    return measure_fidelity(
        AssembledNetworks(embed, decode), crops, embed(np.stack(list(crops))), **more
    )


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_a_decoder_inverse_to_the_embedder_is_perfect_and_its_negative_the_worst(seed):
    crops = black_and_white(3, seed)
    perfect = fidelity_of(unflat, crops)
    assert (perfect.pixel_error == 0).all()
    assert (perfect.structural_similarity == 1).all()
    assert (perfect.similarity == 1).all()
    # Black for white: every pixel is wrong by 1, and no feature is in both embeddings.
    worst = fidelity_of(lambda h: 1 - unflat(h), crops)
    assert (worst.pixel_error == 1).all()
    assert (worst.structural_similarity < 0).all()
    assert (worst.similarity == 0).all()
    assert perfect.similarity.dtype == perfect.pixel_error.dtype == np.float64


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1))
def test_any_image_comes_back_from_the_inverse(seed):
    crops = np.random.default_rng(seed).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)
    result = fidelity_of(unflat, crops)
    assert result.pixel_error == pytest.approx(0, abs=1e-12)
    assert result.similarity == pytest.approx(1)


def test_an_even_grey_errs_by_a_quarter_on_black_and_white():
    def grey(embeddings):
        return np.full((len(embeddings), SIDE, SIDE, 3), 0.5, np.float32)

    crops = black_and_white(4)
    result = fidelity_of(grey, crops)
    assert result.pixel_error == pytest.approx(0.25)
    # Of k white values among n, the cosine with an even image is sqrt(k / n).
    shares = (crops == 255).mean(axis=(1, 2, 3))
    assert result.similarity == pytest.approx(np.sqrt(shares))


def test_reconstructions_are_clipped_only_for_the_embedder():
    crops = black_and_white(3)
    result = fidelity_of(lambda h: 3 * unflat(h) - 1, crops)
    # From 0 and 1 to -1 and 2: each is off by 1, and clipped it is right.
    assert result.pixel_error == pytest.approx(1)
    assert (result.similarity == 1).all()


def test_the_network_compares_what_it_sees_again_as_it_compares():
    crops = black_and_white(3)
    networks = AssembledNetworks(flat, lambda h: 1 - unflat(h), comparison=Euclidean(3.0))
    result = measure_fidelity(networks, crops, flat(crops))
    squares = np.square(flat(crops) - flat(255 - crops)).sum(axis=1)
    assert result.similarity == pytest.approx(1 - squares / 18, rel=1e-5)


def test_a_small_reconstruction_is_enlarged_to_what_the_embedder_takes():
    crops = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
    embed = Counting(tiny.embed)
    h = tiny.embed(crops)
    result = measure_fidelity(AssembledNetworks(embed, tiny.decode), iter(crops), h, batch_size=2)
    expected = [
        resize((np.clip(one, 0, 1) * 255).round().astype(np.uint8), square(16))
        for one in tiny.decode(h)
    ]
    assert embed.images == [image.tobytes() for image in expected]
    assert embed.batches == [2, 2, 1]
    again = tiny.embed(np.stack(expected))
    assert result.similarity == pytest.approx(cosine_similarity(h, again), abs=1e-6)
    targets = np.stack([decoder_target(crop, square(8)) for crop in crops]) / 255
    errors = np.square(tiny.decode(h) - targets).mean(axis=(1, 2, 3))
    assert result.pixel_error == pytest.approx(errors)


def test_batches_make_no_difference_and_images_are_read_when_their_turn_comes():
    crops = black_and_white(7)
    read: list[int] = []
    at_decoding: list[int] = []

    def reader():
        for i, crop in enumerate(crops):
            read.append(i)
            yield crop

    def decode(h):
        at_decoding.append(len(read))
        return unflat(h) * np.float32(0.7)

    reported = ReportProgress()
    networks = AssembledNetworks(flat, decode)
    result = measure_fidelity(networks, reader(), flat(crops), batch_size=3, progress=reported)
    assert at_decoding == [3, 6, 7]
    assert (reported.opened, reported.done) == ([7], [3, 3, 1])
    for size in (1, 2, 100):
        other = measure_fidelity(networks, crops, flat(crops), batch_size=size)
        np.testing.assert_array_equal(other.similarity, result.similarity)
        np.testing.assert_array_equal(other.pixel_error, result.pixel_error)


def test_too_few_or_too_many_images_are_refused():
    crops, networks = black_and_white(5), AssembledNetworks(flat, unflat)
    for batch_size in (1, 4, 8):
        with pytest.raises(ParameterError, match="each of 5 embeddings; received 3"):
            measure_fidelity(networks, crops[:3], flat(crops), batch_size=batch_size)
        with pytest.raises(ParameterError, match="expected 3 images, as embeddings; received more"):
            measure_fidelity(networks, crops, flat(crops[:3]), batch_size=batch_size)


def test_no_images_and_no_batches_are_refused():
    networks = AssembledNetworks(flat, unflat)
    with pytest.raises(ParameterError, match="at least 1 image; received none"):
        measure_fidelity(networks, [], np.empty((0, 108), np.float32))
    with pytest.raises(ParameterError, match="at least 1 image; received 0"):
        fidelity_of(unflat, black_and_white(1), batch_size=0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(value):
    crops = black_and_white(2)

    def broken(h):
        return unflat(h) * np.float32(value)

    with (
        pytest.raises(EmbeddingError, match="a reconstruction holds NaN"),
        np.errstate(all="ignore"),
    ):
        fidelity_of(broken, crops)
    h = flat(crops)
    h[1, 3] = value
    with pytest.raises(EmbeddingError, match="an embedding holds NaN"):
        measure_fidelity(AssembledNetworks(flat, unflat), crops, h)
    again = AssembledNetworks(lambda images: np.full((len(images), 108), value, np.float32), unflat)
    with pytest.raises(EmbeddingError, match="an embedding holds NaN"):
        measure_fidelity(again, crops, flat(crops))
