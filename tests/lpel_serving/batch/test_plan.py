"""From lists to shards and distinct images."""

import math

import numpy as np
import pyarrow as pa
import pytest

from lpel_serving.batch.input.lists import Lists
from lpel_serving.batch.plan import make_plan, read_plan
from lpel_serving.batch.store.by_number import GIVEN, NO_IMAGE
from lpel_serving.batch.store.folder import IMAGES_IN_CHUNK, Places
from lpel_serving.batch.store.kept import KeptFace, kept_embeddings
from lpel_serving.images.found import nothing
from lpel_serving.support.arrow import read_table
from lpel_serving.support.errors import PairsError
from support import tiny
from support.batch import pair_up, write_csv, write_parquet, write_pictures


def plan(folder, rows, gallery=None, most=100, kept=None, images=None, needs_images=False):
    places = Places(folder / "out")
    lists = Lists(rows, gallery, images)
    made = make_plan(
        lists, places, most, tiny.DIMENSION, kept, lambda _: None, needs_images=needs_images
    )
    assert read_plan(places) == made
    return made, places


def vectors(rows, dimension=tiny.DIMENSION):
    return pa.array(rows, pa.list_(pa.float32(), dimension))


def test_each_distinct_image_has_one_number_in_all_shards(tmp_path, pictures):
    pictures[1].write_bytes(pictures[0].read_bytes())
    made, places = plan(tmp_path, write_csv(tmp_path / "l.csv", pair_up(pictures, 36)), most=10)
    assert [shard.rows for shard in made.shards] == [10, 10, 10, 6]
    assert (made.images, made.known, made.chunks) == (5, 0, 1)
    tables = [read_table(places.rows(shard)) for shard in range(4)]
    named = {
        (row[role], row[f"{role}_number"])
        for table in tables
        for row in table.to_pylist()
        for role in ("reference", "test")
    }
    assert sorted(named) == [
        (f"face_{i:02d}.png", number) for i, number in enumerate([0, 0, 1, 2, 3, 4])
    ]
    assert len(read_table(places.images(0))) == 5
    assert not (places.work / "distinct.sqlite").exists()


def test_images_fill_chunks(tmp_path):
    n = 2 * IMAGES_IN_CHUNK + 3
    data = pa.array([f"face {i}".encode() for i in range(n)])
    path = write_parquet(tmp_path / "l.parquet", {"reference": data, "test": data})
    made, places = plan(tmp_path, path)
    assert made.chunks == 3
    sizes = [len(read_table(places.images(chunk))) for chunk in range(3)]
    assert sizes == [IMAGES_IN_CHUNK, IMAGES_IN_CHUNK, 3]
    images = pa.concat_tables(read_table(places.images(chunk)) for chunk in range(3))
    assert images["data"].to_pylist() == data.to_pylist()


def test_known_images_are_in_chunks_of_their_own(tmp_path, pictures):
    rows = write_csv(tmp_path / "l.csv", pair_up(pictures, 36))
    _, places = plan(tmp_path, rows)
    first = read_table(places.images(0))["digest"][2].as_py()
    vector = np.arange(tiny.DIMENSION, dtype=np.float32)
    with kept_embeddings(tmp_path / "kept", "embedder", "none", tiny.DIMENSION) as kept:
        kept.put({first: KeptFace(vector, nothing(1)[0])})
        made, places = plan(tmp_path, rows, kept=kept)
    assert (made.images, made.known, made.chunks) == (6, 1, 2)
    (known,) = [chunk for chunk in range(2) if places.embeddings(chunk).exists()]
    assert read_table(places.images(known))["digest"].to_pylist() == [first]
    assert read_table(places.embeddings(known))["embedding"].to_pylist() == [vector.tolist()]


def test_missing_images_are_rows_with_an_error(tmp_path, pictures):
    columns = {"reference": ["face_00.png", "none.png", ""], "test": ["none.png"] * 3}
    made, places = plan(tmp_path, write_csv(tmp_path / "l.csv", columns))
    assert (made.images, made.shards[0].rows) == (1, 3)
    table = read_table(places.rows(0))
    assert table["reference_number"].to_pylist() == [0, NO_IMAGE, NO_IMAGE]
    first, second, third = table["reference_error"].to_pylist()
    assert first is None
    assert second == f"{tmp_path}/none.png cannot be read: No such file or directory."
    assert third == "there is no image in this row."


