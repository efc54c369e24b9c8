"""One name for a face in an image, by which it is numbered and kept."""

DIGEST = 32
"""Bytes of a SHA-256."""


def face_key(digest: bytes, face: int) -> bytes:
    """Name a face by its image's SHA-256; of another than the largest, 0, its place comes after."""
    return digest if face == 0 else digest + face.to_bytes(4, "big")


def split_key(key: bytes) -> tuple[bytes, int]:
    """Return the SHA-256 of the image, and the place of the face."""
    return key[:DIGEST], int.from_bytes(key[DIGEST:], "big")
