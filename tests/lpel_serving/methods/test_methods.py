"""Explanation methods and controls: a pair in, a signed map out."""

import dataclasses

import numpy as np
import pytest

from lpel_serving.equations.comparison import COSINE, Euclidean
from lpel_serving.equations.fill import FILLS, Fill
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.faithfulness.controls import CONTROLS, OF_SUBJECT, RANDOM, controls
from lpel_serving.methods import AssembledNetworks, find_method, methods
from lpel_serving.methods.controls.centre import Centre
from lpel_serving.methods.controls.constant_relevance import ConstantRelevance
from lpel_serving.methods.controls.derived import AnotherPair, Given, Reverse, Shifted, WithDecoder
from lpel_serving.methods.controls.random_order import RandomOrder
from lpel_serving.methods.decoded.emsnn import Emsnn, closest
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.measured.occlusion import Occlusion
from lpel_serving.methods.measured.replacement import KINDS, replacement
from lpel_serving.support.errors import ParameterError
from lpel_tf.research.emsnn.prototypes import large_classes, prototype
from support import tiny
from support.images import pixels
from support.networks import Fixed, Linear, Weighing, face_pair, plain

WIDE = Linear(dimension=128)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def tiny_pair(explainer, similar: bool = True, seeds=(0, 1)):
    return face_pair(explainer, *map(pixels, seeds), similar=similar)


def made(name: str):
    """A method as it is found; the tiny network has fewer features than EMSNN wants."""
    return Emsnn(k=4) if name == "emsnn" else find_method(name)


def is_signed_map(values) -> bool:
    return values.ndim == 2 and values.dtype == np.float32 and bool(np.isfinite(values).all())


def test_the_methods_of_this_package_are_installed():
    assert {
        *("lpel", "emsnn", "occlusion", "constant-relevance", "centre", "random"),
        *("corrrise", "xface", "responses", "coalitions", "hybrid"),
        *("surrogate", "surrogate-order"),
    } <= set(methods())
    assert methods() == sorted(methods())


@pytest.mark.parametrize("name", methods())
def test_every_method_with_its_defaults_gives_a_finite_map(name):
    pair = face_pair(WIDE, pixels(0), pixels(1), similar=True)
    assert is_signed_map(find_method(name)(pair, WIDE, generator()))


@pytest.mark.parametrize("name", methods())
def test_every_method_works_with_an_explainer(simulating_explainer, name):
    pair = tiny_pair(simulating_explainer)
    assert is_signed_map(made(name)(pair, simulating_explainer, generator()))


@pytest.mark.parametrize("name", sorted(set(methods()) - {"emsnn"}))
def test_every_method_but_emsnn_explains_dissimilar_pairs(simulating_explainer, name):
    pair = tiny_pair(simulating_explainer, similar=False)
    assert is_signed_map(made(name)(pair, simulating_explainer, generator()))


@pytest.mark.parametrize("name", methods())
def test_every_method_gives_the_same_map_for_the_same_seed(simulating_explainer, name):
    pair = tiny_pair(simulating_explainer)
    one, same = (made(name)(pair, simulating_explainer, generator(3)) for _ in range(2))
    assert one.tobytes() == same.tobytes()


@pytest.mark.parametrize("name", methods())
def test_no_method_changes_its_pair(simulating_explainer, name):
    pair = tiny_pair(simulating_explainer)
    before = [value.copy() for value in (pair.reference, pair.test, pair.h_r, pair.h_t)]
    made(name)(pair, simulating_explainer, generator())
    after = (pair.reference, pair.test, pair.h_r, pair.h_t)
    for expected, received in zip(before, after, strict=True):
        np.testing.assert_array_equal(received, expected)


@pytest.mark.parametrize("name", methods())
def test_a_method_is_made_anew_each_time(name):
    assert find_method(name) is not find_method(name)


def test_an_unknown_method_is_refused_and_the_known_ones_named():
    with pytest.raises(ParameterError, match=r"'tea-leaves'; there are: .*lpel"):
        find_method("tea-leaves")


