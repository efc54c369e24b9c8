"""Coalitions: superpixels that are hidden together, and what the embedding loses."""

import numpy as np
import pytest

from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.fill import Fill
from lpel_serving.equations.similarity import unit
from lpel_serving.methods.measured.coalitions import DEFAULT_COUNT, measured_responses
from lpel_serving.methods.measured.embedding_losses import (
    LARGEST,
    coalition_images,
    draw_coalitions,
    embedding_losses,
)
from lpel_serving.methods.measured.occlusion import Occlusion
from lpel_serving.methods.method import FacePair
from lpel_serving.methods.networks import AssembledNetworks
from lpel_serving.support.errors import EmbeddingError, ParameterError
from support import tiny
from support.additive import RED, Additive, coloured
from support.analytic import Counting, no_decoder
from support.images import pixels
from support.networks import SIDE

BLACK = Fill("black")
SUPERPIXELS = SIDE**2


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# Drawing


@pytest.mark.parametrize("superpixels", [1, 2, 4, 16, 64, 81])
@pytest.mark.parametrize("largest", [LARGEST, 0.001, 0.5, 1])
def test_sizes_lie_between_1_and_the_largest_and_both_are_reached(superpixels, largest):
    drawn = draw_coalitions(generator(), 2000, superpixels, largest)
    assert (drawn.shape, drawn.dtype) == ((2000, superpixels), np.bool_)
    sizes = drawn.sum(axis=1)
    assert (sizes.min(), sizes.max()) == (1, max(1, round(superpixels * largest)))


def test_three_eighths_of_the_superpixels_are_the_largest_coalition():
    sizes = {draw_coalitions(generator(), 2000, side**2).sum(axis=1).max() for side in (4, 8)}
    assert sizes == {6, 24}


def within_5_deviations(counts: np.ndarray, draws: int) -> bool:
    """Whether outcomes that are equally likely came about equally often."""
    share = counts.sum() / draws / len(counts)
    return bool(np.all(np.abs(counts - share * draws) < 5 * np.sqrt(share * draws)))


def test_sizes_and_members_are_uniform():
    drawn = draw_coalitions(generator(), 20_000, 64)
    sizes = np.bincount(drawn.sum(axis=1), minlength=25)
    assert sizes[0] == 0
    assert len(sizes) == 25
    assert within_5_deviations(sizes[1:], 20_000)
    assert within_5_deviations(drawn.sum(axis=0), 20_000)
    for size in (1, 24):
        assert within_5_deviations(drawn[drawn.sum(axis=1) == size].sum(axis=0), int(sizes[size]))


@pytest.mark.parametrize("few", [1, 2, 17, 100])
def test_fewer_coalitions_are_the_first_of_more(few):
    more = draw_coalitions(generator(3), 100, 64)
    np.testing.assert_array_equal(draw_coalitions(generator(3), few, 64), more[:few])


