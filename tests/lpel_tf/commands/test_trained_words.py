"""Shares of what can be below 0 or above 1 are never given as a strange per cent."""

import re

import pytest

from lpel_tf.commands.trained_words import of_responses_in_words, of_surrogate_in_words
from lpel_tf.research.reproduction.sections.similar import _beginning


def test_what_a_response_decoder_knows_is_a_share():
    assert of_responses_in_words(0.66, 20).startswith("The response decoder predicts 34% of what ")
    assert of_responses_in_words(0.66, 20).endswith("of 20 test photographs.")


@pytest.mark.parametrize("loss", [1.0, 1.12])
def test_one_that_knows_less_than_nothing_is_called_no_better_than_none(loss):
    words = of_responses_in_words(loss, 20)
    assert "no better than none" in words
    assert f"{loss:.2f} times that of a constant 0" in words
    assert "%" not in words


def test_how_much_of_the_similarity_the_first_quarter_takes():
    assert _beginning(0.23, 0.51) == (
        "The first quarter of the superpixels takes 23% of the similarity, and 51% in a random "
        "order."
    )


@pytest.mark.parametrize(("own", "random"), [(-0.03, 0.2), (0.2, -0.03), (1.1, 0.4)])
def test_a_similarity_that_rises_or_turns_is_given_as_it_is(own, random):
    words = _beginning(own, random)
    assert f"is {1 - own:.2f} times what it was, and {1 - random:.2f} times" in words
    assert not re.search(r"-\d+%|%", words)


def test_a_surrogate_is_described_beside_what_it_has_to_beat():
    shares = {
        name: {"all": {"vectors": share, "own": 0.1}}
        for name, share in {"surrogate": 0.3, "without_local_features": 0.6}.items()
    }
    said = of_surrogate_in_words(shares, 40)
    assert said.startswith("The surrogate predicts 70% of what coalitions of superpixels")
    assert said.endswith("of 40 test photographs (without local features 40%).")
    shares["responses"] = {"all": {"vectors": 0.5, "own": 0.2}}
    assert "the response decoder 50%)." in of_surrogate_in_words(shares, 40)
    shares["surrogate"]["all"]["vectors"] = 1.2
    assert "no better than none" in of_surrogate_in_words(shares, 40)
