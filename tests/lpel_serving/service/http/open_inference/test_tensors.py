"""Tensors on the wire: what goes out comes back, and nothing is bent to fit."""

import json
import re

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from lpel_serving.service.http.messages.problems import Problem
from lpel_serving.service.http.open_inference.tensors import (
    DATATYPES,
    binary_size,
    from_binary,
    from_json,
    to_binary,
    to_json,
)

some = settings(max_examples=200, deadline=None, derandomize=True)


@st.composite
def tensors(draw, finite=True):
    name = draw(st.sampled_from(sorted(DATATYPES)))
    dtype = DATATYPES[name]
    elements = {"allow_nan": False, "allow_infinity": False} if finite and dtype.kind == "f" else {}
    shape = draw(npst.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=4))
    return name, draw(npst.arrays(dtype, shape, elements=npst.from_dtype(dtype, **elements)))


def written(array: np.ndarray) -> str:
    return orjson.dumps(to_json(array), option=orjson.OPT_SERIALIZE_NUMPY).decode()


@some
@given(tensors())
def test_json_gives_back_every_bit(tensor):
    name, array = tensor
    again = from_json(json.loads(written(array)), name, array.shape)
    assert again.dtype == array.dtype
    assert again.shape == array.shape
    assert again.tobytes() == array.tobytes()


@some
@given(tensors())
def test_nested_lists_are_the_same_as_flat_ones(tensor):
    name, array = tensor
    nested = array.tolist() if array.ndim else [array.item()]
    assert from_json(nested, name, array.shape).tobytes() == array.tobytes()


@some
@given(tensors(finite=False))
def test_bytes_give_back_every_bit(tensor):
    name, array = tensor
    data = to_binary(array, name)
    assert len(data) == binary_size(name, array.shape)
    again = from_binary(data, name, array.shape)
    assert again.dtype == array.dtype
    assert again.tobytes() == array.tobytes()


def test_bytes_are_little_endian_and_row_by_row():
    rows = np.array([[1, 2], [3, 4]], ">u2").T
    assert to_binary(rows, "UINT16") == bytes([1, 0, 3, 0, 2, 0, 4, 0])
    assert from_binary(bytes([1, 0, 0, 1]), "UINT16", (2,)).tolist() == [1, 256]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=12,
)
shapes = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 3), max_size=5).map(tuple)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(values, st.sampled_from([*sorted(DATATYPES), "BYTES", "BF16", ""]), shapes)
def test_whatever_data_are_given_is_refused_in_one_way_or_taken(outcome, data, datatype, shape):
    array = outcome(lambda: from_json(data, datatype, shape))
    if isinstance(array, Problem):
        assert array.status == 400
    else:
        assert array.dtype == DATATYPES[datatype]
        assert array.shape == shape
        flat = np.array(data, object).reshape(-1).tolist()
        if array.dtype.kind != "f":
            assert array.reshape(-1).tolist() == flat


@some
@given(st.binary(max_size=40), st.sampled_from(sorted(DATATYPES)), shapes)
def test_whatever_bytes_are_given_are_refused_in_one_way_or_fit(outcome, data, datatype, shape):
    array = outcome(lambda: from_binary(data, datatype, shape))
    if isinstance(array, Problem):
        assert array.status == 400
    else:
        assert array.nbytes == len(data) == binary_size(datatype, shape)


@pytest.mark.parametrize(
    ("datatype", "data", "complaint"),
    [
        ("UINT8", [256], "range of UINT8"),
        ("UINT8", [-1], "range of UINT8"),
        ("INT8", [128], "range of INT8"),
        ("UINT64", [2**64], "range of UINT64"),
        ("INT64", [-(2**63) - 1], "range of INT64"),
        ("UINT8", [1.0], "such as 1 and not 1.0 for UINT8, received a fraction"),
        ("UINT8", [True], "received true or false"),
        ("UINT8", ["1"], "received text"),
        ("UINT8", [None], "received null"),
        ("UINT8", [{}], "received an object"),
        ("FP16", [65520], "range of FP16"),
        ("FP32", [1e39], "range of FP32"),
        ("FP64", [10**400], "range of FP64"),
        ("FP32", [False], "received true or false"),
        ("BOOL", [1], "true or false for BOOL, received a whole number"),
        ("BYTES", ["text"], "received 'BYTES'"),
        ("float32", [1.5], "received 'float32'"),
        ("UINT8", 7, "a list as data, received a whole number"),
        ("UINT8", {"0": 7}, "a list as data, received an object"),
        ("UINT8", [], "received 0"),
        ("UINT8", [1, 2], "takes 1 elements, received 2"),
        ("UINT8", [[7], [7]], "takes 1 rows, received 2"),
        ("UINT8", [[7]], "received a list"),
    ],
)
def test_what_would_have_to_be_bent_is_refused(datatype, data, complaint):
    with pytest.raises(Problem, match=re.escape(complaint)):
        from_json(data, datatype, (1,))


@pytest.mark.parametrize(
    "data", [[[1, 2, 3], [4, 5]], [[1, 2], [3, 4], [5, 6]], [[1, 2, 3], 4], [[[1], [2], [3]]] * 2]
)
def test_lists_nested_otherwise_than_the_shape_are_refused(data):
    with pytest.raises(Problem, match=r"expected|takes"):
        from_json(data, "UINT8", (2, 3))


def test_the_largest_and_the_smallest_are_taken():
    for name, dtype in DATATYPES.items():
        if dtype.kind in "ui":
            ends = [int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)]
            assert from_json(ends, name, (2,)).tolist() == ends


@pytest.mark.parametrize("data", [b"", b"\x00\x01\x00", b"\x00\x01\x02\x01"])
def test_bytes_that_are_no_booleans_are_refused(data):
    with pytest.raises(Problem, match=r"expected|takes"):
        from_binary(data, "BOOL", (4,))


def test_a_tensor_without_elements_is_refused_however_large_its_other_axes():
    for shape in ((0,), (0, 2**63), (2**40, 0, 2**40)):
        with pytest.raises(Problem, match="at least one"):
            from_json([], "FP32", shape)
        with pytest.raises(Problem, match="at least one"):
            from_binary(b"", "FP32", shape)
