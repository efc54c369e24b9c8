"""The receipt against images that are made, embedded and compared one by one."""

import numpy as np
import pytest

from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.fill import Fill
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.pair_check import check_pair
from lpel_serving.faithfulness.study import QUESTIONS
from lpel_serving.methods.measured.replacement import replacement
from oracles import curves, oracle_pair_check
from support.images import pixels
from support.networks import Linear, face_pair

pytestmark = pytest.mark.oracle

SIZE, SUPERPIXEL, DRAWS = 12, 3, 3


def random_orders(seed: int) -> list[list[int]]:
    """The orders are drawn as those of the first pair of many are."""
    rng = np.random.default_rng((seed, 0, 2))
    return [rng.permutation(16).tolist() for _ in range(DRAWS)]


def noises(pair, settings, seed):
    change = replacement(pair, COSINE, "both", settings.fill, np.random.default_rng((seed, 0, 1)))
    return change.new_reference.tolist(), change.new_test.tolist()


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("fill", ["normal", "mean"])
@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("seed", [0])
def test_a_receipt_is_what_comes_of_doing_it_slowly(name, fill, every, seed):
    question = QUESTIONS[name]
    networks = Linear(SIZE, dimension=3, seed=seed)
    noise = np.random.default_rng((seed, 1)).integers(-60, 61, (SIZE, SIZE, 3))
    alike = np.clip(pixels(seed, SIZE) + noise, 0, 255).astype(np.uint8)
    test = alike if question.similar else pixels(seed + 100, SIZE)
    pair = face_pair(networks, pixels(seed, SIZE), test, question.similar)
    heat_map = np.random.default_rng((seed, 2)).normal(size=(SIZE, SIZE)).astype(np.float32)
    settings = CurveSettings(question.kind, SUPERPIXEL, SIZE, every, Fill(fill), draws=DRAWS)
    received = check_pair(networks, pair, heat_map, question, settings, seed, batch_size=5)

    def embed(image):
        return networks.embed(np.array([image], np.uint8))[0].tolist()

    own = curves.order(curves.superpixel_sums(heat_map.tolist(), SUPERPIXEL))
    images = (pair.reference.tolist(), pair.test.tolist())
    expected = [
        oracle_pair_check.on_scale(
            oracle_pair_check.one_curve(
                embed,
                images,
                noises(pair, settings, seed),
                question.kind,
                places,
                every,
                SUPERPIXEL,
            ),
            question.kind,
            question.similar,
        )
        for places in [own, *random_orders(seed)]
    ]
    np.testing.assert_allclose(received.own, expected[0], atol=1e-4)
    np.testing.assert_allclose(received.random, expected[1:], atol=1e-4)
    replaced = [*range(0, 16, every), 16]
    assert received.replaced.tolist() == replaced
    areas = [oracle_pair_check.area(points, replaced) for points in expected]
    assert received.area == pytest.approx(areas[0], abs=1e-4)
    np.testing.assert_allclose(received.random_areas, areas[1:], atol=1e-4)
    assert received.beaten == oracle_pair_check.beaten(areas[0], areas[1:], question.similar)