def test_a_pair_swapped_has_its_roles_exchanged(tiny_explainer):
    pair = tiny_pair(tiny_explainer)
    swapped = pair.swapped
    assert swapped.reference is pair.test
    assert swapped.h_t is pair.h_r
    assert swapped.similar is pair.similar
    assert swapped.swapped.test is pair.test


def test_an_engine_is_two_networks_put_together():
    networks = AssembledNetworks(tiny.embed, tiny.decode)
    pair = face_pair(networks, pixels(0), pixels(1), similar=True)
    assert is_signed_map(Lpel()(pair, networks, generator()))


# LPEL and what is made of it


@pytest.mark.parametrize("p", [0.3, 1.5])
@pytest.mark.parametrize("threshold", [-0.9, 0.9999])
def test_lpel_is_what_the_explainer_gives(tiny_explainer, tmp_path, threshold, p):
    record = tiny.ThresholdRecord(threshold, {})
    explainer = type(tiny_explainer).load(tiny.write_bundle(tmp_path / "b", threshold=record))
    whole = explainer.explain(pixels(0), pixels(1), method=Lpel(p))
    pair = tiny_pair(explainer, similar=whole.similar)
    np.testing.assert_array_equal(Lpel(p)(pair, explainer, generator()), whole.forward.heat_map)
    swapped = Lpel(p)(pair.swapped, explainer, generator())
    np.testing.assert_array_equal(swapped, whole.swapped.heat_map)


def test_constant_relevance_perturbs_every_feature_alike():
    pair = face_pair(WIDE, pixels(0), pixels(1), similar=True)
    expected = np.abs(0.3 * WIDE.g.sum(axis=0)).reshape(8, 8, 3).mean(axis=-1)
    received = ConstantRelevance()(pair, WIDE, generator())
    np.testing.assert_allclose(received, expected, atol=1e-4)


def test_constant_relevance_of_a_linear_decoder_is_one_map_for_all_pairs():
    one, other = (face_pair(WIDE, pixels(a), pixels(b), a > 1) for a, b in ((0, 1), (2, 3)))
    method = ConstantRelevance()
    np.testing.assert_allclose(
        method(one, WIDE, generator()), method(other, WIDE, generator()), atol=1e-4
    )


def test_lpel_is_constant_relevance_where_all_distances_are_equal():
    pair = face_pair(WIDE, pixels(0), pixels(0), similar=True)
    one, other = (method(pair, WIDE, generator()) for method in (Lpel(), ConstantRelevance()))
    np.testing.assert_allclose(one, other, atol=1e-5)


# Controls


