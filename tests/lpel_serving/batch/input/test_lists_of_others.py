"""Lists as other programs write them: pandas, Polars, Spark, Ray and spreadsheets."""

import uuid

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import dataset

from lpel_serving.batch.input.lists import read_rows
from lpel_serving.batch.input.rows import LISTED, PAIR
from lpel_serving.support.errors import PairsError
from support import tiny
from support.batch import (
    make_job,
    pair_up,
    read_results,
    run_here,
    tree,
    write_csv,
    write_parquet,
    write_pictures,
)  # fmt: skip

NAMES = ["a.png", "b.png", None, "a.png"]
IDS = [uuid.UUID(int=7), None, uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), uuid.UUID(int=1)]


def read(path, columns=PAIR, most=10_000):
    return list(read_rows(path, columns, None, most))


def named(path, most=10_000):
    """The identifiers and the references of a list of pairs."""
    pieces = read(path, most=most)
    ids = [one for rows in pieces for one in rows.identifiers]
    return ids, [one for rows in pieces for one in rows.columns["reference"].names]


def by_pandas(path):
    text = pd.Categorical(NAMES)
    pd.DataFrame({"reference": text, "test": text}).to_parquet(path)


def by_polars(path):
    categories, several = pl.Categorical, pl.Enum(["a.png", "b.png", "c.png"])
    table = {
        "reference": pl.Series(NAMES, dtype=categories),
        "test": pl.Series(NAMES, dtype=several),
    }
    pl.DataFrame(table).write_parquet(path)


def by_arrow_of_views(path):
    write_parquet(path, {name: pa.array(NAMES, pa.string_view()) for name in PAIR})


def by_arrow_of_large_categories(path):
    kind = pa.dictionary(pa.int64(), pa.large_string())
    write_parquet(path, {name: pa.array(NAMES).cast(kind) for name in PAIR})


@pytest.mark.parametrize(
    "write", [by_pandas, by_polars, by_arrow_of_views, by_arrow_of_large_categories]
)
def test_categories_are_the_texts_that_they_are_of(write, tmp_path):
    path = tmp_path / "pairs.parquet"
    write(path)
    (rows,) = read(path)
    for name in PAIR:
        assert rows.columns[name].names == NAMES
        assert rows.columns[name].images[1] == tmp_path / "b.png"
        assert rows.columns[name].images[2] is None


@pytest.mark.parametrize(
    "kind", [pa.binary_view(), pa.dictionary(pa.int32(), pa.binary())], ids=str
)
def test_files_are_read_from_columns_of_every_kind(kind, tmp_path):
    data = pa.array([b"one", None, b"two"]).cast(kind)
    (rows,) = read(write_parquet(tmp_path / "x.parquet", dict.fromkeys(PAIR, data)))
    assert rows.columns["test"].images == [b"one", None, b"two"]


def test_images_whose_parts_are_in_another_order_and_beside_others(tmp_path):
    images = [{"path": "a.png", "width": 3, "bytes": None}, {"path": None, "bytes": b"x"}, None]
    column = pa.array(images, pa.struct([
        ("path", pa.large_string()), ("width", pa.int8()), ("bytes", pa.large_binary()),
    ]))  # fmt: skip
    (rows,) = read(write_parquet(tmp_path / "x.parquet", dict.fromkeys(PAIR, column)))
    assert rows.columns["test"].images == [tmp_path / "a.png", b"x", None]


def test_embeddings_may_be_tensors(tmp_path):
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    tensors = pa.FixedShapeTensorArray.from_numpy_ndarray(values)
    (rows,) = read(write_parquet(tmp_path / "x.parquet", dict.fromkeys(PAIR, tensors)))
    np.testing.assert_array_equal(rows.columns["test"].embeddings, values)


def identifiers_of(column, path):
    return named(write_parquet(path, {"pair_id": column, "reference": NAMES, "test": NAMES}))[0]


@pytest.mark.parametrize(
    "kind", [pa.binary(), pa.binary(16), pa.large_binary(), pa.uuid()], ids=str
)
def test_binary_uuids_name_pairs_as_people_write_them(kind, tmp_path):
    column = pa.array([one and one.bytes for one in IDS], kind)
    found = identifiers_of(column, tmp_path / "x.parquet")
    assert found == [str(IDS[0]), "1", str(IDS[2]), str(IDS[3])]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([7, None, 0, -1]), ["7", "1", "0", "-1"]),
        (pa.array([7.0, None, 0, 3]), ["7", "1", "0", "3"]),
        (pa.array([b"pair 00000000001", b"b", None, b"d"]), ["pair 00000000001", "b", "2", "d"]),
        (pa.array(["x", "y", None, "x"]).dictionary_encode(), ["x", "y", "2", "x"]),
        (pa.array([5, 6, None, 5]).dictionary_encode(), ["5", "6", "2", "5"]),
        (pa.array(["x", None, "z", ""], pa.string_view()), ["x", "1", "z", ""]),
        (pa.nulls(4), ["0", "1", "2", "3"]),
    ],
    ids=["numbers", "floats", "binary texts", "categories", "of numbers", "views", "nulls"],
)
def test_pairs_are_named_by_whatever_names_them(column, expected, tmp_path):
    assert identifiers_of(column, tmp_path / "x.parquet") == expected


