"""Lists of every kind, as they are read, and those that cannot be."""

import os
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from lpel_serving.batch.input.lists import read_rows
from lpel_serving.batch.input.rows import LISTED, PAIR
from lpel_serving.support.errors import PairsError
from support.batch import write_csv, write_lfw, write_parquet, write_pictures

TWO = {"reference": ["a.png", "b.png"], "test": ["b.png", "c.png"]}
HUGGING_FACE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
VECTORS = [[1.0, 2.0], [3.0, 4.0], None]
VECTOR_TYPES = [
    *[pa.list_(real) for real in (pa.float16(), pa.float32(), pa.float64())],
    *[pa.list_(real, 2) for real in (pa.float16(), pa.float32(), pa.float64())],
    pa.large_list(pa.float64()),
]


def read(path, columns=PAIR, images=None, most=10_000):
    return list(read_rows(path, columns, images, most))


def refused(path, *words, columns=PAIR):
    with pytest.raises(PairsError) as refusal:
        read(path, columns)
    message = str(refusal.value)
    assert message.startswith(str(path))
    assert message.endswith(".")
    for word in words:
        assert word in message


def test_csv_names_pairs_by_their_numbers_and_images_beside_the_list(tmp_path):
    (rows,) = read(write_csv(tmp_path / "pairs.csv", TWO))
    assert rows.identifiers == ["0", "1"]
    assert rows.columns["test"].names == ["b.png", "c.png"]
    assert rows.columns["reference"].images == [tmp_path / "a.png", tmp_path / "b.png"]


def test_csv_names_pairs_by_pair_id_where_there_is_one(tmp_path):
    (rows,) = read(write_csv(tmp_path / "pairs.csv", {"pair_id": ["x", ""], **TWO}))
    assert rows.identifiers == ["x", "1"]


def test_rows_are_numbered_on_from_piece_to_piece(tmp_path):
    columns = {name: [f"{i}.png" for i in range(7)] for name in PAIR}
    for path in (
        write_csv(tmp_path / "pairs.csv", columns),
        write_parquet(tmp_path / "pairs.parquet", columns, row_group_size=2),
    ):
        pieces = read(path, most=3)
        assert [list(rows.identifiers) for rows in pieces] == [
            ["0", "1", "2"], ["3", "4", "5"], ["6"],
        ]  # fmt: skip


def test_csv_as_spreadsheets_write_it_is_read(tmp_path):
    path = tmp_path / "pairs.CSV"
    path.write_bytes(b'\xef\xbb\xbfreference,test\r\n"a,1.png",b.png\r\n\r\nc.png,d.png\r\n')
    (rows,) = read(path)
    assert rows.columns["reference"].names == ["a,1.png", "c.png"]


def test_missing_cells_are_no_images_and_cells_too_many_are_left(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("reference,test\na.png\na.png,\na.png,b.png,c.png\n")
    (rows,) = read(path)
    assert rows.columns["test"].images == [None, None, tmp_path / "b.png"]


def test_relative_paths_begin_where_images_says_and_absolute_ones_nowhere(tmp_path):
    path = write_csv(tmp_path / "x.csv", {"reference": ["a.png"], "test": ["/else/b.png"]})
    (rows,) = read(path, images=tmp_path / "other")
    assert rows.columns["reference"].images == [tmp_path / "other" / "a.png"]
    assert str(rows.columns["test"].images[0]) == "/else/b.png"


def test_images_are_found_again_from_another_working_folder(tmp_path, monkeypatch):
    write_csv(tmp_path / "pairs.csv", TWO)
    monkeypatch.chdir(tmp_path)
    (rows,) = read((tmp_path / "pairs.csv").relative_to(tmp_path))
    assert rows.columns["reference"].images[0] == tmp_path / "a.png"


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()], ids=str)
def test_parquet_of_paths(tmp_path, kind):
    columns = {name: pa.array(["a.png", None, ""], kind) for name in PAIR}
    (rows,) = read(write_parquet(tmp_path / "pairs.parquet", columns))
    assert rows.columns["test"].images == [tmp_path / "a.png", None, None]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()], ids=str)
def test_parquet_of_the_bytes_of_files(tmp_path, kind):
    columns = {name: pa.array([b"one", None], kind) for name in PAIR}
    (rows,) = read(write_parquet(tmp_path / "pairs.parquet", columns))
    assert rows.columns["reference"].images == [b"one", None]
    assert rows.columns["reference"].names == [None, None]


