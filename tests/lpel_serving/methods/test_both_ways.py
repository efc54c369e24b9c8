"""A pair is explained both ways to the maps of two calls, and no image is embedded twice."""

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import pytest

from lpel_serving.equations.fill import Fill
from lpel_serving.methods import AssembledNetworks, FacePair, find_method, methods
from lpel_serving.methods.both_ways import BothWays, Steps, ask_both_ways, explain_both_ways
from lpel_serving.methods.decoded.lpel import Lpel, explain_embeddings
from lpel_serving.methods.each_once import EachOnce
from lpel_serving.methods.measured.coalitions import Coalitions
from lpel_serving.methods.measured.occlusion import Occlusion
from lpel_serving.methods.measured.xface import XFace
from lpel_serving.support.errors import EmbeddingError, ParameterError
from support import tiny, tiny_surrogate
from support.analytic import Counting


def embed(crops: np.ndarray) -> np.ndarray:
    """The tiny network, one image at a time: as an engine's, it does not hang on the batch."""
    each = [tiny.embed(crop[np.newaxis]) for crop in crops]
    return np.concatenate([np.empty((0, tiny.DIMENSION), np.float32), *each])


OTHERS = (tiny.decode, tiny.respond, tiny_surrogate.features, tiny_surrogate.simulate)
PLAIN = AssembledNetworks(embed, *OTHERS)


def noise_pair(similar: bool, seed: int = 0) -> FacePair:
    rng = np.random.default_rng(seed)
    crops = rng.integers(1, 256, (2, tiny.IMAGE_SIZE, tiny.IMAGE_SIZE, 3), dtype=np.uint8)
    h_r, h_t = tiny.embed(crops)
    return FacePair(crops[0], crops[1], h_r, h_t, similar)


def networks_that_count() -> tuple[AssembledNetworks, Counting]:
    counting = Counting(embed)
    return AssembledNetworks(counting, *OTHERS), counting


VARIANTS = {
    "xface as it is": XFace(variant=2),
    "xface at one place": XFace(variant=3),
    "occlusion of both": Occlusion(kind="both"),
    "transplants": Occlusion(kind="transplant"),
    "coalitions of noise": Coalitions(40, side=4, fill=Fill("uniform")),
}
NAMES = [*methods(), *VARIANTS]


@pytest.mark.parametrize("similar", [True, False], ids=["similar", "dissimilar"])
@pytest.mark.parametrize("name", NAMES)
def test_no_image_is_embedded_twice_and_the_maps_are_those_of_two_calls(name, similar):
    method, pair = VARIANTS.get(name) or find_method(name), noise_pair(similar)
    if name == "emsnn" and not similar:
        with pytest.raises(ParameterError, match="was called dissimilar"):
            explain_both_ways(method, pair, PLAIN, np.random.default_rng(3))
        return
    networks, counting = networks_that_count()
    found = explain_both_ways(method, pair, networks, np.random.default_rng(3))
    assert len(counting.images) == len(set(counting.images))
    forward, swapped = (
        method(one, PLAIN, np.random.default_rng(3)) for one in (pair, pair.swapped)
    )
    assert found.forward.tobytes() == forward.tobytes()
    assert found.swapped.tobytes() == swapped.tobytes()


def test_both_ways_draw_the_same_from_a_generator_that_was_used():
    rng = np.random.default_rng(3)
    rng.random(5)
    method, pair, again = Occlusion(kind="both"), noise_pair(False), deepcopy(rng)
    found = explain_both_ways(method, pair, PLAIN, rng)
    assert found.forward.tobytes() == method(pair, PLAIN, deepcopy(again)).tobytes()
    assert found.swapped.tobytes() == method(pair.swapped, PLAIN, again).tobytes()


def test_a_plain_function_is_a_method():
    def of_others(pair, networks, rng):
        shown = networks.embed(np.stack([pair.test, pair.reference, pair.test]))
        return shown[:, :4] * rng.random((3, 4), np.float32)

    networks, counting = networks_that_count()
    pair = noise_pair(True)
    found = explain_both_ways(of_others, pair, networks, np.random.default_rng(1))
    assert found.steps is None
    assert len(counting.images) == 2
    expected = of_others(pair.swapped, PLAIN, np.random.default_rng(1))
    np.testing.assert_array_equal(found.swapped, expected)


