"""Numbers and lists in sentences."""

import pytest

from lpel_serving.support.wording import listed, percent


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (1e-12, "less than 0.1 %"),
        (0.00049, "less than 0.1 %"),
        (0.0006, "0.1 %"),
        (0.004, "0.4 %"),
        (0.0099, "1.0 %"),
        (0.01, "1 %"),
        (0.128, "13 %"),
        (0.5, "50 %"),
        (0.6, "60 %"),
        (0.984, "98 %"),
        (0.9904, "99.0 %"),
        (0.998, "99.8 %"),
        (0.9994, "99.9 %"),
        (0.9996, "more than 99.9 %"),
        (1 - 1e-12, "more than 99.9 %"),
        (1, "100 %"),
    ],
)
def test_a_share_in_words_is_rounded_sensibly(share, text):
    assert percent(share) == text


def test_none_and_all_are_said_of_none_and_all_alone():
    shares = [thousandth / 1000 for thousandth in range(1001)]
    assert [share for share in shares if percent(share) == "0 %"] == [0]
    assert [share for share in shares if percent(share) == "100 %"] == [1]


@pytest.mark.parametrize(
    ("items", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_items_are_listed(items, text):
    assert listed(items) == text
