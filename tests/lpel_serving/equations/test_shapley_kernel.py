"""Coalitions drawn by Shapley's kernel, and all of them."""

import numpy as np
import pytest

from lpel_serving.equations.shapley_kernel import draw_pairs, every_coalition


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_every_coalition_is_every_one_but_none_and_all():
    found = every_coalition(4)
    assert found.shape == (14, 4)
    assert len(np.unique(found, axis=0)) == 14
    assert not found.all(axis=1).any()
    assert found.any(axis=1).all()


@pytest.mark.parametrize("count", [1, 2, 7, 256])
def test_coalitions_come_with_their_complements(count):
    drawn = draw_pairs(generator(), count, 64)
    assert drawn.shape == (count, 64)
    whole = drawn[: count - count % 2].reshape(-1, 2, 64)
    np.testing.assert_array_equal(whole[:, 0], ~whole[:, 1])
    assert drawn.any(axis=1).all()
    assert not drawn.all(axis=1).any()


def test_sizes_follow_the_kernel_and_members_are_even():
    drawn = draw_pairs(generator(), 20_000, 10)
    sizes = np.arange(1, 10)
    expected = 1 / (sizes * (10 - sizes))
    shares = np.bincount(drawn.sum(axis=1), minlength=10)[1:] / len(drawn)
    np.testing.assert_allclose(shares, expected / expected.sum(), atol=2e-4)
    np.testing.assert_allclose(drawn.mean(axis=0), 0.5, atol=1e-12)
    single = drawn[drawn.sum(axis=1) == 1].sum(axis=0)
    assert single.max() - single.min() <= 1


def test_the_same_generator_gives_the_same_coalitions():
    one, same = (draw_pairs(generator(5), 40, 16) for _ in range(2))
    assert one.tobytes() == same.tobytes()
