"""By what a face is known wherever something of it is kept: its photograph's content, its place."""

import hashlib

DIGEST = 32
"""Bytes of a SHA-256."""


def content_digest(content: bytes) -> bytes:
    """Compute the SHA-256 of a photograph's file or of a crop's pixels, by which it is known."""
    return hashlib.sha256(content).digest()


def face_key(digest: bytes, face: int = 0, crop: str = "") -> bytes:
    """Name a face by its photograph's SHA-256; of another than the largest, 0, its place follows.

    A store that holds faces of one crop leaves the crop out: its file belongs to one embedder and
    one crop. Where there are several, the place and the crop follow always.
    """
    if crop:
        return digest + face.to_bytes(4, "big") + crop.encode()
    return digest if face == 0 else digest + face.to_bytes(4, "big")


def split_key(key: bytes) -> tuple[bytes, int]:
    """Return the SHA-256 of the photograph, and the face's place, of a key without a crop."""
    return key[:DIGEST], int.from_bytes(key[DIGEST:], "big")
