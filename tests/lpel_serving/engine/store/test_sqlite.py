"""A store in a file gives back the arrays that were put in, of keys that all its tables know."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from lpel_serving.engine.store.sqlite import Field, SqliteStore

FIELDS = {"a": Field(np.float16, (2, 3)), "b": Field(np.uint8, (4,))}
ROW = {"b": np.arange(4), "a": np.arange(6).reshape(2, 3) / 8}  # in any order and type
BOTH = {"things": FIELDS, "more": {"c": Field(np.int32, ())}}
WHOLE = ROW | {"c": np.array(7)}


class FileError(Exception):
    """What the stores of these tests raise."""


def opened(path, tables, *, forgiving=False):
    base = sqlite3.connect(path)
    return closing(SqliteStore(base, "name", tables, FileError, forgiving=forgiving))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.sqlite"


def spoil(path):
    with closing(sqlite3.connect(path)) as base, base:
        base.execute("INSERT INTO things VALUES (?, ?, ?)", (b"bad", "text", 3))


@pytest.mark.parametrize(
    ("tables", "row"), [({"things": FIELDS}, ROW), (BOTH, WHOLE)], ids=["one table", "two"]
)
def test_arrays_are_given_back_as_they_were_put_in(path, tables, row):
    with opened(path, tables) as store:
        store.put({b"x": row})
    with opened(path, tables) as store:
        found = store.get([b"x", b"y"])
    assert found.keys() == {b"x"}
    assert found[b"x"].keys() == row.keys()
    for fields in tables.values():
        for name, field in fields.items():
            np.testing.assert_array_equal(found[b"x"][name], row[name])
            assert found[b"x"][name].dtype == field.dtype


def test_a_row_of_which_a_table_has_no_part_is_unknown_until_it_is_put_in_again(path):
    with opened(path, {"things": FIELDS}) as store:
        store.put({b"x": ROW})
    with opened(path, BOTH) as store:
        assert store.get([b"x"]) == {}
        store.put({b"x": WHOLE})
        assert store.get([b"x"]).keys() == {b"x"}


def test_all_rows_are_stored_or_none(path):
    with opened(path, BOTH) as store:
        with pytest.raises(KeyError):
            store.put({b"x": WHOLE, b"y": ROW})
        assert store.get([b"x"]) == {}


def test_a_damaged_row_is_complained_about(path):
    with opened(path, {"things": FIELDS}) as store:
        spoil(path)
        with pytest.raises(FileError):
            store.get([b"bad"])


def test_a_damaged_row_is_unknown_where_that_is_forgiven(path):
    with opened(path, {"things": FIELDS}, forgiving=True) as store:
        spoil(path)
        assert store.get([b"bad"]) == {}
        store.put({b"bad": ROW})
        assert store.get([b"bad"]).keys() == {b"bad"}


def test_what_is_no_database_is_complained_about(path):
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(FileError), opened(path, BOTH):
        pass


def test_two_stores_may_share_a_file(path):
    kinds = {name: {name: {"v": Field(np.uint8, (n,))}} for n, name in enumerate(("p", "q"), 1)}
    with opened(path, kinds["p"]) as one, opened(path, kinds["q"]) as two:
        one.put({b"x": {"v": np.arange(1)}})
        two.put({b"x": {"v": np.arange(2)}})
        assert len(one.get([b"x"])[b"x"]["v"]) == 1
        assert len(two.get([b"x"])[b"x"]["v"]) == 2