def test_the_seed_decides_which_coalitions_are_drawn():
    one, same, other = (draw_coalitions(generator(seed), 50, 16) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@pytest.mark.parametrize(
    ("count", "superpixels", "largest"),
    [(0, 16, 0.5), (-1, 16, 0.5), (5, 0, 0.5), (5, 16, 0), (5, 16, 1.01), (5, 16, np.nan)],
)
def test_coalitions_that_cannot_be_are_refused(count, superpixels, largest):
    with pytest.raises(ParameterError, match=f"1 or more.*received {count} .* of {superpixels}"):
        draw_coalitions(generator(), count, superpixels, largest)


# Replacing


@pytest.mark.parametrize("size", [16, 17, 30])
def test_members_are_replaced_and_others_stay(size):
    image = np.maximum(pixels(0, size), 1)
    coalitions = draw_coalitions(generator(), 30, 9)
    made = list(coalition_images(image, coalitions, [BLACK], generator()))
    assert len(made) == 30
    for chosen, received in zip(coalitions, made, strict=True):
        for y in range(size):
            for x in range(size):
                hidden = chosen[(y * 3 // size) * 3 + x * 3 // size]
                np.testing.assert_array_equal(received[y, x], 0 if hidden else image[y, x])


def test_of_several_fills_each_coalition_has_one_and_all_are_used():
    image = coloured((10, 200, 90))
    fills = [BLACK, Fill("grey"), Fill("uniform")]
    coalitions = draw_coalitions(generator(), 90, SUPERPIXELS)
    noise = [fill(image, rng) for rng in [generator(5)] for fill in fills][2]
    used = []
    for chosen, made in zip(
        coalitions, coalition_images(image, coalitions, fills, generator(5)), strict=True
    ):
        changed = (made != image).any(axis=-1)
        fits = [
            np.array_equal(made[changed], new[changed])
            for new in (np.zeros_like(image), np.full_like(image, 128), noise)
        ]
        assert sum(fits) == 1
        assert changed.sum() == chosen.sum() * 16
        used.append(fits.index(True))
    assert np.bincount(used, minlength=3).min() > 15


# Measuring


def test_an_additive_network_loses_what_its_members_are_worth():
    networks, image = Additive(), coloured(RED)
    (h,) = networks.embed(image[np.newaxis])
    coalitions = draw_coalitions(generator(), 200, SUPERPIXELS)
    losses = embedding_losses(networks.embed, COSINE, image, h, coalitions, [BLACK], generator())
    assert (losses.shape, losses.dtype) == ((200, 5), np.float32)
    np.testing.assert_allclose(losses[:, :4], coalitions @ networks.red, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(unit(h) - losses, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 7, 1e4])
def test_the_length_of_embeddings_does_not_matter(scale):
    networks, image = Additive(), coloured(RED)
    coalitions = draw_coalitions(generator(), 20, SUPERPIXELS)

    def losses(embed):
        (h,) = embed(image[np.newaxis])
        return embedding_losses(embed, COSINE, image, h, coalitions, [BLACK], generator())

    scaled = losses(lambda crops: networks.embed(crops) * np.float32(scale))
    np.testing.assert_allclose(scaled, losses(networks.embed), atol=1e-6)


def test_a_network_that_sees_nothing_loses_nothing():
    def blind(crops):
        return np.tile(np.float32([3, 0, 4]), (len(crops), 1))

    coalitions = draw_coalitions(generator(), 9, SUPERPIXELS)
    h = np.float32([3, 0, 4])
    assert not embedding_losses(
        blind, COSINE, pixels(0), h, coalitions, [Fill()], generator()
    ).any()


def in_batches(embed, size: int):
    def split(crops):
        parts = range(0, len(crops), size)
        return np.concatenate([embed(crops[i : i + size]) for i in parts])

    return AssembledNetworks(split, no_decoder)


@pytest.mark.parametrize("size", [1, 7, 32, 200])
def test_the_same_seed_gives_the_same_bytes_at_any_batch_size(tiny_explainer, size):
    image = pixels(0)
    for embed in (Additive().embed, tiny_explainer.embed):
        (h,) = embed(image[np.newaxis])

        def measured(networks, seed, image=image, h=h):
            fills = [Fill(), Fill("blur")]
            return measured_responses(networks, image, h, 70, SIDE, fills, generator(seed))

        whole = measured(AssembledNetworks(embed, no_decoder), 4)
        assert measured(in_batches(embed, size), 4).tobytes() == whole.tobytes()
        assert measured(in_batches(embed, size), 5).tobytes() != whole.tobytes()


def test_each_coalition_is_embedded_once_in_full_batches():
    counting = Counting(tiny.embed)
    (h,) = tiny.embed(pixels(0)[np.newaxis])
    coalitions = draw_coalitions(generator(), 75, SUPERPIXELS)
    embedding_losses(counting, COSINE, pixels(0), h, coalitions, [BLACK], generator())
    assert sum(counting.batches) == 75
    assert set(counting.batches[:-1]) <= {max(counting.batches)}
    made = coalition_images(pixels(0), coalitions, [BLACK], generator())
    assert counting.images == [image.tobytes() for image in made]


def test_measuring_changes_neither_image_nor_embedding():
    image = pixels(0)
    (h,) = tiny.embed(image[np.newaxis])
    before = image.copy(), h.copy()
    networks = AssembledNetworks(tiny.embed, tiny.decode)
    prior = np.ones((SUPERPIXELS, tiny.DIMENSION), np.float32)
    measured_responses(networks, image, h, 20, SIDE, [Fill()], generator(), prior=prior)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(h, before[1])
    np.testing.assert_array_equal(prior, 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", ["whole", "replaced"])
def test_embeddings_that_are_not_finite_are_refused(which, value):
    def broken(crops):
        embeddings = tiny.embed(crops)
        embeddings[-1, 2] = value
        return embeddings

    embed = tiny.embed if which == "whole" else broken
    (h,) = broken(pixels(0)[np.newaxis]) if which == "whole" else tiny.embed(pixels(0)[np.newaxis])
    coalitions = draw_coalitions(generator(), 5, SUPERPIXELS)
    with pytest.raises(EmbeddingError, match="NaN or infinity: the embedder is broken"):
        embedding_losses(embed, COSINE, pixels(0), h, coalitions, [BLACK], generator())


def test_unit_vectors_are_of_length_1_and_0_stays():
    h = np.float32([[3, 0, 4], [0, 0, 0], [1e-30, 0, 0], [0, 1e30, 0]])
    received = unit(h)
    assert received.dtype == np.float32
    np.testing.assert_allclose(
        received, [[0.6, 0, 0.8], [0, 0, 0], [1, 0, 0], [0, 1, 0]], atol=1e-7
    )
    np.testing.assert_array_equal(unit(h[0]), received[0])


def test_the_default_is_as_many_coalitions_as_it_says():
    assert DEFAULT_COUNT == 256


def test_coalitions_of_one_are_single_occlusion_against_all_references_at_once():
    images = np.stack([pixels(i) for i in range(4)])
    embed = tiny.embed
    test, *references = unit(embed(images))
    alone = np.eye(SUPERPIXELS, dtype=np.bool_)
    losses = embedding_losses(embed, COSINE, images[0], test, alone, [BLACK], generator())
    networks = AssembledNetworks(embed, no_decoder)
    for image, h_r in zip(images[1:], references, strict=True):
        pair = FacePair(image, images[0], h_r, test, similar=True)
        expected = Occlusion(SIDE, "test", BLACK)(pair, networks, generator())
        np.testing.assert_allclose(losses @ h_r, expected.ravel(), atol=1e-5)
