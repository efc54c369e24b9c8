"""Mutating valid bytes, from seeds: what a parser must take from anybody."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")

Mutation = Callable[[bytes, bytes, np.random.Generator], bytes]

_TELLING = (b"\0", b"\xff", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80", b"\r\n", b"--", b'"')


def mutants(seeds: Sequence[bytes], number: int, seed: int = 0) -> Iterator[bytes]:
    """Yield so many mutants of valid inputs, each changed one to four times."""
    rng = np.random.default_rng(seed)
    for _ in range(number):
        data, other = (seeds[place] for place in rng.integers(len(seeds), size=2))
        for place in rng.integers(len(MUTATIONS), size=rng.integers(1, 5)):
            data = MUTATIONS[place](data, other, rng)
        yield data


def outcome(
    work: Callable[[], T], *errors: type[Exception]
) -> tuple[T, None] | tuple[None, Exception]:
    """Do some work; return its result, or which of some errors it raised."""
    try:
        return work(), None
    except errors as error:
        return None, error


def _cut(data: bytes, rng: np.random.Generator) -> tuple[int, int]:
    """Two places in order."""
    low, high = sorted(rng.integers(0, len(data) + 1, size=2).tolist())
    return low, high


def flip(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Flip a few bits."""
    changed = bytearray(data)
    for place in rng.integers(0, max(1, len(data)), size=rng.integers(1, 9)):
        if place < len(changed):
            changed[place] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def overwrite(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Write what often means something over a place."""
    word = _TELLING[rng.integers(len(_TELLING))]
    place = int(rng.integers(0, len(data) + 1))
    return data[:place] + word + data[place + len(word) :]


def insert(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Put random bytes somewhere."""
    place = int(rng.integers(0, len(data) + 1))
    return data[:place] + rng.bytes(int(rng.integers(1, 17))) + data[place:]


def drop(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Leave a stretch out."""
    low, high = _cut(data, rng)
    return data[:low] + data[high:]


def truncate(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Break off."""
    return data[: int(rng.integers(0, len(data) + 1))]


def repeat(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Say a short stretch several times."""
    low, high = _cut(data, rng)
    high = min(high, low + 64)
    return data[:low] + data[low:high] * int(rng.integers(2, 9)) + data[high:]


def splice(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Begin with one input and end with another."""
    return data[: _cut(data, rng)[0]] + other[_cut(other, rng)[0] :]


MUTATIONS: tuple[Mutation, ...] = (flip, overwrite, insert, drop, truncate, repeat, splice)
