"""A surrogate that gives nonsense is refused, by every method that asks it."""

import numpy as np
import pytest

from lpel_serving.methods import find_method, methods
from lpel_serving.methods.simulated.game import game_about
from lpel_serving.methods.simulated.stored import simulate_images
from lpel_serving.methods.simulated.surrogate_attribution import SurrogateAttribution
from lpel_serving.support.errors import EmbeddingError
from support.simulated import K, TinyNetworks, tiny_pair

pytestmark = pytest.mark.hostile

NAMES = sorted({"surrogate", "surrogate-order"} & set(methods()))


def with_nan(masked):
    masked[0, -1, 0] = np.nan
    return masked


BROKEN = {
    "NaN": (with_nan, "holds NaN or infinity"),
    "infinity": (lambda masked: masked * np.float32(np.inf), "holds NaN or infinity"),
    "another length": (lambda masked: masked[..., :-1], r"expected .*\(1, .*received"),
    "fewer coalitions": (lambda masked: masked[:, :-1], r"expected .* received"),
    "flat": (lambda masked: masked[0], r"expected .* received"),
}


class Broken(TinyNetworks):
    def __init__(self, breaking):
        super().__init__()
        self.breaking = breaking

    def simulate(self, *given):
        simulation = super().simulate(*given)
        return lambda coalitions: self.breaking(simulation(coalitions))


@pytest.mark.parametrize("breaking", BROKEN)
def test_what_is_no_prediction_is_refused(breaking):
    networks, complaint = Broken(BROKEN[breaking][0]), BROKEN[breaking][1]
    with np.errstate(invalid="ignore"):
        for name in NAMES:
            with pytest.raises(EmbeddingError, match=complaint):
                find_method(name)(tiny_pair(True), networks, np.random.default_rng(0))
        with pytest.raises(EmbeddingError, match=complaint):
            game_about(tiny_pair(True), networks, "test", "mean").changes(np.ones((2, K), bool))
        images = networks.features(tiny_pair(True).test[np.newaxis])
        with pytest.raises(EmbeddingError, match=complaint):
            simulate_images(SurrogateAttribution(), networks, images)
