"""Faithfulness correlation against the textbook's formulas, with noise in the way."""

import numpy as np
import pytest

from lpel_serving.equations.fill import Fill
from lpel_tf.research.measures.correlation.effects import Hiding, measure_effects
from lpel_tf.research.measures.correlation.predictions import predicted_effects
from lpel_tf.research.measures.correlation.scores import correlations
from oracles import oracle_correlation as oracle
from support.networks import SIDE, SIZE, Fixed, Linear, face_pair

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("kind", ["test", "both"])
@pytest.mark.parametrize("similar", [True, False])
def test_it_is_what_the_formulas_say(kind, similar):
    networks, rng = Linear(), np.random.default_rng(3)
    images = rng.integers(0, 256, (3, 2, SIZE, SIZE, 3), np.uint8)
    pairs = [face_pair(networks, a, b, similar) for a, b in images]
    values = rng.normal(size=(SIDE, SIDE))
    hiding = Hiding(kind, Fill("mean"), 10, SIDE)
    effects = measure_effects(networks, pairs, hiding, rng)
    predicted = predicted_effects(Fixed(values), networks, pairs, effects, hiding, 0)
    found = correlations(effects, predicted)
    for i, pair in enumerate(pairs):
        expected = _effects(networks, pair, kind, effects.coalitions[i].tolist())
        np.testing.assert_allclose(effects.values[i], expected, atol=1e-5)
        coalitions = effects.coalitions[i].tolist()
        sizes = [float(sum(one)) for one in coalitions]
        of_map = oracle.summed(values.astype(np.float32).tolist(), coalitions)
        assert found[i] == pytest.approx(oracle.partial(expected, of_map, sizes), abs=1e-3)


def _effects(networks, pair, kind, coalitions):
    def again(image, coalition):
        colour = [round(float(image[..., c].mean())) for c in range(3)]
        new = [[colour] * SIZE] * SIZE
        changed = np.array(oracle.hidden(image.tolist(), new, coalition), np.uint8)
        return networks.embed(changed[np.newaxis])[0].tolist()

    before = oracle.cosine(pair.h_r.tolist(), pair.h_t.tolist())
    falls = []
    for one in coalitions:
        h_t = again(pair.test, one)
        h_r = pair.h_r.tolist() if kind == "test" else again(pair.reference, one)
        falls.append(before - oracle.cosine(h_r, h_t))
    return falls if pair.similar else [-fall for fall in falls]