def test_parquet_as_hugging_face_writes_images(tmp_path):
    images = [
        {"bytes": b"one", "path": "a.png"},
        {"bytes": None, "path": "b.png"},
        {"bytes": b"three", "path": None},
        {"bytes": None, "path": None},
        None,
    ]
    columns = {name: pa.array(images, HUGGING_FACE) for name in PAIR}
    (rows,) = read(write_parquet(tmp_path / "pairs.parquet", columns))
    assert rows.columns["test"].images == [b"one", tmp_path / "b.png", b"three", None, None]
    assert rows.columns["test"].names == ["a.png", "b.png", None, None, None]


def test_images_without_any_path_are_read(tmp_path):
    images = pa.array([{"bytes": b"one", "path": None}])
    assert images.type.field("path").type == pa.null()
    (rows,) = read(write_parquet(tmp_path / "x.parquet", {"image": images}), LISTED)
    assert rows.columns["image"].images == [b"one"]


@pytest.mark.parametrize("kind", VECTOR_TYPES, ids=str)
def test_parquet_of_embeddings(tmp_path, kind):
    vectors = [one and [np.float16(number) for number in one] for one in VECTORS]
    columns = {name: pa.array(vectors, kind) for name in PAIR}
    (rows,) = read(write_parquet(tmp_path / "pairs.parquet", columns))
    found = rows.columns["reference"].embeddings
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[1, 2], [3, 4], [np.nan, np.nan]])


def test_null_features_are_nan(tmp_path):
    columns = {name: pa.array([[1.0, None], [float("inf"), 2.0]]) for name in PAIR}
    (rows,) = read(write_parquet(tmp_path / "pairs.parquet", columns))
    found = rows.columns["test"].embeddings
    np.testing.assert_array_equal(found, np.array([[1, np.nan], [np.inf, 2]], np.float32))


def test_embeddings_of_other_lengths_or_of_integers_are_refused(tmp_path):
    path = tmp_path / "pairs.parquet"
    refused(write_parquet(path, {name: [[1.0], [1.0, 2.0]] for name in PAIR}), "differ in length")
    refused(write_parquet(path, {name: [[1, 2]] for name in PAIR}), "list<", "floating-point")


def test_pairs_may_be_named_by_integers(tmp_path):
    columns = {"pair_id": pa.array([7, None], pa.int64()), **TWO}
    (rows,) = read(write_parquet(tmp_path / "pairs.parquet", columns))
    assert rows.identifiers == ["7", "1"]


@settings(deadline=None)
@given(
    n=st.integers(1, 60), row_group=st.integers(1, 60), other=st.integers(1, 60),
    most=st.integers(1, 20),
)  # fmt: skip
def test_row_groups_do_not_decide_how_rows_are_cut(tmp_path_factory, n, row_group, other, most):
    folder = tmp_path_factory.mktemp("groups")
    numbers = np.arange(n, dtype=np.float32)
    columns = {
        "pair_id": [f"p{i}" for i in range(n)],
        "reference": pa.array([{"path": f"{i}.png"} for i in range(n)], HUGGING_FACE),
        "test": pa.array([None if i % 5 == 4 else [i] for i in numbers], pa.list_(pa.float32())),
    }
    found = []
    for size in (row_group, other):
        pieces = read(write_parquet(folder / "pairs.parquet", columns, size), most=most)
        assert [len(rows.identifiers) for rows in pieces[:-1]] == [most] * (len(pieces) - 1)
        found.append(
            [
                (
                    list(rows.identifiers),
                    rows.columns["reference"].images,
                    rows.columns["test"].embeddings.tobytes(),
                )
                for rows in pieces
            ]
        )
    assert found[0] == found[1]
    assert [one for ids, _, _ in found[0] for one in ids] == columns["pair_id"]


def test_lfw_pairs_are_read_without_their_count(tmp_path):
    path = write_lfw(tmp_path / "pairs.txt", ["2\t300", "", "Al_Gore\t1\t2", "Al_Gore 1 Bo_Li 13"])
    (rows,) = read(path, images=tmp_path / "lfw")
    assert rows.identifiers == ["Al_Gore 1 2", "Al_Gore 1 Bo_Li 13"]
    assert rows.columns["reference"].names == ["Al_Gore/Al_Gore_0001.jpg"] * 2
    assert rows.columns["test"].images[1] == tmp_path / "lfw/Bo_Li/Bo_Li_0013.jpg"


def test_a_count_takes_no_place_of_a_pair(tmp_path):
    path = write_lfw(tmp_path / "pairs.txt", ["3", *[f"A 1 {i}" for i in range(2, 7)]])
    assert [len(rows.identifiers) for rows in read(path, most=2)] == [2, 2, 1]


@pytest.mark.parametrize(
    "line", ["A 1", "A 1 B 2 3", "A one 2", "A 1 B two", "A 1 " + "9" * 5000, "2 300"]
)
def test_malformed_lines_are_refused(tmp_path, line):
    refused(write_lfw(tmp_path / "pairs.txt", ["2", "A 1 2", line]))