@pytest.mark.parametrize("column", [pa.array([b"\xff"] * 4), pa.array([[1]] * 4)], ids=str)
def test_what_names_no_pair_is_refused(column, tmp_path):
    with pytest.raises(PairsError, match=r"pair_id is of .+; expected what names a row"):
        identifiers_of(column, tmp_path / "x.parquet")


@pytest.mark.parametrize("name", ["pairs.pq", "pairs.parq", "PAIRS.PQ"])
def test_short_names_of_parquet(name, tmp_path):
    path = write_parquet(tmp_path / name, {one: ["a.png"] for one in PAIR})
    assert named(path) == (["0"], ["a.png"])


def write_parts(folder, columns, sizes):
    """Write a list as Spark does, its rows cut into parts."""
    folder.mkdir()
    table = pa.table(columns)
    for number, size in enumerate(sizes):
        first = sum(sizes[:number])
        name = f"part-{number:05d}-3f2b-c000.snappy.parquet"
        write_parquet(
            folder / name,
            table.slice(first, size).to_pydict()
            if size == 0
            else dict(zip(table.column_names, table.slice(first, size).columns, strict=True)),
        )
        (folder / f".{name}.crc").write_bytes(b"crc\0")
    (folder / "_SUCCESS").write_bytes(b"")
    (folder / "_temporary").mkdir()
    write_parquet(folder / "_temporary" / "part-00000.parquet", {"unfinished": [1]})
    return folder


def test_a_folder_of_parts_is_one_list(tmp_path):
    names = [f"{i}.png" for i in range(23)]
    columns = {"reference": names, "test": names}
    folder = write_parts(tmp_path / "list.parquet", columns, [7, 1, 10, 5])
    assert named(folder) == ([str(i) for i in range(23)], names)
    assert [len(rows.identifiers) for rows in read(folder, most=10)] == [10, 10, 3]
    assert read(folder)[0].columns["test"].images[0] == tmp_path / "0.png"


def test_parts_of_key_value_folders_are_read(tmp_path):
    rows = pa.table({"reference": ["a.png", "b.png"], "test": ["c.png"] * 2, "split": ["x", "y"]})
    dataset.write_dataset(
        rows, tmp_path / "list", format="parquet", partitioning=["split"],
        partitioning_flavor="hive",
    )  # fmt: skip
    assert named(tmp_path / "list")[1] == ["a.png", "b.png"]


def test_parts_may_differ_in_what_means_the_same_and_in_nothing_else(tmp_path):
    folder = tmp_path / "list"
    folder.mkdir()
    write_parquet(folder / "0.parquet", {"reference": ["a.png"], "test": pa.nulls(1)})
    write_parquet(
        folder / "1.parquet",
        {"pair_id": [8], "test": ["b.png"], "reference": pa.array(["c.png"]).dictionary_encode()},
    )
    (rows,) = read(folder)
    assert (rows.identifiers, rows.columns["reference"].names) == (["0", "8"], ["a.png", "c.png"])
    assert rows.columns["test"].names == [None, "b.png"]
    write_parquet(folder / "2.parquet", {"reference": [b"file"], "test": ["b.png"]})
    with pytest.raises(PairsError, match=r"2.parquet: the column reference .+ of .+0.parquet"):
        read(folder)
    write_parquet(folder / "2.parquet", {"reference": ["a.png"]})
    with pytest.raises(PairsError, match=r"2.parquet has no column test"):
        read(folder)


def test_a_folder_of_photographs_stays_one_whatever_lies_beside_them(tmp_path):
    write_pictures(tmp_path / "people", 2)
    write_parquet(tmp_path / "people" / "metadata.parquet", {"file_name": ["x"]})
    (rows,) = read(tmp_path / "people", LISTED)
    assert rows.identifiers == ["face_00.png", "face_01.png"]


def test_parts_are_a_job_and_a_gallery(tmp_path, pictures, tiny_bundle):
    pairs = write_parts(tmp_path / "pairs", pair_up(pictures, 12), [5, 0, 7])
    job = make_job(tiny_bundle, pairs, tmp_path / "out")
    assert (run_here(job).rows, run_here(job).errors) == (12, 0)
    before = tree(job.out)
    write_parquet(pairs / "part-00009.parquet", pair_up(pictures, 1))
    with pytest.raises(OSError, match="the list changed"):
        run_here(job)
    assert tree(job.out) == before
    listed = {"image": pa.array([path.name for path in pictures]).dictionary_encode()}
    gallery = write_parts(tmp_path / "gallery", listed, [2, 4])
    probes = write_parquet(tmp_path / "probes.pq", {"image": [pictures[0].read_bytes()]})
    search = make_job(tiny_bundle, probes, tmp_path / "found", gallery=gallery)
    done = run_here(search)
    assert (done.rows, done.in_gallery, done.errors) == (5, 1, 0)


