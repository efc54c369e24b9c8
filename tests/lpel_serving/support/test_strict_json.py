import json

import orjson
import pytest

from lpel_serving.support import strict_json
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


class TestQuickParser:
    """The quick parser refuses what Python's own, made strict, refuses."""

    LONG = b" " * strict_json._SMALL_BYTES

    @pytest.mark.parametrize("blanks", [b"", LONG], ids=["small", "large"])
    @pytest.mark.parametrize(
        "text",
        [
            b'{"a": 1, "a": 1}',
            b'[{"a": {"b": 1, "c": 2, "b": 3}}]',
            rb'{"a": 1, "\u0061": 1}',
            rb'{"a": 1, "a": 1, "b": "\u003a"}',
            rb'{"a\\": 1, "a\\": ":"}',
            rb'{"a\"": 1, "a\"": 2}',
            b"[NaN]",
            b"[Infinity]",
            b"[1e400]",
            b"[-1e400]",
            b"[" * 33 + b"]" * 33,
            b'{"a":' * 33 + b"1" + b"}" * 33,
            b"[" * 100_000,
            b"[" + b"9" * 5000 + b"]",
            b"",
            b"{",
            b"[01]",
            b'"\xff"',
            b"\xef\xbb\xbf{}",
        ],
    )
    def test_what_has_more_than_one_meaning_is_refused(self, text, blanks):
        with pytest.raises(ValueError, match=r".") as caught:
            read_json(text + blanks, orjson.loads)
        assert len(str(caught.value)) < 200

    @pytest.mark.parametrize("blanks", [b"", LONG], ids=["small", "large"])
    @pytest.mark.parametrize(
        "text",
        [
            rb'{"a": ":", "b:": "\":", "c\\": ["\\\":\\", {":": ":"}], "d": "\u003a"}',
            b'{"a": [1, 2.5, -1e3, true, null, "\xc3\xa9\\u00e9"], "b": {"a": {}}}',
            b"[" * 32 + b"]" * 32,
            b"[18446744073709551615, -9223372036854775808, 0.1, 1e308]",
            b'{"a": 1, "b": {"a": 1}}',
        ],
    )
    def test_what_has_one_meaning_is_read(self, text, blanks):
        assert read_json(text + blanks, orjson.loads) == json.loads(text)

    def test_of_a_small_one_it_is_said_which_key_stands_there_twice(self):
        with pytest.raises(ValueError, match="'a' stands there twice"):
            read_json(b'{"a": 1, "a": 1}', orjson.loads)
