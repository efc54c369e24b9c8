"""Forms that are broken, misleading, or made to do harm."""

import json

from support.hostile_requests import (
    BOTH,
    END,
    FACES,
    FORM_TYPE,
    JSON_TYPE,
    LINE,
    TEXTS,
    Hostile,
    file,
    form,
    part,
    post,
    text,
)

WRONG_TEXTS = (
    ("crop", "../../etc/passwd"),
    ("crop", "-0.5"),
    ("crop", "nan"),
    ("crop", "1e-400"),
    ("crop", "inf"),
    ("crop", "x" * 41),
    ("method", "lpel_serving.methods.decoded.lpel:Lpel"),
    ("method", "'; DROP TABLE methods; --"),
    ("method", "x" * 4000),
    ("p", "0"),
    ("p", "1e999"),
    ("epsilon", "nan"),
    ("epsilon", "1"),
    ("epsilon", "-1"),
    ("epsilon", "0,5"),
    ("seed", "-1"),
    ("seed", "9" * 400),
    ("seed", "0x10"),
    ("seed", ""),
    ("include", "mask,everything"),
    ("include", "mask," * 800),
    ("arrays", "pickle"),
)


def _forms() -> dict[str, Hostile]:
    disposition = b'Content-Disposition: form-data; name="reference"; filename="x"'
    nested = part(BOTH + END, b"Content-Type: multipart/mixed; boundary=a", disposition)
    return {
        "no type": (lambda: post(BOTH + END), (415,)),
        "an empty type": (lambda: form(BOTH, kind="Content-Type: "), (415,)),
        "another type": (lambda: form(BOTH, kind="Content-Type: text/plain"), (415,)),
        "a type of 8 kB": (lambda: form(BOTH, kind="Content-Type: " + "x" * 8000), (415,)),
        "two types": (lambda: post(BOTH + END, JSON_TYPE, FORM_TYPE), (400, 415)),
        "urlencoded": (
            lambda: post(b"reference=a&test=b", "Content-Type: application/x-www-form-urlencoded"),
            (415,),
        ),
        "multipart/mixed": (
            lambda: form(BOTH, kind=FORM_TYPE.replace("form-data", "mixed")),
            (415,),
        ),
        "no boundary": (lambda: form(BOTH, kind="Content-Type: multipart/form-data"), (400,)),
        "an empty boundary": (lambda: form(BOTH, kind=FORM_TYPE.replace(LINE, "")), (400,)),
        "another boundary": (lambda: form(BOTH, kind=FORM_TYPE.replace(LINE, "b")), (400,)),
        "a boundary of 10 kB": (lambda: form(BOTH, kind=FORM_TYPE + "b" * 10_000), (400,)),
        "a boundary in letters of its own": (
            lambda: form(BOTH, kind=FORM_TYPE.replace(LINE, "\xe4\xff\x80")),
            (400,),
        ),
        "an open quote": (lambda: form(BOTH, kind=FORM_TYPE.replace("=", '="')), (400,)),
        "JSON called a form": (lambda: post(json.dumps(TEXTS).encode(), FORM_TYPE), (400,)),
        "nothing": (lambda: post(b"", FORM_TYPE), (400,)),
        "an empty form": (form, (400, 422)),
        "17 parts": (lambda: form(BOTH, *(text(f"a{n}", b"b") for n in range(15))), (400,)),
        "10,000 parts": (lambda: form(*(text(f"a{n}", b"b") for n in range(10_000))), (400,)),
        "10,000 ends": (lambda: form(BOTH, END * 10_000), (200, 400)),
        "text of 10 MB": (lambda: form(BOTH, text("crop", b"0" * 10_000_000)), (400,)),
        "an image as text": (lambda: form(text("reference", FACES["test"])), (400, 422)),
        "17 MB": (lambda: form(file("reference", bytes(17_000_000))), (413,)),
        "no end": (lambda: form(BOTH, end=b""), (400,)),
        "half an end": (lambda: form(BOTH, end=END[:8]), (400,)),
        "an end without its dashes": (lambda: form(BOTH, end=END[:-4] + b"\r\n"), (400,)),
        "something before": (lambda: form(b"preamble\r\n", BOTH), (400,)),
        "a form in a form": (lambda: form(nested, file("test", FACES["test"])), (400, 422)),
        "a part without headers": (lambda: form(BOTH, part(b"a")), (400,)),
        "a part without a name": (
            lambda: form(BOTH, part(b"a", b"Content-Disposition: form-data")),
            (400,),
        ),
        "an empty name": (lambda: form(BOTH, text("", b"a")), (400,)),
        "an attachment": (
            lambda: form(BOTH, part(b"a", b'Content-Disposition: attachment; name="crop"')),
            (400,),
        ),
        "a header of 1 MB": (
            lambda: form(BOTH, part(b"a", b"X: " + b"y" * 1_000_000, disposition)),
            (400,),
        ),
        "100,000 headers": (lambda: form(part(b"a", *[b"X: y"] * 100_000, disposition)), (400,)),
        "a header without a colon": (lambda: form(part(b"a", b"nonsense", disposition)), (400,)),
        "a NUL in a header": (
            lambda: form(part(b"a", b"X\0: y", disposition)),
            (400,),
        ),
        "a broken disposition": (
            lambda: form(part(b"a", b'Content-Disposition: form-data; name="reference')),
            (400, 422),
        ),
        "two images in one field": (
            lambda: form(file("reference", FACES["reference"]), file("reference", FACES["test"])),
            (400,),
        ),
        "three images": (lambda: form(BOTH, file("third", FACES["test"])), (422,)),
        "two crops": (lambda: form(BOTH, text("crop", b"none"), text("crop", b"0.5")), (400,)),
        "one image": (lambda: form(file("reference", FACES["reference"])), (422,)),
        "an empty image": (
            lambda: form(file("reference", b""), file("test", FACES["test"])),
            (422,),
        ),
        "an unknown field": (lambda: form(BOTH, text("colour", b"red")), (422,)),
        "a field of Python's": (lambda: form(BOTH, text("__class__", b"red")), (422,)),
        "text that is not UTF-8": (lambda: form(BOTH, text("crop", b"\xff\xfe")), (400,)),
        "text with a NUL": (lambda: form(BOTH, text("method", b"lpel\0")), (422,)),
        **{
            f"{field} is {value!a}": (
                lambda field=field, value=value: form(BOTH, text(field, value.encode())),
                (422,),
            )
            for field, value in WRONG_TEXTS
        },
    }


FORMS = _forms()