def test_lpel_shows_its_steps_in_both_directions():
    pair = noise_pair(False)
    found = explain_both_ways(Lpel(0.5), pair, PLAIN, np.random.default_rng(0))
    h = np.stack([pair.h_r, pair.h_t])
    expected = explain_embeddings(tiny.decode, h, h[::-1], np.zeros(2, bool), p=0.5)
    assert found.steps is not None
    maps = (found.forward, found.swapped)
    for values, steps, whole in zip(maps, found.steps, expected, strict=True):
        np.testing.assert_array_equal(values, whole.heat_map)
        np.testing.assert_array_equal(steps.relevance, whole.relevance)
        np.testing.assert_array_equal(steps.reconstruction, whole.reconstruction)
        np.testing.assert_array_equal(
            steps.perturbed_reconstruction, whole.perturbed_reconstruction
        )


ONES = np.ones((2, 3), np.float32)


@dataclass
class Knows:
    """A method of another package that knows both directions, and has steps to show."""

    forward: object = None
    swapped: object = None

    def __call__(self, pair, networks, rng):
        raise AssertionError("it was asked for one direction")

    def both_ways(self, pair, networks, rng):
        flat = np.zeros((1, 1, 3), np.float32)
        steps = Steps(flat, np.zeros(6, np.float32), flat)
        return BothWays(self.forward, self.swapped, (steps, steps))


def test_a_method_that_knows_both_ways_is_asked_once(tiny_explainer):
    found = explain_both_ways(Knows(ONES, -ONES), noise_pair(True), PLAIN, None)
    assert (found.forward is ONES, found.swapped[0, 0]) == (True, -1)
    explained = tiny_explainer.explain(
        *(noise_pair(True).reference, noise_pair(True).test), method=Knows(ONES, -ONES)
    )
    assert explained.forward.relevance.shape == (6,)


class Derived(Knows):
    """One that inherits that, but has maps of its own."""

    def __call__(self, pair, networks, rng):
        return ONES * 2


def test_what_is_inherited_does_not_speak_for_maps_of_ones_own():
    found = ask_both_ways(Derived(ONES, ONES), noise_pair(True), PLAIN, np.random.default_rng(0))
    assert found.forward[0, 0] == found.swapped[0, 0] == 2


BROKEN = np.full((2, 3), np.nan, np.float32)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        (BROKEN, "of the method Knows holds NaN or infinity"),
        (np.ones((3, 2, 1), np.float32), r"of shape \(H, W\) from the method Knows, received"),
        (np.ones((3, 2), np.float32), r"of one shape from the method Knows"),
        (ONES * 1j, "map of numbers, .* an array of complex64"),
        ([[1.0, 2.0]], "map of numbers, .* received list"),
        (None, "map of numbers, .* received NoneType"),
    ],
    ids=["not finite", "not flat", "of another shape", "complex", "a list", "nothing"],
)
def test_the_contract_is_checked_on_both_sides(values, complaint):
    for sides in ((values, ONES), (ONES, values)):
        with pytest.raises(EmbeddingError, match=complaint):
            explain_both_ways(Knows(*sides), noise_pair(True), PLAIN, None)


def test_complaints_have_the_name_that_is_given():
    with pytest.raises(EmbeddingError, match="of the method mine holds"):
        explain_both_ways(Knows(ONES, BROKEN), noise_pair(True), PLAIN, None, name="mine")


def test_each_once_answers_as_the_networks_do():
    networks, counting = networks_that_count()
    crops = np.stack([noise_pair(True, seed).test for seed in (0, 1, 0, 2, 1)])
    once = EachOnce(networks)
    for asked in (crops, crops[::-1], crops[:0], crops[3:]):
        np.testing.assert_array_equal(once.embed(asked), embed(asked))
    assert len(counting.images) == 3
    h = tiny.embed(crops)
    np.testing.assert_array_equal(once.decode(h), tiny.decode(h))
    np.testing.assert_array_equal(once.respond(h), tiny.respond(h))
