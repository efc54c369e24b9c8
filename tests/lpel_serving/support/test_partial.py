"""Keeping what is done of a long computation."""

import numpy as np
import pytest

from lpel_serving.support.errors import OutputError
from lpel_serving.support.partial import Partial

ARRAYS = {
    "similarities": np.random.default_rng(0).random((3, 4)),
    "done": np.array(3),
    "mask": np.array([True, False]),
}


@pytest.fixture
def partial(tmp_path) -> Partial:
    return Partial(tmp_path / "deep" / "work.partial", "these settings")


def test_a_partial_result_is_empty_at_first(partial):
    assert partial.load() is None


def test_a_partial_result_that_is_saved_is_loaded(partial):
    partial.save(ARRAYS)
    received = partial.load()
    assert received.keys() == ARRAYS.keys()
    for name, expected in ARRAYS.items():
        assert received[name].dtype == expected.dtype
        np.testing.assert_array_equal(received[name], expected)


def test_saving_again_replaces_what_was_kept(partial):
    partial.save(ARRAYS)
    partial.save({"done": np.array(7)})
    assert partial.load() == {"done": 7}


def test_nothing_else_is_left_in_the_folder(partial):
    partial.save(ARRAYS)
    partial.save(ARRAYS)
    assert list(partial.path.parent.iterdir()) == [partial.path]


def test_what_was_kept_for_something_else_is_not_used(partial):
    partial.save(ARRAYS)
    assert Partial(partial.path, "other settings").load() is None
    assert partial.load() is not None


@pytest.mark.parametrize("identity", ["", "ünïcode ✓", "a" * 5000, "{'kind': 'test'}\n"])
def test_an_identity_may_be_any_text(tmp_path, identity):
    partial = Partial(tmp_path / "work", identity)
    partial.save(ARRAYS)
    assert partial.load() is not None
    assert Partial(tmp_path / "work", identity + "x").load() is None


def damaged(data: bytes) -> dict[str, bytes]:
    return {
        "empty": b"",
        "short": data[:20],
        "cut": data[:-1],
        "half": data[: len(data) // 2],
        "longer": data + b"\0",
        "changed": data[:100] + bytes([data[100] ^ 1]) + data[101:],
        "other digest": data[:-1] + bytes([data[-1] ^ 1]),
        "something else": b"this is no npz, but it is longer than a digest is",
    }


@pytest.mark.parametrize("how", damaged(bytes(200)))
def test_what_is_damaged_is_not_used(partial, how):
    partial.save(ARRAYS)
    partial.path.write_bytes(damaged(partial.path.read_bytes())[how])
    assert partial.load() is None
    partial.save(ARRAYS)
    assert partial.load() is not None


def test_a_folder_in_its_place_holds_nothing_and_is_not_overwritten(tmp_path):
    partial = Partial(tmp_path, "these settings")
    assert partial.load() is None
    with pytest.raises(OutputError, match="cannot write"):
        partial.save(ARRAYS)


def test_objects_are_not_kept(partial):
    with pytest.raises(ValueError, match=r"[Oo]bject"):
        partial.save({"code": np.array([print], object)})
    assert partial.load() is None
