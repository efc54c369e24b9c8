"""Keys of faces in stores: the SHA-256 of the photograph, and the face's index."""

import hashlib

DIGEST = 32
"""Bytes of a SHA-256."""


def content_digest(content: bytes) -> bytes:
    """Compute the SHA-256 of a photograph's file or of a crop's pixels, its key."""
    return hashlib.sha256(content).digest()


def face_key(digest: bytes, face: int = 0, crop: str = "") -> bytes:
    """Return a face's key: its photograph's SHA-256, and its index unless it is 0, the largest.

    A store for a single crop leaves the crop out: its file belongs to one embedder and one crop. If
    a crop is given, the index and the crop always follow.
    """
    if crop:
        return digest + face.to_bytes(4, "big") + crop.encode()
    return digest if face == 0 else digest + face.to_bytes(4, "big")


def split_key(key: bytes) -> tuple[bytes, int]:
    """Return the SHA-256 of the photograph and the face's index, of a key without a crop."""
    return key[:DIGEST], int.from_bytes(key[DIGEST:], "big")