def test_a_folder_is_a_list_of_its_images_without_hidden_ones(tmp_path):
    folder = tmp_path / "people"
    write_pictures(folder / "b", 2)
    write_pictures(folder, 1)
    write_pictures(folder / ".cache", 1)
    (folder / "b" / "face_00.png").rename(folder / "b" / "X.JPEG")
    (folder / ".face.png").write_bytes(b"")
    (folder / "notes.txt").write_text("no image")
    (folder / "folder.png").mkdir()
    (rows,) = read(folder, LISTED)
    assert rows.identifiers == ["b/X.JPEG", "b/face_01.png", "face_00.png"]
    assert rows.columns["image"].images[0] == folder / "b" / "X.JPEG"


def test_names_that_are_no_utf_8_are_written_as_escapes(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    path.write_bytes(b"")
    (rows,) = read(tmp_path, LISTED)
    assert rows.identifiers == [r"caf\udce9.png"]
    assert rows.columns["image"].images == [path]


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("pairs.csv", b"", "no column reference and test; it has none"),
        ("pairs.csv", b"reference;test\na;b\n", "it has reference;test"),
        ("pairs.csv", b"reference,image\na,b\n", "no column test"),
        ("pairs.csv", b"reference,test\n", "lists nothing"),
        ("pairs.csv", b"reference,test,test\na,b,c\n", "more than one column test"),
        ("pairs.csv", b"\x89PNG\r\n\x1a\n\0\0", "can't decode"),
        ("pairs.csv", b"reference,test\n" + b"a" * 200_000, "field larger than"),
        ("pairs.parquet", b"", "cannot be read"),
        ("pairs.parquet", b"PAR1" + b"\0" * 100 + b"PAR1", "cannot be read"),
        ("pairs.txt", b"", "lists nothing"),
        ("pairs.txt", b"10\t300\n", "lists nothing"),
        ("pairs.txt", b"\xff\xfe\0", "can't decode"),
    ],
    ids=[
        "no line", "semicolons", "no test", "no pairs", "two tests", "a picture", "a huge cell",
        "no Parquet", "zeros", "no text", "a count alone", "no UTF-8",
    ],
)  # fmt: skip
def test_what_is_no_list_of_pairs_is_refused(tmp_path, name, content, word):
    path = tmp_path / name
    path.write_bytes(content)
    refused(path, word)


def test_parquet_that_lacks_something_is_refused(tmp_path):
    path = tmp_path / "pairs.parquet"
    refused(write_parquet(path, {"reference": ["a"], "image": ["b"]}), "no column test; it has")
    refused(write_parquet(path, {name: pa.array([], pa.string()) for name in PAIR}), "nothing")
    refused(write_parquet(path, {name: [1, 2] for name in PAIR}), "reference is of int64")
    refused(write_parquet(path, {name: pa.nulls(2) for name in PAIR}), "reference is of null")
    twice = pa.Table.from_arrays([pa.array(["a"])] * 3, ["reference", "reference", "test"])
    parquet.write_table(twice, path)
    refused(path, "more than one column reference")


@pytest.mark.parametrize("part", ["bytes", "path"])
def test_structs_of_something_else_are_refused(tmp_path, part):
    other = {"bytes": b"one", "path": "a.png"} | {part: 3}
    refused(write_parquet(tmp_path / "x.parquet", {name: [other] for name in PAIR}), "is of struct")


@pytest.mark.parametrize("left", [0.1, 0.5, 0.99])
def test_parquet_cut_short_is_refused(tmp_path, left):
    path = write_parquet(tmp_path / "pairs.parquet", TWO)
    data = path.read_bytes()
    path.write_bytes(data[: int(left * len(data))])
    refused(path, "cannot be read")


@settings(deadline=None)
@given(place=st.integers(0, 4000), value=st.integers(0, 255))
def test_parquet_with_a_byte_altered_is_read_or_refused(tmp_path_factory, place, value):
    columns = {name: [f"{name} {i}.png" for i in range(40)] for name in PAIR}
    path = write_parquet(tmp_path_factory.mktemp("altered") / "pairs.parquet", columns)
    data = bytearray(path.read_bytes())
    data[place % len(data)] = value
    path.write_bytes(data)
    with suppress(PairsError):
        read(path, most=16)


def test_a_folder_or_nothing_at_all_is_no_list_of_pairs(tmp_path):
    refused(tmp_path, "Is a directory")
    refused(tmp_path / "none.csv", "No such file")
    (tmp_path / "folder.parquet").mkdir()
    refused(tmp_path / "folder.parquet", "cannot be read")
    refused(write_lfw(tmp_path / "probes.txt", ["a.png"]), "neither a folder", columns=LISTED)
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "lists nothing", columns=LISTED)
