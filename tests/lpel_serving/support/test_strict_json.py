import pytest

from lpel_serving.support.strict_json import read_json


def test_json_is_read_as_it_stands():
    text = '{"a": [1, 2.5, -1e3, true, null, "é\\u00e9"], "b": {"a": {}}}'
    assert read_json(text) == {"a": [1, 2.5, -1000.0, True, None, "éé"], "b": {"a": {}}}


@pytest.mark.parametrize("text", ["1", '"x"', "null", "[]", "{}"])
def test_any_value_may_stand_at_the_top(text):
    read_json(text)


@pytest.mark.parametrize("opened", ["[", '{"a": '])
def test_thirty_two_levels_are_read_and_no_more(opened):
    closed, inner = {"[": ("]", "1"), '{"a": ': ("}", "1")}[opened]
    read_json(opened * 32 + inner + closed * 32)
    with pytest.raises(ValueError, match="deeper than 32 levels"):
        read_json(opened * 33 + inner + closed * 33)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "a": 1}', "'a' stands there twice"),
        ('[{"a": {"b": 1, "c": 2, "b": 3}}]', "'b' stands there twice"),
        ('{"\\u001b": 1, "\\u001b": 1}', r"'\\x1b' stands there twice"),
        ("[NaN]", "NaN is no number"),
        ("[Infinity]", "Infinity is no number"),
        ("[1e400]", "1e400 is too large"),
        ("[-1e400]", "-1e400 is too large"),
        ("[1.5" + "0" * 400 + "e400]", "is too large"),
        ("[" * 200_000, "deeper than 32 levels"),
        ("{", "Expecting"),
        ("", "Expecting"),
    ],
)
def test_what_has_more_than_one_meaning_is_refused(text, words):
    with pytest.raises(ValueError, match=words) as caught:
        read_json(text)
    assert len(str(caught.value)) < 200