def test_embeddings_that_rows_bring_are_taken_as_they_are(tmp_path):
    good = np.arange(12, dtype=np.float32).reshape(2, 6)
    bad = [math.nan, *range(5)], [math.inf, *range(5)], [0.0] * 6, None
    columns = {
        "reference": vectors([good[0].tolist(), *bad, good[1].tolist()]),
        "test": vectors([good[1].tolist()] * 6),
    }
    made, places = plan(tmp_path, write_parquet(tmp_path / "l.parquet", columns))
    assert (made.images, made.chunks) == (0, 0)
    table = read_table(places.rows(0))
    assert table["reference_number"].to_pylist() == [GIVEN, *[NO_IMAGE] * 4, GIVEN + 1]
    assert table["test_number"].to_pylist() == [GIVEN + 2 + i for i in range(6)]
    assert [one is None for one in table["reference_error"].to_pylist()] == [1, 0, 0, 0, 0, 1]
    given = np.fromfile(places.given, "<f4").reshape(-1, 6)
    np.testing.assert_array_equal(given[:2], good)


@pytest.mark.parametrize("kind", [pa.list_(pa.float64()), pa.list_(pa.float32(), 6)], ids=str)
def test_a_column_without_any_embedding_is_rows_with_errors(tmp_path, kind):
    columns = {"reference": pa.nulls(3, kind), "test": vectors([[1.0] * 6] * 3)}
    made, places = plan(tmp_path, write_parquet(tmp_path / "l.parquet", columns))
    assert made.shards[0].rows == 3
    assert read_table(places.rows(0))["reference_number"].to_pylist() == [NO_IMAGE] * 3


def test_embeddings_of_another_network_are_refused(tmp_path):
    columns = {name: vectors([[1.0] * 5], 5) for name in ("reference", "test")}
    path = write_parquet(tmp_path / "l.parquet", columns)
    with pytest.raises(PairsError, match="reference have 5 features; those of this bundle have 6"):
        plan(tmp_path, path)
    assert read_plan(Places(tmp_path / "out")) is None


def test_embeddings_are_refused_where_images_are_needed(tmp_path):
    columns = {name: vectors([[1.0] * 6]) for name in ("reference", "test")}
    path = write_parquet(tmp_path / "l.parquet", columns)
    with pytest.raises(PairsError, match="look at the images themselves"):
        plan(tmp_path, path, needs_images=True)


def test_a_shard_is_named_by_its_rows_and_what_is_in_their_images(tmp_path, pictures):
    columns = {"pair_id": list("abcdef"), **pair_up(pictures, 6)}  # face_00 with each

    def names(columns):
        made, _ = plan(tmp_path, write_csv(tmp_path / "l.csv", columns), most=2)
        return [shard.inputs for shard in made.shards]

    def changed(now):
        return [a != b for a, b in zip(before, now, strict=True)]

    before = names(columns)
    assert len(set(before)) == 3
    assert names(columns) == before
    assert changed(names({**columns, "pair_id": list("abcdeg")})) == [False, False, True]
    write_pictures(tmp_path, 1, first=7)
    (tmp_path / "face_07.png").rename(pictures[2])
    assert changed(names(columns)) == [False, True, False]
    pictures[2].unlink()
    assert changed(names(columns)) == [False, True, False]


def test_a_shard_is_named_alike_wherever_its_images_are(tmp_path, pictures):
    columns = pair_up([*pictures, tmp_path / "none.png"], 7)
    rows = write_csv(tmp_path / "l.csv", columns)
    before, _ = plan(tmp_path, rows)
    write_pictures(tmp_path / "else")
    after, _ = plan(tmp_path, rows, images=tmp_path / "else")
    assert after == before


def test_the_shards_of_a_search_hang_on_its_gallery(tmp_path, pictures):
    probes = write_csv(tmp_path / "probes.csv", {"image": ["face_00.png", "face_01.png"]})
    gallery = tmp_path / "gallery"
    write_pictures(gallery, 3)
    before, places = plan(tmp_path, probes, gallery, most=1)
    assert before.images == 3
    assert read_table(places.gallery)["identifier"].to_pylist() == [
        f"face_{i:02d}.png" for i in range(3)
    ]
    write_pictures(gallery, 1, first=9)
    after, _ = plan(tmp_path, probes, gallery, most=1)
    assert after.images == 4
    assert not {one.inputs for one in after.shards} & {one.inputs for one in before.shards}
