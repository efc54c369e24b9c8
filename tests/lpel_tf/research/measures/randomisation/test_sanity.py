"""Sanity checks, with methods that ought to fail them and methods that ought to pass."""

import dataclasses

import numpy as np
import pytest

from lpel_serving.methods import AssembledNetworks, FacePair
from lpel_serving.methods.controls.centre import Centre
from lpel_serving.methods.controls.constant_relevance import ConstantRelevance
from lpel_serving.methods.controls.derived import Given, Reverse
from lpel_serving.methods.decoded.emsnn import Emsnn
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.support.errors import EmbeddingError, ParameterError
from lpel_tf.research.measures.randomisation.sanity import DECISION_FLIPPED, sanity
from support import tiny
from support.analytic import Counting, Lazy, ReportProgress, pair_of

NETWORKS = AssembledNetworks(tiny.embed, tiny.decode)


def random_kernel(kernel: np.ndarray, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, kernel.std(), kernel.shape).astype(np.float32)


DECODER = random_kernel(tiny.decoder_kernel(), 11)
EMBEDDER = random_kernel(tiny.embedder_kernel(), 12)


def other_decode(embeddings: np.ndarray) -> np.ndarray:
    return (embeddings @ DECODER + np.float32(0.5)).reshape(-1, 8, 8, 3)


def other_embed(crops: np.ndarray) -> np.ndarray:
    return (crops.reshape(len(crops), -1) / np.float32(255)) @ EMBEDDER


def negative(embeddings: np.ndarray) -> np.ndarray:
    return 1 - tiny.decode(embeddings)


def decoded(pair, networks, rng):
    """What the decoder makes of the test."""
    return networks.decode(pair.h_t[np.newaxis])[0].mean(axis=-1)


def with_sign(pair, networks, rng):
    """Takes the other side when the decision is the other one."""
    return decoded(pair, networks, rng) * (1 if pair.similar else -1)


def pairs_of(n: int, similar: bool = True) -> list[FacePair]:
    images = np.random.default_rng(0).integers(0, 256, (n, 2, 16, 16, 3), dtype=np.uint8)
    return [pair_of(*both, tiny.embed, similar) for both in images]


def checked(method, randomised=None, pairs=None, seed=0, **more):
    pairs = pairs_of(4) if pairs is None else pairs
    rng = np.random.default_rng(seed)
    return sanity(NETWORKS, pairs, method, randomised or {}, rng, **more)


def test_the_same_networks_give_the_same_map():
    same = AssembledNetworks(Counting(tiny.embed), tiny.decode)
    for method in (decoded, Lpel(), ConstantRelevance(), Emsnn(k=3, draws=5)):
        result = checked(method, {"none": same, "itself": NETWORKS})
        assert result["none"] == pytest.approx(1)
        assert result["itself"] == pytest.approx(1)


def test_a_decoder_turned_into_its_negative_turns_the_map():
    result = checked(decoded, {"negative": AssembledNetworks(tiny.embed, negative)})
    assert result["negative"] == pytest.approx(-1)


def test_a_method_that_asks_no_network_fails_every_check():
    randomised = {
        "decoder": AssembledNetworks(tiny.embed, other_decode),
        "embedder": AssembledNetworks(other_embed, tiny.decode),
    }
    result = checked(Centre(), randomised)
    assert list(result) == ["decoder", "embedder", DECISION_FLIPPED]
    assert all(values == pytest.approx(1) for values in result.values())
    # One that does is distinguished.
    for values in (checked(Lpel(), randomised)[name] for name in randomised):
        assert np.abs(values).mean() < 0.6


def test_what_rests_on_the_decoder_alone_hangs_on_the_decoder_alone():
    randomised = {
        "decoder": AssembledNetworks(tiny.embed, other_decode),
        "embedder": AssembledNetworks(other_embed, tiny.decode),
    }
    # For a linear decoder, constant relevance gives one map, whatever was embedded.
    result = checked(ConstantRelevance(), randomised, pairs_of(6))
    assert result["embedder"] == pytest.approx(1, abs=1e-3)
    assert np.ptp(result["decoder"]) < 1e-3
    assert np.abs(result["decoder"]).max() < 0.6


def test_both_images_are_embedded_anew_by_the_broken_networks():
    asked: list[tuple[FacePair, object]] = []

    def method(pair, networks, rng):
        asked.append((pair, networks))
        return decoded(pair, networks, rng)

    embed = Counting(other_embed)
    broken = AssembledNetworks(embed, tiny.decode)
    (pair,) = pairs_of(1, similar=False)
    checked(method, {"embedder": broken}, [pair])
    (own, by), (anew, by_broken), (flipped, by_again) = asked
    assert (by, by_broken, by_again) == (NETWORKS, broken, NETWORKS)
    assert embed.images == [pair.reference.tobytes(), pair.test.tobytes()]
    h_r, h_t = other_embed(np.stack([pair.reference, pair.test]))
    np.testing.assert_array_equal(anew.h_r, h_r)
    np.testing.assert_array_equal(anew.h_t, h_t)
    assert anew.test is pair.test
    assert (own.similar, anew.similar, flipped.similar) == (False, False, True)
    np.testing.assert_array_equal(flipped.h_t, pair.h_t)


