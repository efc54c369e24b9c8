"""Bodies whose length or coding is declared wrongly, or twice."""

import gzip
import json
import zlib

from support.hostile_requests import (
    CLOSE,
    FORM_TYPE,
    HUNG_UP,
    JSON_TYPE,
    TEXTS,
    WHOLE,
    Hostile,
    get,
    post,
)

CHUNKED = "Transfer-Encoding: chunked"
LAST = b"0\r\n\r\n"


def chunk(data: bytes, size: bytes | None = None) -> bytes:
    return (b"%x" % len(data) if size is None else size) + b"\r\n" + data + b"\r\n"


GOOD = chunk(WHOLE) + LAST
BYTE_BY_BYTE = b"".join(chunk(bytes([byte])) for byte in WHOLE) + LAST
TRAILERS = b"0\r\n" + b"X: y\r\n" * 100_000 + b"\r\n"
SMUGGLED = LAST + get("/livez")
BOTH_LENGTHS = (CHUNKED, f"Content-Length: {len(SMUGGLED)}")

WRONG_LENGTHS = ("-1", "+1", "0x10", "1e3", "1.0", "5, 6", "1_0", "a", "9" * 30, "9" * 5000)
WRONG_SIZES = (b"zz", b"-5", b"0x5", b"5", b"f" * 21, b"", b" 5", b"+5", b"5;" + b"a" * 99_999)
WRONG_CODINGS = ("gzip", "identity", "chunked, chunked", "xchunked", "chunked, gzip", "\x0bchunked")
COMPRESSED = (
    ("gzip", gzip.compress(WHOLE)),
    ("deflate", zlib.compress(WHOLE)),
    ("br", WHOLE),
    ("identity, gzip", gzip.compress(WHOLE)),
    ("gzip, gzip", gzip.compress(gzip.compress(WHOLE))),
    ("gzip;q=1", WHOLE),
)


def form(body: bytes, *headers: str, length: str | None = None) -> bytes:
    return post(body, FORM_TYPE, *headers, length=length)


def chunked(body: bytes, *headers: str) -> bytes:
    return form(body, *(headers or (CHUNKED,)), CLOSE, length="")


LENGTHS: dict[str, Hostile] = {
    "a length too short": (lambda: form(WHOLE, length=str(len(WHOLE) - 9)), (400,)),
    "no length": (lambda: form(b"", CLOSE, length=""), (400,)),
    "two lengths": (lambda: form(b"abcdef", "Content-Length: 3"), (400,)),
    "chunks and a length": (lambda: chunked(SMUGGLED, *BOTH_LENGTHS), (400,)),
    "a length and chunks": (lambda: chunked(SMUGGLED, *BOTH_LENGTHS[::-1]), (400,)),
    "chunks": (lambda: chunked(GOOD), (200,)),
    "a chunk for each byte": (lambda: chunked(BYTE_BY_BYTE), (HUNG_UP, 200)),
    "chunks that end in the middle": (lambda: chunked(chunk(WHOLE[:90]) + LAST), (400,)),
    "trailers without end": (lambda: chunked(chunk(WHOLE) + TRAILERS), (HUNG_UP, 400)),
    "a coding with a space": (lambda: chunked(GOOD, "Transfer-Encoding : chunked"), (400,)),
    "compressed JSON": (
        lambda: post(zlib.compress(json.dumps(TEXTS).encode()), JSON_TYPE),
        (400,),
    ),
    **{
        f"the length {length[:9]}": (lambda length=length: form(b"a", length=length), (400, 413))
        for length in WRONG_LENGTHS
    },
    **{
        f"a chunk of size {size[:9]!r}": (lambda size=size: chunked(chunk(WHOLE, size)), (400,))
        for size in WRONG_SIZES
    },
    **{
        f"the coding {name}": (
            lambda name=name: chunked(GOOD, f"Transfer-Encoding: {name}"),
            (400,),
        )
        for name in WRONG_CODINGS
    },
    **{
        f"compressed with {name}": (
            lambda name=name, body=body: form(body, f"Content-Encoding: {name}"),
            (415,),
        )
        for name, body in COMPRESSED
    },
}
