"""Explaining a pair by any method, both ways."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from lpel_serving import Explainer
from lpel_serving.equations.mask import mask
from lpel_serving.methods import FacePair, find_method, methods
from lpel_serving.methods.controls.centre import Centre
from lpel_serving.methods.decoded.emsnn import Emsnn
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.explanation import LpelExplanation
from lpel_serving.methods.measured.occlusion import Occlusion
from lpel_serving.report.array_file import arrays
from lpel_serving.report.document import document
from lpel_serving.report.figures import pair_figure
from lpel_serving.support.errors import EmbeddingError, ParameterError
from support import tiny
from support.images import pixels

PAIR = pixels(0), pixels(1)
FEW = Emsnn(k=3)


@pytest.fixture
def apart(tmp_path) -> Explainer:
    """The tiny network with a threshold that no pair exceeds."""
    return Explainer.load(
        tiny.write_bundle(tmp_path / "apart", threshold=tiny.ThresholdRecord(0.99999, {}))
    )


@dataclass(eq=False)
class Asked:
    """A method that notes what it was asked, and answers with noise."""

    pairs: list[FacePair] = field(default_factory=list)
    networks: list[object] = field(default_factory=list)
    maps: list[np.ndarray] = field(default_factory=list)

    def __call__(self, pair, networks, rng):
        self.pairs.append(pair)
        self.networks.append(networks)
        self.maps.append(rng.normal(size=(5, 7)).astype(np.float32) + pair.h_t[0])
        return self.maps[-1]


@dataclass
class Answer:
    """A method with one answer."""

    values: np.ndarray

    def __call__(self, pair, networks, rng):
        return self.values


def same(one, other) -> None:
    first, second = document(one), document(other)
    assert first.pop("method")["name"] == second.pop("method")["name"]
    assert first == second
    second = arrays(other)
    assert arrays(one).keys() == second.keys()
    for name, first in arrays(one).items():
        assert first.tobytes() == second[name].tobytes(), name


@pytest.mark.parametrize("name", methods())
def test_every_installed_method_explains(simulating_explainer, name):
    pair = simulating_explainer.explain(*PAIR, method=find_method(name))
    plain = simulating_explainer.explain(*PAIR)
    assert (pair.similarity, pair.similar) == (plain.similarity, plain.similar)
    assert pair.threshold == plain.threshold
    for explanation, expected in ((pair.forward, plain.forward), (pair.swapped, plain.swapped)):
        assert isinstance(explanation, LpelExplanation) is (name == "lpel")
        assert explanation.heat_map.ndim == 2
        assert explanation.heat_map.dtype == np.float32
        assert np.isfinite(explanation.heat_map).all()
        np.testing.assert_allclose(explanation.reconstruction, expected.reconstruction, atol=1e-5)
        np.testing.assert_array_equal(explanation.mask, mask(explanation.heat_map))
    assert pair_figure(pair).axes


def test_the_methods_are_those_of_the_table():
    assert {
        *("lpel", "emsnn", "occlusion", "constant-relevance", "centre", "random"),
        *("corrrise", "xface", "responses", "coalitions", "hybrid"),
        *("surrogate", "surrogate-order"),
    } <= set(methods())


@pytest.mark.parametrize("pair", [PAIR, (pixels(2), pixels(3)), (pixels(4), pixels(4))])
def test_lpel_as_a_method_has_the_heat_map_of_the_built_in_path(tiny_explainer, pair):
    built_in = tiny_explainer.explain(*pair)
    by_method = tiny_explainer.explain(*pair, method=Lpel())
    for way in ("forward", "swapped"):
        one, other = getattr(built_in, way), getattr(by_method, way)
        np.testing.assert_array_equal(one.heat_map, other.heat_map)
        np.testing.assert_array_equal(one.mask, other.mask)
        np.testing.assert_array_equal(one.reconstruction, other.reconstruction)
    assert by_method.agreement == built_in.agreement
    assert document(by_method) == document(built_in)


def test_lpel_alone_has_its_steps(tiny_explainer):
    lpel = arrays(tiny_explainer.explain(*PAIR, method=Lpel()))
    by_method = arrays(tiny_explainer.explain(*PAIR, method=Centre()))
    assert set(lpel) - set(by_method) == {
        *("test_relevance", "test_perturbed_reconstruction"),
        *("reference_relevance", "reference_perturbed_reconstruction"),
    }
    assert set(by_method) < set(lpel)


def test_a_method_is_given_the_pair_and_then_its_exchange(tiny_explainer):
    asked = Asked()
    explained = tiny_explainer.explain(*PAIR, method=asked)
    forward, swapped = asked.pairs
    for pair, (reference, test) in ((forward, PAIR), (swapped, PAIR[::-1])):
        np.testing.assert_array_equal(pair.reference, reference)
        np.testing.assert_array_equal(pair.test, test)
        h = tiny.embed(np.stack([reference, test]))
        np.testing.assert_allclose([pair.h_r, pair.h_t], h, atol=1e-5)
        assert pair.similar is explained.similar
    for networks in asked.networks:
        crops = np.stack(PAIR)
        np.testing.assert_array_equal(networks.embed(crops), tiny_explainer.embed(crops))
        h = tiny_explainer.embed(crops)
        np.testing.assert_array_equal(networks.decode(h), tiny_explainer.decode(h))
    assert explained.forward.heat_map is asked.maps[0]
    assert explained.swapped.heat_map is asked.maps[1]


def test_the_reconstruction_is_of_the_image_that_is_explained(tiny_explainer):
    explained = tiny_explainer.explain(*PAIR, method=Centre())
    of_reference, of_test = tiny.decode(tiny.embed(np.stack(PAIR)))
    np.testing.assert_allclose(explained.forward.reconstruction, of_test, atol=1e-4)
    np.testing.assert_allclose(explained.swapped.reconstruction, of_reference, atol=1e-4)


def test_exchanging_the_images_exchanges_the_explanations(tiny_explainer):
    there = tiny_explainer.explain(*PAIR, method=Occlusion())
    back = tiny_explainer.explain(*PAIR[::-1], method=Occlusion())
    assert not np.array_equal(there.forward.heat_map, there.swapped.heat_map)
    np.testing.assert_array_equal(there.forward.heat_map, back.swapped.heat_map)
    np.testing.assert_array_equal(there.swapped.heat_map, back.forward.heat_map)
    assert there.agreement == back.agreement


def test_a_map_keeps_its_sign_and_its_size(tiny_explainer):
    explained = tiny_explainer.explain(*PAIR, method=Occlusion(side=4))
    assert explained.forward.heat_map.shape == explained.forward.mask.shape == (4, 4)
    assert explained.forward.heat_map.min() < 0 < explained.forward.heat_map.max()
    assert explained.forward.normalised_heat_map.min() == 0
    named = arrays(explained)
    assert named["test_heat_map"] is explained.forward.heat_map
    assert named["reference_heat_map"] is explained.swapped.heat_map
    assert named["test_crop"].shape == (16, 16, 3)


def test_the_agreement_is_of_the_two_maps(tiny_explainer):
    assert tiny_explainer.explain(*PAIR, method=Centre()).agreement.spearman == pytest.approx(1)
    assert tiny_explainer.explain(*PAIR, method=Centre()).agreement.iou == 1
    flat = Answer(np.zeros((4, 4), np.float32))
    assert tiny_explainer.explain(*PAIR, method=flat).agreement.spearman == 0
    agreement = tiny_explainer.explain(*PAIR, method=Occlusion()).agreement
    assert -1 < agreement.spearman < 1
    assert 0 <= agreement.iou < 1


@pytest.mark.parametrize(("epsilon", "pixels_in_it"), [(0, 252), (0.5, 96), (0.95, 4)])
def test_the_mask_is_cut_at_epsilon(tiny_explainer, epsilon, pixels_in_it):
    """By hand: of distances from 0.71 to 10.61 pixels, those below a certain one."""
    explained = tiny_explainer.explain(*PAIR, method=Centre(), epsilon=epsilon)
    assert explained.forward.mask.shape == (16, 16)
    assert explained.forward.mask.sum() == explained.swapped.mask.sum() == pixels_in_it


@pytest.mark.parametrize("method", [FEW, Occlusion(), Asked()], ids=["emsnn", "occlusion", "noise"])
def test_the_seed_decides_a_methods_map(tiny_explainer, method):
    one, again, other = (tiny_explainer.explain(*PAIR, method=method, seed=s) for s in (5, 5, 6))
    same(one, again)
    assert not np.array_equal(one.forward.heat_map, other.forward.heat_map)
    assert not np.array_equal(one.swapped.heat_map, other.swapped.heat_map)


def test_both_ways_draw_the_same_numbers(tiny_explainer):
    asked = Asked()
    tiny_explainer.explain(*PAIR, method=asked, seed=7)
    forward, swapped = (
        values - pair.h_t[0] for values, pair in zip(asked.maps, asked.pairs, strict=True)
    )
    np.testing.assert_allclose(forward, swapped, atol=1e-5)
    drawn = np.random.default_rng(7).normal(size=(5, 7))
    np.testing.assert_allclose(forward, drawn, atol=1e-5)


def test_a_pair_is_explained_alike_alone_and_among_others(tiny_explainer):
    pairs = [(pixels(a), pixels(b)) for a, b in [(0, 1), (2, 3), (1, 0)]]
    together = tiny_explainer.explain_pairs(pairs, method=FEW, seed=2)
    assert len(together) == 3
    for pair, one in zip(pairs, together, strict=True):
        same(one, tiny_explainer.explain(*pair, method=FEW, seed=2))


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_map_that_is_not_finite_is_refused_with_the_name_of_its_method(tiny_explainer, broken):
    values = np.zeros((4, 4), np.float32)
    values[1, 2] = broken
    with pytest.raises(EmbeddingError, match="the method Answer holds NaN or infinity"):
        tiny_explainer.explain(*PAIR, method=Answer(values))


@pytest.mark.parametrize("shape", [(4, 4, 3), (16,), (0, 4)])
def test_what_is_no_map_is_refused_with_the_name_of_its_method(tiny_explainer, shape):
    with pytest.raises(EmbeddingError, match=r"from the method Answer, received \("):
        tiny_explainer.explain(*PAIR, method=Answer(np.zeros(shape, np.float32)))


def test_a_map_that_breaks_with_the_roles_exchanged_is_refused_too(tiny_explainer):
    def on_the_second(pair, networks, rng):
        broken = np.array_equal(pair.test, PAIR[0])
        return np.full((2, 2), np.nan if broken else 1, np.float32)

    with pytest.raises(EmbeddingError, match="NaN"):
        tiny_explainer.explain(*PAIR, method=on_the_second)


def test_emsnn_explains_no_dissimilar_pair(apart):
    with pytest.raises(ParameterError, match="this pair was called dissimilar"):
        apart.explain(*PAIR, method=FEW)


def test_a_method_is_told_of_a_dissimilar_decision(apart, tiny_explainer):
    asked = Asked()
    assert not apart.explain(*PAIR, method=asked).similar
    assert [pair.similar for pair in asked.pairs] == [False, False]
    similar = tiny_explainer.explain(*PAIR, method=Occlusion(), seed=1)
    dissimilar = apart.explain(*PAIR, method=Occlusion(), seed=1)
    np.testing.assert_array_equal(dissimilar.forward.heat_map, -similar.forward.heat_map)


def test_epsilon_is_checked_whatever_the_method(tiny_explainer):
    with pytest.raises(ParameterError, match="epsilon"):
        tiny_explainer.explain(*PAIR, method=Centre(), epsilon=1)
