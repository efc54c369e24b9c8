"""What hypothesis draws for more than one room: settings, seeds, vectors, maps, damaged bytes."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

few = settings(max_examples=60, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)
numbers = st.floats(-1e6, 1e6, width=32)
maps = arrays.arrays(
    np.float32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=numbers
)


def vectors(count: int) -> st.SearchStrategy[np.ndarray]:
    """Float32, shape (count, D)."""
    shapes = st.integers(1, 12).map(lambda dimension: (count, dimension))
    return arrays.arrays(np.float32, shapes, elements=numbers)


def damaged(data: st.DataObject, whole: bytes) -> bytes:
    """Bytes with a few of them altered, and perhaps the end cut off."""
    altered = bytearray(whole)
    # Headers and graphs stand at the beginning or the end, so those are hit as often as the rest.
    edge = min(60, len(whole) - 1)
    place = (
        st.integers(0, len(whole) - 1)
        | st.integers(0, edge)
        | st.integers(len(whole) - 1 - edge, len(whole) - 1)
    )
    for at, value in data.draw(st.lists(st.tuples(place, st.integers(0, 255)), max_size=4)):
        altered[at] = value
    return bytes(altered[: data.draw(st.just(len(whole)) | st.integers(0, len(whole)))])
