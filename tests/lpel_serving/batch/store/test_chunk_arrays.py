"""Arrays by number: read again and again, a few held, files open a while."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lpel_serving.batch.store import chunk_arrays
from lpel_serving.batch.store.chunk_arrays import ChunkArrays
from lpel_serving.batch.store.folder import IMAGES_IN_CHUNK
from lpel_serving.support.errors import OutputError

CHUNKS, SHAPE = 7, (3, 2)


def array_of(number: int) -> np.ndarray:
    return np.arange(6, dtype=np.float32).reshape(SHAPE) + 10 * number


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def arrays(tmp_path):
    found = ChunkArrays(lambda chunk: tmp_path / "arrays" / f"{chunk}", SHAPE)
    for chunk in range(CHUNKS):
        with found.writing(chunk, IMAGES_IN_CHUNK) as put:
            for place in range(IMAGES_IN_CHUNK):
                put(place, array_of(chunk * IMAGES_IN_CHUNK + place))
    return found


@pytest.mark.parametrize("most", [2, 5, 2000])
def test_they_are_the_same_in_any_order_with_few_held_and_few_files_open(most, arrays, monkeypatch):
    monkeypatch.setattr(chunk_arrays, "_OPEN", 2)
    numbers = np.random.default_rng(0).integers(0, CHUNKS * IMAGES_IN_CHUNK, 500).tolist()
    before = open_files()
    with arrays.reading(most) as read:
        for one, other in pairwise(numbers):
            first, second = read(one), read(other)
            np.testing.assert_array_equal(first, array_of(one))
            np.testing.assert_array_equal(second, array_of(other))
            assert open_files() <= before + 2
    assert open_files() == before


def test_what_was_read_last_is_not_read_again(arrays):
    with arrays.reading(2) as read:
        read(0), read(1), read(0), read(2)
        arrays.path(0).write_bytes(b"")
        np.testing.assert_array_equal(read(0), array_of(0))
        np.testing.assert_array_equal(read(2), array_of(2))


def test_a_file_that_is_cut_short_or_gone_is_named(arrays):
    arrays.path(1).write_bytes(arrays.path(1).read_bytes()[:40])
    with arrays.reading(3) as read:
        np.testing.assert_array_equal(read(IMAGES_IN_CHUNK), array_of(IMAGES_IN_CHUNK))
        with pytest.raises(OutputError, match="is damaged: delete"):
            read(IMAGES_IN_CHUNK + 1)
        np.testing.assert_array_equal(read(5), array_of(5))
        np.testing.assert_array_equal(read(6), array_of(6))
        arrays.path(2).unlink()
        with pytest.raises(OutputError, match="cannot read"):
            read(2 * IMAGES_IN_CHUNK)
    with pytest.raises(OutputError, match="cannot read"):
        arrays.read(2 * IMAGES_IN_CHUNK)