def test_nothing_is_embedded_anew_when_only_the_decoder_is_broken():
    embed = Counting(tiny.embed)

    class Explainer:
        """As the engine's own: `embed` is a method, made anew each time that it is asked for."""

        def embed(self, crops):
            return embed(crops)

        def decode(self, embeddings):
            return tiny.decode(embeddings)

    networks = Explainer()
    broken = AssembledNetworks(networks.embed, negative)
    result = sanity(networks, pairs_of(2), decoded, {"decoder": broken}, np.random.default_rng(0))
    assert result["decoder"] == pytest.approx(-1)
    assert not embed.images
    sanity(networks, pairs_of(2), decoded, {"a": Explainer()}, np.random.default_rng(0))
    assert len(embed.images) == 4


def test_the_flipped_decision_turns_a_map_that_takes_sides():
    for similar in (True, False):
        pairs = pairs_of(3, similar)
        assert checked(with_sign, pairs=pairs)[DECISION_FLIPPED] == pytest.approx(-1)
        assert checked(Reverse(with_sign), pairs=pairs)[DECISION_FLIPPED] == pytest.approx(-1)
        assert checked(decoded, pairs=pairs)[DECISION_FLIPPED] == pytest.approx(1)
    assert (checked(Lpel())[DECISION_FLIPPED] < 0.99).all()


def test_a_method_that_refuses_the_other_decision_leaves_that_check_out():
    reported = ReportProgress()
    result = checked(Emsnn(k=3, draws=5), {"itself": NETWORKS}, progress=reported)
    assert list(result) == ["itself"]
    assert result["itself"] == pytest.approx(1)
    assert (reported.opened, reported.done) == ([4], [1] * 4)


def test_a_check_that_one_pair_refuses_is_left_out_for_all():
    calls: list[bool] = []
    pairs = pairs_of(3)

    def method(pair, networks, rng):
        calls.append(pair.similar)
        if not pair.similar and pair.test is pairs[1].test:
            raise ParameterError("not this one")
        return decoded(pair, networks, rng)

    assert not checked(method, pairs=pairs)
    assert calls == [True, False, True, False, True]


def test_a_method_that_refuses_a_pair_as_it_is_is_not_passed_over():
    with pytest.raises(ParameterError, match="EMSNN explains why a pair is similar"):
        checked(Emsnn(k=3), pairs=pairs_of(2, similar=False))


def test_random_numbers_stay_the_same_and_differ_from_pair_to_pair():
    drawn: list[bytes] = []

    def method(pair, networks, rng):
        values = rng.normal(size=(8, 8)).astype(np.float32)
        drawn.append(values.tobytes())
        return values

    result = checked(method, {"embedder": AssembledNetworks(other_embed, other_decode)})
    assert all(values == pytest.approx(1) for values in result.values())
    assert len(set(drawn)) == 4
    checked(method)
    assert len(set(drawn)) == 4
    checked(method, seed=1)
    assert len(set(drawn)) == 8


def test_a_constant_map_correlates_with_nothing():
    result = checked(Given(np.zeros((8, 8), np.float32)), {"itself": NETWORKS})
    assert all((values == 0).all() for values in result.values())


def test_pairs_are_read_once():
    lazy = Lazy(pairs_of(3))
    checked(Lpel(), {"decoder": AssembledNetworks(tiny.embed, other_decode)}, lazy)
    assert lazy.reads == [1, 1, 1]


def test_no_pairs_and_a_name_that_is_taken_are_refused():
    with pytest.raises(ParameterError, match="at least 1 pair"):
        checked(Lpel(), pairs=[])
    with pytest.raises(ParameterError, match="is a check by itself"):
        checked(Lpel(), {DECISION_FLIPPED: NETWORKS})


@pytest.mark.parametrize("where", ["itself", "broken", "flipped"])
def test_maps_that_are_not_finite_are_refused(where):
    def nowhere(embeddings):
        return np.full((len(embeddings), 8, 8, 3), np.nan, np.float32)

    def method(pair, networks, rng):
        if (where == "flipped") != pair.similar:
            return nowhere(pair.h_t[np.newaxis])[0, :, :, 0]
        return decoded(pair, networks, rng)

    broken = {"broken": AssembledNetworks(tiny.embed, nowhere)}
    with pytest.raises(EmbeddingError, match="holds NaN"):
        checked(decoded if where == "broken" else method, broken if where == "broken" else None)


def test_a_pair_is_left_as_it_was():
    (pair,) = pairs_of(1)
    before = dataclasses.replace(pair, h_r=pair.h_r.copy(), h_t=pair.h_t.copy())
    checked(Lpel(), {"embedder": AssembledNetworks(other_embed, tiny.decode)}, [pair])
    np.testing.assert_array_equal(pair.h_r, before.h_r)
    np.testing.assert_array_equal(pair.h_t, before.h_t)
    assert pair.similar
