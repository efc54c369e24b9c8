"""JSON that is broken, misleading, or made to do harm."""

import json
from typing import Any

from support.hostile_requests import JSON_TYPE, TEXTS, Hostile, document, members, post

WRONG_VALUES: tuple[tuple[str, Any], ...] = (
    ("reference", None),
    ("reference", 1),
    ("reference", ["a"]),
    ("reference", {"base64": "a"}),
    ("crop", 0.5),
    ("crop", ["none"]),
    ("method", True),
    ("method", {"name": "lpel"}),
    ("epsilon", "0.5"),
    ("epsilon", None),
    ("epsilon", [0.5]),
    ("seed", 1.5),
    ("seed", "1"),
    ("seed", True),
    ("seed", -1),
    ("seed", 2**64),
    ("p", "0.3"),
    ("p", -1.0),
    ("include", "mask"),
    ("include", {"mask": True}),
    ("include", [None]),
    ("include", ["mask"] * 7),
    ("arrays", None),
    ("arrays", 3),
)


def _documents() -> dict[str, Hostile]:
    whole = json.dumps(TEXTS)
    reference = TEXTS["reference"]
    return {
        "no JSON": (lambda: post(b"reference", JSON_TYPE), (400,)),
        "half JSON": (lambda: post(whole[:-5].encode(), JSON_TYPE), (400,)),
        "an empty body": (lambda: post(b"", JSON_TYPE), (400,)),
        "a list": (lambda: post(b"[]", JSON_TYPE), (400,)),
        "null": (lambda: post(b"null", JSON_TYPE), (400,)),
        "two documents": (lambda: post(whole.encode() * 2, JSON_TYPE), (400,)),
        "a key twice": (lambda: members('"crop": "none", "crop": "0.5"'), (400,)),
        "an image twice": (lambda: members(f'"test": "{reference}"'), (400,)),
        "33 levels": (lambda: members(f'"p": {"[" * 33}{"]" * 33}'), (400,)),
        "10,000 levels": (lambda: members(f'"p": {"[" * 10_000}{"]" * 10_000}'), (400,)),
        "10,000 objects": (lambda: members(f'"p": {"{" * 10_000}'), (400,)),
        "a million lists": (lambda: members(f'"p": [{"[]," * 1_000_000}[]]'), (400,)),
        "10,000 fields": (
            lambda: members(", ".join(f'"a{n}": 0' for n in range(10_000))),
            (400,),
        ),
        "900 fields": (lambda: members(", ".join(f'"a{n}": 0' for n in range(900))), (422,)),
        "NaN": (lambda: members('"epsilon": NaN'), (400,)),
        "Infinity": (lambda: members('"p": Infinity'), (400,)),
        "-Infinity": (lambda: members('"p": -Infinity'), (400,)),
        "1e999": (lambda: members('"p": 1e999'), (400,)),
        "a number of 100,000 digits": (lambda: members(f'"seed": {"9" * 100_000}'), (400,)),
        "a number of 4,000 digits": (lambda: members(f'"seed": {"9" * 4000}'), (422,)),
        "a fraction of 100,000 digits": (lambda: members(f'"p": 0.{"9" * 100_000}'), (422,)),
        "a number with a zero before": (lambda: members('"seed": 01'), (400,)),
        "half a character": (lambda: document(crop="\ud800"), (422,)),
        "half a character as a key": (lambda: document(**{"\udfff": 1}), (422,)),
        "half a character as an image": (lambda: document(reference="\ud800"), (422,)),
        "a NUL": (lambda: document(crop="none\0"), (422,)),
        "a raw NUL": (lambda: members('"crop": "\0"'), (400,)),
        "a comment": (lambda: members('"crop": "none" // here'), (400,)),
        "a comma too many": (lambda: members('"crop": "none",'), (400,)),
        "UTF-16": (lambda: post(whole.encode("utf-16"), JSON_TYPE), (400,)),
        "UTF-32": (lambda: post(whole.encode("utf-32"), JSON_TYPE), (400,)),
        "UTF-7": (
            lambda: post(whole.encode("utf-7"), JSON_TYPE + "; charset=utf-7"),
            (400, 422),
        ),
        "a byte-order mark": (lambda: post(b"\xef\xbb\xbf" + whole.encode(), JSON_TYPE), (400,)),
        "too long UTF-8": (lambda: post(whole.encode() + b"\xc0\x80", JSON_TYPE), (400,)),
        "a data: address": (
            lambda: document(reference=f"data:image/png;base64,{reference}"),
            (422,),
        ),
        "base64 with a space": (lambda: document(reference=f" {reference}"), (200,)),
        "base64 in lines": (
            lambda: document(reference=f"{reference[:60]}\n{reference[60:]}"),
            (200,),
        ),
        "base64 cut": (lambda: document(reference=reference[:-5]), (422,)),
        "base64 padded twice": (lambda: document(reference=reference + "===="), (200, 422)),
        "base64 for addresses": (lambda: document(reference="-_-_" + reference), (422,)),
        "base64 of nothing": (lambda: document(reference=""), (422,)),
        "an address": (lambda: document(reference="http://127.0.0.1/a.png"), (422,)),
        "a file": (lambda: document(reference="file:///etc/passwd"), (422,)),
        "no images": (lambda: post(b"{}", JSON_TYPE), (422,)),
        "an unknown field of JSON": (lambda: document(colour="red"), (422,)),
        "17 MB of JSON": (lambda: document(crop="0" * 17_000_000), (413,)),
        **{
            f"{field} is {value!r}": (
                lambda field=field, value=value: document(**{field: value}),
                (422,),
            )
            for field, value in WRONG_VALUES
        },
    }


DOCUMENTS = _documents()