def test_a_search_of_embeddings_in_parts(tmp_path, tiny_bundle):
    vectors = list(np.random.default_rng(0).normal(size=(6, tiny.DIMENSION)).astype(np.float32))
    gallery = write_parts(tmp_path / "gallery", {"image": vectors}, [1, 5])
    done = run_here(make_job(tiny_bundle, gallery, tmp_path / "out", gallery=gallery))
    assert (done.rows, done.errors, done.in_gallery) == (30, 0, 6)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffreference,test\r\na b.png,c d.png\r\ne.png,f.png\r\n",
        "\ufeffreference,test\ra b.png,c d.png\re.png,f.png\r",
        "reference , test\n a b.png , c d.png\n e.png,  f.png\n",
        'reference, test\n"a b.png", "c d.png"\ne.png, f.png\n',
        '"reference","test"\r\n"a b.png","c d.png"\r\n"e.png","f.png"',
    ],
    ids=["CRLF", "CR", "blanks", "blanks and quotes", "quotes"],
)
def test_csv_of_every_hand(text, tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_bytes(text.encode())
    (rows,) = read(path)
    assert rows.columns["reference"].names == ["a b.png", "e.png"]
    assert rows.columns["test"].images == [tmp_path / "c d.png", tmp_path / "f.png"]


def test_blanks_of_a_file_s_own_name_are_kept(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("reference,test\n a.png,b.png \n")
    assert read(path)[0].columns["reference"].names == [" a.png"]
    assert read(path)[0].columns["test"].names == ["b.png "]


URLS = {
    "s3": "s3://bucket/b.jpg", "gs": "gs://b/c.jpg", "https": "https://example.org/a.jpg?x=1",
    "hdfs": "hdfs://node/a.jpg", "file": "file:///a.jpg", "dbfs": "dbfs:/mnt/a.jpg",
    "data": "data:image/png;base64,AAAA",
}  # fmt: skip


@pytest.mark.parametrize("scheme", URLS)
def test_images_by_urls_are_refused_once_and_before_anything_is_embedded(
    scheme, tmp_path, pictures, tiny_bundle
):
    pairs = pair_up(pictures, 36)
    pairs["test"][30] = pairs["reference"][35] = URLS[scheme]
    for path in (
        write_csv(tmp_path / "pairs.csv", pairs), write_parquet(tmp_path / "pairs.parquet", pairs),
    ):  # fmt: skip
        out = tmp_path / f"out {path.suffix}"
        with pytest.raises(PairsError) as refusal:
            run_here(make_job(tiny_bundle, path, out))
        message = str(refusal.value)
        assert message.startswith(f"{path} names 2 images by URLs (2 by {scheme}:)")
        assert "download them first" in message
        assert not list(out.glob("*.parquet"))
        assert not (out / "_lpel" / "work" / "embeddings").exists()
        write_csv(path, pair_up(pictures, 2)) if path.suffix == ".csv" else write_parquet(
            path, pair_up(pictures, 2)
        )
        assert run_here(make_job(tiny_bundle, path, out)).rows == 2  # the list was mended


def test_urls_of_a_gallery_are_refused_and_counted_by_their_kinds(tmp_path, pictures, tiny_bundle):
    names = [pictures[0].name, URLS["s3"], URLS["https"], URLS["s3"]]
    gallery = write_csv(tmp_path / "gallery.csv", {"image": names})
    probes = write_csv(tmp_path / "probes.csv", {"image": names[:1]})
    with pytest.raises(PairsError, match=r"names 3 images by URLs \(2 by s3:, 1 by https:\)"):
        run_here(make_job(tiny_bundle, probes, tmp_path / "out", gallery=gallery))


def test_a_url_beside_the_bytes_of_a_file_is_its_name(tmp_path, pictures, tiny_bundle):
    images = [{"bytes": path.read_bytes(), "path": URLS["s3"]} for path in pictures[:2]]
    path = write_parquet(tmp_path / "x.parquet", dict.fromkeys(PAIR, images))
    done = run_here(make_job(tiny_bundle, path, tmp_path / "out"))
    assert (done.rows, done.errors) == (2, 0)
    assert {row["test"] for row in read_results(tmp_path / "out")} == {URLS["s3"]}


def test_names_that_only_look_like_urls_are_paths(tmp_path, pictures, tiny_bundle):
    (tmp_path / "12:30").mkdir()
    pictures[0].rename(tmp_path / "12:30" / "a.png")
    pairs = {"reference": ["12:30/a.png"], "test": [pictures[1].name]}
    done = run_here(make_job(tiny_bundle, write_csv(tmp_path / "p.csv", pairs), tmp_path / "out"))
    assert (done.rows, done.errors) == (1, 0)
