"""Decompresses request bodies, up to the size limit."""

import zlib

from lpel_serving.service.http.messages.problems import Problem

_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


def inflate(body: bytes, encoding: str | None, limit: int) -> bytes:
    """Undo a `Content-Encoding`.

    Parameters
    ----------
    body
        What was sent.
    encoding
        The header; None if there was none.
    limit
        Largest size when decompressed; no more is ever made.

    Raises
    ------
    Problem
        If the encoding is neither gzip nor deflate, the body is not so encoded, or it is larger.
    """
    name = "identity" if encoding is None else encoding.strip().lower()
    if name == "identity":
        return body
    if name not in _WINDOWS:
        raise Problem(
            415, f"expected the Content-Encoding gzip or deflate, or none; received {name[:40]!a}."
        )
    inflater = zlib.decompressobj(_WINDOWS[name])
    try:
        inflated = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        raise Problem(400, f"the body is not {name}, as its Content-Encoding says.") from error
    if len(inflated) > limit:
        raise Problem(413, f"the body comes to more than {limit:,} bytes: send less at once.")
    if not inflater.eof or inflater.unused_data:
        raise Problem(400, f"expected the body to be one whole {name}, received less or more.")
    return inflated
