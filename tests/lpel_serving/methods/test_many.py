"""Many pairs at once are explained to the same maps as one at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpel_serving.methods import AssembledNetworks, many
from lpel_serving.methods.catalogue.registry import find_method, methods
from lpel_serving.methods.decoded import predicted_responses, responses
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.decoded.responses import Responses
from lpel_serving.methods.many import explain_many, explains_many
from lpel_serving.methods.method import FacePair
from lpel_serving.support.errors import EmbeddingError, ParameterError
from support import tiny
from support.analytic import no_decoder
from support.images import pixels

few = settings(max_examples=25, deadline=None, derandomize=True)
METHODS = [Lpel(), Lpel(p=2.0), Responses(1), Responses(tiny.SIDE), Responses(40)]
NAMES = ["lpel", "lpel of another p", "responses", "of the grid's side", "enlarged"]
NO_PIXELS = pixels(0)

cases = given(seed=st.integers(0, 2**32 - 1), images=st.integers(1, 40), pairs=st.integers(0, 90))
each_method = pytest.mark.parametrize("method", METHODS, ids=NAMES)


def case(seed: int, images: int, pairs: int):
    """Embeddings, some of them zero or far from 1, pairs of them, and any decisions."""
    rng = np.random.default_rng(seed)
    embeddings = rng.normal(size=(images, tiny.DIMENSION)) * rng.choice(
        [0, 1e-3, 1, 1, 1, 100], size=(images, 1)
    )
    references, tests = rng.integers(0, images, (2, pairs))
    similar = rng.random(pairs) < rng.choice([0, 0.5, 1])
    return embeddings.astype(np.float32), references, tests, similar


def one_at_a_time(method, networks, embeddings, references, tests, similar):
    """Maps of the tests and of the references, pair by pair."""
    rng = np.random.default_rng(0)
    for r, t, is_similar in zip(references, tests, similar, strict=True):
        pair = FacePair(NO_PIXELS, NO_PIXELS, embeddings[r], embeddings[t], bool(is_similar))
        yield method(pair, networks, rng), method(pair.swapped, networks, rng)


def assert_same(method, networks, embeddings, *pairs):
    received = [
        both
        for forward, swapped in explain_many(method, networks, embeddings, *pairs)
        for both in zip(forward, swapped, strict=True)
    ]
    expected = list(one_at_a_time(method, networks, embeddings, *pairs))
    assert len(received) == len(expected)
    for ours, theirs in zip(received, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@few
@cases
@each_method
def test_maps_are_those_of_one_pair_at_a_time(method, responding_explainer, seed, images, pairs):
    assert_same(method, responding_explainer, *case(seed, images, pairs))


@few
@cases
@each_method
def test_nothing_hangs_on_how_much_is_kept(method, responding_explainer, seed, images, pairs):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(many, "BLOCK", 2)
        patched.setattr(predicted_responses, "BLOCK", 2)
        patched.setattr(responses, "_FEW", 1)
        patched.setattr(predicted_responses, "_AT_ONCE", 3)
        patched.setattr(predicted_responses, "_RESPONSE_BYTES", 1)
        assert_same(method, responding_explainer, *case(seed, images, pairs))


@pytest.mark.parametrize(("room", "least"), [(1, 12), (2**30, 12)])
def test_responses_are_foretold_once_while_there_is_room(monkeypatch, room, least):
    asked: list[int] = []

    def respond(embeddings):
        asked.append(len(embeddings))
        return tiny.respond(embeddings)

    monkeypatch.setattr(many, "BLOCK", 1)
    monkeypatch.setattr(predicted_responses, "BLOCK", 1)
    monkeypatch.setattr(predicted_responses, "_RESPONSE_BYTES", room)
    embeddings, *_ = case(1, 12, 0)
    places = np.arange(12)
    twice = np.concatenate([places, places])
    similar = np.zeros(24, np.bool_)
    networks = AssembledNetworks(no_decoder, no_decoder, respond)
    maps = list(explain_many(Responses(), networks, embeddings, twice, twice[::-1], similar))
    assert len(maps) == 24
    foretold = sum(asked) - 1  # one of zeros tells how large they are
    assert foretold == least if room > 1 else foretold > least


@pytest.mark.parametrize("method", [Lpel(), Responses()], ids=["lpel", "responses"])
@pytest.mark.parametrize("similar", [True, False])
def test_a_pair_without_finite_maps_is_told_apart_from_the_others(method, similar):
    embeddings, references, tests, _ = case(4, 20, 60)
    embeddings[7] = 3e38
    decisions = np.full(60, similar)

    def overflowing(of):
        with np.errstate(over="ignore", invalid="ignore"):
            return tiny.decode(of)

    def respond(of):
        found = tiny.respond(np.minimum(of, 1000))
        found[(of > 1e30).any(axis=1)] = np.inf
        return found

    networks = AssembledNetworks(no_decoder, overflowing, respond)
    found = list(explain_many(method, networks, embeddings, references, tests, decisions))
    place, refused = 0, set()
    for one in found:
        if isinstance(one, EmbeddingError):
            refused.add(place)
            place += 1
            continue
        alone = slice(place, place + len(one[0]))
        of = references[alone], tests[alone], decisions[alone]
        expected = one_at_a_time(method, networks, embeddings, *of)
        for maps, pair in zip(zip(*one, strict=True), expected, strict=True):
            np.testing.assert_array_equal(maps, pair)
        place = alone.stop
    assert place == 60
    assert refused == set(np.flatnonzero((references == 7) | (tests == 7)).tolist())
    assert refused


@each_method
def test_without_pairs_there_are_no_maps(method, responding_explainer):
    nothing = np.empty(0, np.int64)
    for embeddings in (np.empty((0, tiny.DIMENSION), np.float32), case(0, 3, 0)[0]):
        of = nothing, nothing, np.empty(0, np.bool_)
        assert list(explain_many(method, responding_explainer, embeddings, *of)) == []


def test_only_methods_that_look_at_embeddings_alone_explain_many():
    assert {name for name in methods() if explains_many(find_method(name))} == {
        "lpel",
        "responses",
    }


def test_a_derived_method_with_maps_of_its_own_is_asked_itself():
    class Renamed(Lpel):
        title = "Mine"

    class Mine(Lpel):
        def __call__(self, pair, networks, rng):
            return np.zeros((2, 2), np.float32)

    assert explains_many(Renamed())
    assert not explains_many(Mine())
    with pytest.raises(ParameterError, match="the method Mine explains one pair at a time"):
        next(explain_many(Mine(), None, *case(0, 2, 1)))