@pytest.mark.parametrize("size", [15, 16])
def test_the_centre_is_highest_and_the_corners_lowest(size):
    pair = face_pair(Linear(size), pixels(0, size), pixels(1, size), similar=True)
    values = Centre()(pair, Linear(size), generator())
    assert values.shape == (size, size)
    assert values[size // 2, size // 2] == values.max() == pytest.approx(0, abs=0.8)
    assert values[0, 0] == values.min() == pytest.approx(-(size - 1) / 2**0.5, abs=1e-4)
    np.testing.assert_array_equal(values, values.T)
    np.testing.assert_array_equal(values, values[::-1])


def test_the_random_method_knows_nothing_of_the_pair(tiny_explainer):
    values = RandomOrder(8)(tiny_pair(tiny_explainer), tiny_explainer, generator())
    again = RandomOrder(8)(tiny_pair(tiny_explainer, False), tiny_explainer, generator())
    np.testing.assert_array_equal(values, again)
    assert values.shape == (8, 8)
    assert len(np.unique(values)) == 64


def test_the_reverse_control_changes_the_sign():
    values = generator().normal(size=(5, 4)).astype(np.float32)
    np.testing.assert_array_equal(Reverse(Fixed(values))(None, WIDE, generator()), -values)


@pytest.mark.parametrize(("shape", "by"), [((4, 6), (2, 3)), ((5, 7), (2, 3))])
def test_the_shifted_map_comes_back_on_the_other_side(shape, by):
    values = generator().normal(size=shape).astype(np.float32)
    received = Shifted(Fixed(values))(None, WIDE, generator())
    for y in range(shape[0]):
        for x in range(shape[1]):
            place = ((y + by[0]) % shape[0], (x + by[1]) % shape[1])
            assert received[place] == values[y, x]


def test_the_map_of_another_pair_is_of_the_other_pair():
    one, other = (face_pair(WIDE, pixels(a), pixels(a + 1), similar=True) for a in (0, 5))
    received = AnotherPair(Lpel(), other)(one, WIDE, generator())
    np.testing.assert_array_equal(received, Lpel()(other, WIDE, generator()))
    assert (received != Lpel()(one, WIDE, generator())).any()


def test_a_given_map_asks_nothing_and_is_the_same_for_every_pair():
    def asked(_):
        raise AssertionError("a network was asked")

    values = generator().normal(size=(5, 4)).astype(np.float32)
    rng = generator()
    assert Given(values)(None, AssembledNetworks(asked, asked), rng) is values
    assert rng.random() == generator().random()
    before = values.copy()
    for derived in (Reverse, Shifted):
        derived(Given(values))(None, AssembledNetworks(asked, asked), rng)
    np.testing.assert_array_equal(values, before)


# Another decoder


class Watched(Linear):
    """Networks that count what they were asked."""

    def __init__(self, **options):
        super().__init__(**options)
        self.embedded = self.decoded = 0

    def embed(self, crops):
        self.embedded += 1
        return super().embed(crops)

    def decode(self, embeddings):
        self.decoded += 1
        return super().decode(embeddings)


@pytest.mark.parametrize("method", [Lpel(), Emsnn(k=3), ConstantRelevance()])
def test_a_method_asks_the_decoder_that_it_is_given_and_no_other(method):
    first, second = Watched(seed=0), Watched(seed=1)
    pair = face_pair(first, pixels(0), pixels(1), similar=True)
    received = WithDecoder(method, second.decode, "second")(pair, first, generator())
    assert first.decoded == 0
    assert second.decoded > 0
    expected = method(pair, AssembledNetworks(first.embed, second.decode), generator())
    np.testing.assert_array_equal(received, expected)
    assert (received != method(pair, first, generator())).any()


def test_a_method_with_another_decoder_keeps_the_comparison():
    seen = []

    def method(pair, networks, rng):
        seen.append(networks.comparison)
        return np.zeros((8, 8), np.float32)

    first = Watched(seed=0)
    networks = AssembledNetworks(first.embed, first.decode, comparison=Euclidean(2.0))
    pair = face_pair(first, pixels(0), pixels(1), similar=True)
    WithDecoder(method, first.decode, "other")(pair, networks, generator())
    assert seen == [Euclidean(2.0)]


def test_a_method_with_another_decoder_keeps_the_embedder():
    first, second = Watched(seed=0), Watched(seed=1)
    pair = face_pair(first, pixels(0), pixels(1), similar=True)
    asked = first.embedded
    occlusion = Occlusion(4)
    received = WithDecoder(occlusion, second.decode, "second")(pair, first, generator())
    assert first.embedded > asked
    assert second.embedded == 0
    np.testing.assert_array_equal(received, occlusion(pair, first, generator()))


def test_methods_with_two_decoders_are_told_apart_by_the_decoders_names():
    one, same, other = (WithDecoder(Lpel(), WIDE.decode, name) for name in ("one", "one", "two"))
    assert repr(one) == repr(same) != repr(other)
    assert "0x" not in repr(one)


@pytest.mark.parametrize("derived", ["reverse", "shifted", "another pair"])
def test_a_control_is_made_of_the_very_same_map_of_a_random_method(derived):
    pair = face_pair(WIDE, pixels(0), pixels(1), similar=True)
    subject = Emsnn(k=3)
    values, anothers = (subject(pair, WIDE, generator(seed)) for seed in (7, 8))
    made = controls(
        values, anothers, side=4, kind="test", fill=Fill(), shared_noise=False, decodes=True
    )
    expected = {
        "reverse": -values,
        "shifted": np.roll(values, (4, 4), (0, 1)),
        "another pair": anothers,
    }
    np.testing.assert_array_equal(made[derived](pair, WIDE, generator(9)), expected[derived])


def test_every_control_but_chance_is_a_method_and_has_words():
    pair = face_pair(WIDE, pixels(0), pixels(1), similar=True)
    fill = Fill("blur")
    own = Lpel()(pair, WIDE, generator())
    made = controls(own, own, side=4, kind="both", fill=fill, shared_noise=True, decodes=True)
    assert set(OF_SUBJECT) < set(made)
    assert [RANDOM, *made] == list(CONTROLS)
    few = controls(own, own, side=4, kind="both", fill=fill, shared_noise=True, decodes=False)
    assert set(made) - set(few) == {"constant relevance"}
    assert made["occlusion"] == Occlusion(4, "both", fill, shared_noise=True)
    for method in made.values():
        assert is_signed_map(method(pair, WIDE, generator()))
    for control in CONTROLS.values():
        assert control.title
        assert control.meaning


# Occlusion


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("similar", [True, False])
def test_occlusion_replaces_one_superpixel_at_a_time(kind, fill, similar):
    networks = Linear()
    pair = face_pair(networks, pixels(0), pixels(1), similar=similar)
    received = Occlusion(4, kind, Fill(fill))(pair, networks, generator())
    change = replacement(pair, COSINE, kind, Fill(fill), generator())
    before = float(cosine_similarity(pair.h_r, pair.h_t))
    for y in range(4):
        for x in range(4):
            square = np.s_[4 * y : 4 * y + 4, 4 * x : 4 * x + 4]
            test, reference = pair.test.copy(), pair.reference.copy()
            test[square] = change.new_test[square]
            if kind == "both":
                reference[square] = change.new_reference[square]
            h_t, h_r = networks.embed(np.stack([test, reference]))
            after = float(cosine_similarity(h_r, h_t))
            expected = before - after if similar else after - before
            assert received[y, x] == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("place", [0, 5, 11, 15])
@pytest.mark.parametrize("kind", ["test", "transplant"])
@pytest.mark.parametrize("similar", [True, False])
def test_the_only_superpixel_that_the_network_sees_is_found(place, kind, similar):
    networks = Weighing(np.eye(16, dtype=int)[place])
    # Transplanting white for black brings them together; black for white takes them apart.
    test = plain(0) if kind == "transplant" else plain(255)
    pair = face_pair(networks, plain(255), test, similar=similar)
    values = Occlusion(4, kind, Fill("black"))(pair, networks, generator()).ravel()
    assert np.flatnonzero(values).tolist() == [place]
    assert (values[place] > 0) == (similar == (kind == "test"))


def test_occlusion_orders_superpixels_by_what_they_weigh():
    networks = Weighing()
    pair = face_pair(networks, plain(255), plain(255), similar=True)
    values = Occlusion(4, "test", Fill("black"))(pair, networks, generator()).ravel()
    np.testing.assert_array_equal(values.argsort(), networks.weights.argsort())
    total, w = networks.weights.sum(), networks.weights
    np.testing.assert_allclose(values, 1 - total / np.hypot(total, w), atol=1e-6)


@pytest.mark.parametrize(("kind", "images"), [("test", 65), ("both", 130), ("transplant", 65)])
def test_occlusion_embeds_no_more_than_it_says(kind, images):
    networks = Weighing()
    pair = face_pair(Weighing(), plain(255), plain(0), similar=False)
    Occlusion(8, kind)(pair, networks, generator())
    assert networks.images <= images


# EMSNN


def linear_pair():
    networks = Linear(dimension=8)
    return networks, face_pair(networks, pixels(0), pixels(1), similar=True)


def test_emsnn_perturbs_the_closest_features_alone():
    networks, pair = linear_pair()
    chosen = closest(pair.h_r, pair.h_t, 3)
    kernel = networks.g.copy()
    kernel[chosen] = 0
    blind = AssembledNetworks(networks.embed, lambda h: (h @ kernel).reshape(-1, 8, 8, 3))
    np.testing.assert_allclose(Emsnn(k=3)(pair, blind, generator()), 0, atol=1e-5)
    assert Emsnn(k=4)(pair, blind, generator()).min() > 1e-3


@pytest.mark.parametrize("k", [1, 4, 8])
def test_the_error_of_n_draws_falls_as_the_root_of_n(k):
    networks, pair = linear_pair()
    limit = Emsnn(k=k, draws=None)(pair, networks, generator())

    def error(draws: int) -> float:
        maps = [Emsnn(k=k, draws=draws)(pair, networks, generator(seed)) for seed in range(30)]
        return float(np.sqrt(np.mean((np.stack(maps) - limit) ** 2)))

    few, many = error(20), error(20 * 25)
    assert few / many == pytest.approx(5, rel=0.35)
    assert many < 0.05 * limit.mean()


def test_the_scale_of_a_linear_decoder_scales_the_map():
    networks, pair = linear_pair()
    for draws in (10, None):
        one, three = (
            Emsnn(k=4, draws=draws, scale=scale)(pair, networks, generator()) for scale in (1, 3)
        )
        np.testing.assert_allclose(three, 3 * one, rtol=1e-4)


def test_infinitely_many_draws_need_no_chance():
    networks, pair = linear_pair()
    one, other = (Emsnn(k=4, draws=None)(pair, networks, generator(seed)) for seed in (0, 1))
    np.testing.assert_array_equal(one, other)


def test_infinitely_many_draws_work_with_an_exported_linear_decoder(tiny_explainer):
    pair = tiny_pair(tiny_explainer)
    limit = Emsnn(k=4, draws=None)(pair, tiny_explainer, generator())
    many = Emsnn(k=4, draws=20_000)(pair, tiny_explainer, generator())
    np.testing.assert_allclose(many, limit, rtol=0.03)


NON_LINEAR = {
    "sigmoid": lambda h, g: 1 / (1 + np.exp(-h @ g)),
    "rectified": lambda h, g: np.maximum(h @ g, 0),
    "rectified far from 0": lambda h, g: np.maximum(h @ g + 5, 0),
    "absolute": lambda h, g: np.abs(h @ g),
    "square": lambda h, g: np.square(h @ g),
    "square of each feature": lambda h, g: np.square(h) @ g,
    "rectified features": lambda h, g: np.maximum(h, 0) @ g,
    "product of two features": lambda h, g: (h * np.roll(h, 1, axis=-1)) @ g,
}


@pytest.mark.parametrize(
    ("name", "k"),
    [(name, k) for name in NON_LINEAR for k in (1, 2, 8) if "product" not in name or k == 8],
)
def test_infinitely_many_draws_are_refused_to_a_decoder_that_is_not_linear(name, k):
    linear = Linear(dimension=8)

    def decode(h):
        return NON_LINEAR[name](h, linear.g).reshape(-1, 8, 8, 3).astype(np.float32)

    networks = AssembledNetworks(linear.embed, decode)
    rng = generator()
    h_r, h_t = (rng.normal(size=(2, 8)) * 3).astype(np.float32)
    pair = dataclasses.replace(linear_pair()[1], h_r=h_r, h_t=h_t)
    with pytest.raises(ParameterError, match="not linear: name a number of draws"):
        Emsnn(k=k, draws=None, scale=3.0)(pair, networks, rng)
    assert is_signed_map(Emsnn(k=k, draws=50)(pair, networks, rng))


@pytest.mark.parametrize("k", [1, 3])
def test_a_decoder_that_is_linear_in_the_chosen_features_has_the_closed_form(k):
    linear = Linear(dimension=8)
    rng = generator()
    h_t = (rng.normal(size=8) * 3).astype(np.float32)
    # The first k are the closest, and each is multiplied with one that is not chosen.
    h_r = h_t + np.arange(8, dtype=np.float32)

    def decode(h):
        product = h.copy()
        product[:, :4] *= h[:, 4:]
        return (product @ linear.g).reshape(-1, 8, 8, 3).astype(np.float32)

    networks = AssembledNetworks(linear.embed, decode)
    pair = dataclasses.replace(linear_pair()[1], h_r=h_r, h_t=h_t)
    assert closest(h_r, h_t, k).tolist() == list(range(k))
    limit = Emsnn(k=k, draws=None)(pair, networks, rng)
    weights = (linear.g * np.append(h_t[4:], h_t[:4])[:, np.newaxis])[:k].astype(np.float64)
    spread = 0.3 * np.sqrt(np.square(weights).sum(axis=0)).reshape(8, 8, 3)
    np.testing.assert_allclose(limit, np.sqrt(2 / np.pi) * spread.mean(axis=-1), rtol=1e-3)
    many = Emsnn(k=k, draws=20_000)(pair, networks, rng)
    np.testing.assert_allclose(many, limit, rtol=0.03)
    # A product of two chosen ones is not linear.
    with pytest.raises(ParameterError, match="not linear"):
        Emsnn(k=8, draws=None)(pair, networks, rng)


def test_a_decoder_whose_values_are_large_is_linear_all_the_same():
    linear = Linear(dimension=8)
    networks = AssembledNetworks(linear.embed, lambda h: 255 * linear.decode(h) + np.float32(1000))
    pair = linear_pair()[1]
    limit = Emsnn(k=8, draws=None)(pair, linear, generator())
    received = Emsnn(k=8, draws=None)(pair, networks, generator())
    np.testing.assert_allclose(received, 255 * limit, rtol=1e-3)


@pytest.mark.parametrize("draws", [50, None])
def test_with_more_features_than_there_are_all_are_perturbed(tiny_explainer, draws):
    pair = tiny_pair(tiny_explainer)
    every = Emsnn(k=6, draws=draws)(pair, tiny_explainer, generator())
    more = Emsnn(k=100, draws=draws)(pair, tiny_explainer, generator())
    np.testing.assert_array_equal(more, every)
    assert is_signed_map(every)


@pytest.mark.parametrize("draws", [50, None])
def test_emsnn_knows_no_dissimilar_pairs(tiny_explainer, draws):
    with pytest.raises(ParameterError, match="dissimilar: choose another method"):
        Emsnn(k=4, draws=draws)(tiny_pair(tiny_explainer, False), tiny_explainer, generator())


@pytest.mark.parametrize("wrong", [{"k": 0}, {"draws": 0}, {"scale": 0}, {"scale": float("nan")}])
def test_emsnn_perturbs_something_by_something(wrong):
    with pytest.raises(ParameterError, match=r"of 1 or more|above 0; received"):
        Emsnn(**wrong)


# Prototypes


def test_a_prototype_takes_the_place_of_the_reference():
    networks, pair = linear_pair()
    others = networks.embed(np.stack([pixels(seed) for seed in range(2, 8)]))
    against = dataclasses.replace(pair, h_r=prototype(others))
    for method in (Lpel(), Emsnn(k=4)):
        assert is_signed_map(method(against, networks, generator()))


def test_a_prototype_of_nothing_is_refused():
    with pytest.raises(ParameterError, match="at least one embedding"):
        prototype(np.zeros((0, 6), np.float32))


def test_a_prototype_is_a_mean_whatever_the_size_of_its_terms():
    h = np.array([[1e8, 1], [1, 1], [-1e8, 1]], np.float32)
    received = prototype(h)
    assert received.dtype == np.float32
    assert received.shape == (2,)
    np.testing.assert_allclose(received, [1 / 3, 1], rtol=1e-6)
    np.testing.assert_array_equal(prototype(h[:1]), h[0])


def test_no_identities_have_no_classes():
    assert large_classes([]) == {}


def test_large_classes_have_five_images_besides_any_one():
    identities = [*"a" * 5, *"b" * 6, "c", *"b", *"a"]
    assert large_classes(identities) == {"a": [0, 1, 2, 3, 4, 13], "b": [5, 6, 7, 8, 9, 10, 12]}
    assert large_classes(identities[:12]) == {"b": [5, 6, 7, 8, 9, 10]}
    assert set(large_classes(identities, others=0)) == {"a", "b", "c"}
