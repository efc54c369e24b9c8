"""Many pairs from kept simulations: the maps of single calls."""

import numpy as np
import pytest

from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.similarity import unit
from lpel_serving.methods.both_ways import ask_both_ways
from lpel_serving.methods.method import FacePair
from lpel_serving.methods.simulated.design import fixed_design
from lpel_serving.methods.simulated.stored import (
    SimulatedImages,
    explain_from_simulated,
    simulate_images,
)
from lpel_serving.methods.simulated.surrogate_attribution import SurrogateAttribution
from lpel_serving.support.errors import ParameterError
from support.images import pixels
from support.simulated import TinyNetworks

CROPS = np.stack([pixels(seed) for seed in range(6)])
REFERENCES, TESTS = np.array([0, 1, 2, 3, 0, 4]), np.array([1, 2, 3, 0, 5, 5])
SIMILAR = np.array([True, False, True, True, False, False])


def kept_of(method, networks, images):
    """Simulations of images, kept in an array."""
    masked = simulate_images(method, networks, images)
    design = fixed_design(method.steps, images.local.shape[1])
    return SimulatedImages(design, COSINE, unit(images.embeddings), masked.__getitem__)


@pytest.mark.parametrize("fill", ["normal", "mean", "blur"])
def test_maps_from_kept_simulations_are_the_methods(fill):
    method, networks = SurrogateAttribution(fill, steps=3, size=20), TinyNetworks()
    images = networks.features(CROPS)
    kept = kept_of(method, networks, images)
    networks.calls.clear()
    forward, swapped = explain_from_simulated(kept, REFERENCES, TESTS, SIMILAR, method.size)
    assert networks.calls == []
    assert forward.shape == swapped.shape == (6, 20, 20)
    for i, (r, t) in enumerate(zip(REFERENCES, TESTS, strict=True)):
        h = images.embeddings
        pair = FacePair(CROPS[r], CROPS[t], h[r], h[t], bool(SIMILAR[i]))
        found = ask_both_ways(method, pair, networks, np.random.default_rng(0))
        np.testing.assert_array_equal(forward[i], found.forward)
        np.testing.assert_array_equal(swapped[i], found.swapped)


def test_pairs_are_explained_apart():
    method, networks = SurrogateAttribution(steps=1), TinyNetworks()
    kept = kept_of(method, networks, networks.features(CROPS))
    forward, swapped = explain_from_simulated(kept, REFERENCES, TESTS, SIMILAR, 40)
    for i in range(len(TESTS)):
        of = slice(i, i + 1)
        one, other = explain_from_simulated(kept, REFERENCES[of], TESTS[of], SIMILAR[of], 40)
        assert one.tobytes() == forward[of].tobytes()
        assert other.tobytes() == swapped[of].tobytes()


def test_transplants_cannot_be_kept():
    networks = TinyNetworks()
    with pytest.raises(ParameterError, match="for one image alone"):
        simulate_images(SurrogateAttribution("transplant"), networks, networks.features(CROPS))
