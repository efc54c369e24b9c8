"""Several faces in one photograph: rows say how many and which, and a list may ask for others."""

import hashlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lpel_serving import Explainer
from lpel_serving.batch.results import rows_with_several_faces
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.batch.store.kept import KeptFace, kept_embeddings
from lpel_serving.images.found import nothing
from lpel_serving.support.errors import PairsError
from support import bright, tiny
from support.batch import make_job, read_results, run_here, write_csv, write_parquet, write_pictures
from support.bright import BrightSquares

PAIRS = {
    "reference": ["one.png", "one.png", "two.png", "two.png", "one.png", "dark.png"],
    "test": ["two.png", "two.png", "two.png", "one.png", "two.png", "two.png"],
    "reference_face": ["", "0", "0", "1", "", ""],
    "test_face": ["", "1", "1", "", "7", " 0 "],
}
CHOICES = [(None, None), (0, 1), (0, 1), (1, None)]
LARGE, SMALL = [4, 6, 36, 38], [50, 20, 66, 36]
FACES = [name for role in ("reference", "test") for name in (f"{role}_faces", f"{role}_box")]


@pytest.fixture(autouse=True)
def plugin(tmp_path, monkeypatch):
    bright.install(tmp_path / "plugins", monkeypatch)


@pytest.fixture
def photographs(tmp_path):
    """The folder with a photograph of one, of two, and of nobody."""
    for name, picture in (("one", bright.ONE), ("two", bright.TWO), ("dark", bright.photograph())):
        bright.save(tmp_path / f"{name}.png", picture)
    return tmp_path


@pytest.fixture(scope="module")
def engine(tiny_bundle):
    return Explainer.load(tiny_bundle, crop=BrightSquares())


def numbers(texts):
    return pa.array([int(text) if text.strip() else None for text in texts], pa.int16())


def of_csv(folder):
    return write_csv(folder / "pairs.csv", PAIRS)


def of_parquet(folder):
    """With bytes of files, which are read in other portions than the faces."""
    images = {
        name: pa.array([(folder / one).read_bytes() for one in PAIRS[name]], pa.binary())
        for name in ("reference", "test")
    }
    faces = {name: numbers(PAIRS[name]) for name in ("reference_face", "test_face")}
    return write_parquet(folder / "pairs.parquet", images | faces, row_group_size=2)


@pytest.mark.parametrize("write", [of_csv, of_parquet])
@pytest.mark.parametrize("method", [None, "occlusion"])
def test_rows_are_of_the_faces_that_the_list_asks_for(
    write, method, photographs, tiny_bundle, engine, tmp_path
):
    settings = BatchSettings(method)
    job = make_job(
        tiny_bundle, write(photographs), tmp_path / "out", crop=bright.NAME, settings=settings
    )
    done = run_here(job)
    assert (done.rows, done.errors) == (6, 2)
    assert done.images == 5  # one.png, two.png by its two faces and by one it has not, dark.png
    rows = read_results(tmp_path / "out")
    for row, choice, pair in zip(rows, CHOICES, zip(*PAIRS.values(), strict=True), strict=False):
        files = [tmp_path / name for name in pair[:2]]
        expected = engine.explain(*files, faces=choice)
        assert row["similarity"] == np.float32(expected.similarity)
        for role, found in zip(("reference", "test"), expected.found, strict=True):
            box = found.box
            assert row[f"{role}_faces"] == found.count
            assert row[f"{role}_face"] == found.taken
            assert row[f"{role}_box"] == [box.left, box.top, box.right, box.bottom]
    assert [row["test_box"] for row in rows[:3]] == [LARGE, SMALL, SMALL]
    assert rows[1]["test_sha256"] == rows[0]["test_sha256"]


def test_a_face_that_is_not_there_is_a_row_that_says_so(photographs, tiny_bundle, tmp_path):
    job = make_job(tiny_bundle, of_csv(photographs), tmp_path / "out", crop=bright.NAME)
    run_here(job)
    *_, absent, dark = read_results(tmp_path / "out")
    assert absent["code"] == "face"
    assert absent["message"].startswith("test: ")
    assert "face 7 was asked for, and 2 were found" in absent["message"]
    assert [absent[name] for name in FACES] == [1, [20, 20, 36, 36], None, None]
    assert dark["code"] == "no_face"
    assert [dark[name] for name in FACES] == [None, None, 2, LARGE]


def test_without_columns_the_largest_is_taken_and_the_rows_say_of_how_many(
    photographs, tiny_bundle, tmp_path
):
    pairs = write_csv(tmp_path / "pairs.csv", {"reference": ["one.png"], "test": ["two.png"]})
    run_here(make_job(tiny_bundle, pairs, tmp_path / "out", crop=bright.NAME))
    (row,) = read_results(tmp_path / "out")
    assert [row[name] for name in FACES] == [1, [20, 20, 36, 36], 2, LARGE]
    assert (row["reference_face"], row["test_face"]) == (0, 0)


def test_the_rows_about_several_faces_are_counted(photographs, tiny_bundle, tmp_path):
    run_here(make_job(tiny_bundle, of_csv(photographs), tmp_path / "out", crop=bright.NAME))
    assert rows_with_several_faces(tmp_path / "out") == 5  # not where no such face was found
    columns = {"reference": ["one.png", "one.png"], "test": ["one.png", "two.png"]}
    pairs = write_csv(tmp_path / "two.csv", columns)
    run_here(make_job(tiny_bundle, pairs, tmp_path / "two", crop=bright.NAME))
    assert rows_with_several_faces(tmp_path / "two") == 1
    run_here(make_job(tiny_bundle, pairs, tmp_path / "whole", crop="none"))
    assert rows_with_several_faces(tmp_path / "whole") is None


def test_where_no_face_is_looked_for_the_columns_are_null(tiny_bundle, tmp_path):
    write_pictures(tmp_path, 2)
    columns = {"reference": ["face_00.png"], "test": ["face_01.png"], "test_face": [""]}
    run_here(make_job(tiny_bundle, write_csv(tmp_path / "pairs.csv", columns), tmp_path / "out"))
    (row,) = read_results(tmp_path / "out")
    assert row["status"] == "ok"
    assert {row[name] for name in [*FACES, "reference_face", "test_face"]} == {None}


def test_a_search_takes_the_faces_that_its_lists_ask_for(photographs, tiny_bundle, tmp_path):
    probes = write_csv(tmp_path / "probes.csv", {"image": ["two.png"], "image_face": ["1"]})
    columns = {"image": ["two.png", "two.png", "one.png"], "image_face": ["0", "1", ""]}
    gallery = write_csv(tmp_path / "gallery.csv", columns)
    job = make_job(tiny_bundle, probes, tmp_path / "out", gallery=gallery, crop=bright.NAME)
    assert run_here(job).images == 3
    rows = read_results(tmp_path / "out")
    assert {tuple(row["test_box"]) for row in rows} == {tuple(SMALL)}
    assert tuple(LARGE) in {tuple(row["reference_box"]) for row in rows}


@pytest.mark.parametrize("face", ["-1", "1.5", "left", "²", "99999999999"])
def test_what_is_no_place_of_a_face_is_refused_with_its_row(face, photographs, tiny_bundle):
    columns = {"reference": ["one.png"] * 2, "test": ["two.png"] * 2, "test_face": ["1", face]}
    pairs = write_csv(photographs / "pairs.csv", columns)
    job = make_job(tiny_bundle, pairs, photographs / "out", crop=bright.NAME)
    with pytest.raises(PairsError, match=r"row 1 \(from 0\): the column test_face holds"):
        run_here(job)


def test_faces_of_another_type_in_parquet_are_refused(photographs, tiny_bundle):
    columns = {"reference": ["one.png"], "test": ["two.png"], "test_face": [True]}
    pairs = write_parquet(photographs / "pairs.parquet", columns)
    job = make_job(tiny_bundle, pairs, photographs / "out", crop=bright.NAME)
    with pytest.raises(PairsError, match="the column test_face is of bool; expected whole num"):
        run_here(job)


@pytest.mark.parametrize("what", ["photographs", "embeddings"])
def test_faces_are_refused_where_none_are_looked_for(what, photographs, tiny_bundle):
    images = ["one.png"] if what == "photographs" else [[1.0] * tiny.DIMENSION]
    columns = {"reference": images, "test": images, "test_face": [0]}
    pairs = write_parquet(photographs / "pairs.parquet", columns)
    crop = "none" if what == "photographs" else bright.NAME
    job = make_job(tiny_bundle, pairs, photographs / "out", crop=crop)
    with pytest.raises(PairsError, match="test_face asks for faces of the column test, and"):
        run_here(job)


@pytest.mark.parametrize(
    "text",
    [
        (
            "reference, note, reference_face, test\n"
            'two.png, "Anna, 1, Bob", 0, one.png\ntwo.png, "a", 1, one.png\n'
        ),
        (
            'reference, "note", "reference_face", test\n'
            'two.png, "two\nlines, 1,", 0, one.png\ntwo.png, "a", 1, one.png\n'
        ),
        (
            "reference,note,reference_face,test\n"
            'two.png,"two\nlines, 1,",0,one.png\ntwo.png,a,1,one.png\n'
        ),
    ],
    ids=["commas", "lines", "unspaced"],
)
def test_faces_of_csv_are_those_of_their_rows(text, photographs, tiny_bundle, tmp_path):
    pairs = photographs / "pairs.csv"
    pairs.write_text(text)
    run_here(make_job(tiny_bundle, pairs, tmp_path / "out", crop=bright.NAME))
    assert [row["reference_box"] for row in read_results(tmp_path / "out")] == [LARGE, SMALL]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_faces_are_read_as_pandas_writes_whole_numbers_of_which_some_are_missing(
    suffix, photographs, tiny_bundle, tmp_path
):
    columns = {"reference": ["two.png"] * 3, "test": ["one.png"] * 3}
    table = pd.DataFrame(columns | {"reference_face": [0.0, 1.0, float("nan")]})
    pairs = photographs / f"pairs.{suffix}"
    table.to_csv(pairs, na_rep="NaN") if suffix == "csv" else table.to_parquet(pairs)
    run_here(make_job(tiny_bundle, pairs, tmp_path / "out", crop=bright.NAME))
    found = [row["reference_box"] for row in read_results(tmp_path / "out")]
    assert found == [LARGE, SMALL, LARGE]


def test_a_float_in_parquet_that_is_no_place_of_a_face_is_refused(photographs, tiny_bundle):
    columns = {"reference": ["one.png"], "test": ["two.png"], "test_face": [0.5]}
    pairs = write_parquet(photographs / "pairs.parquet", columns)
    job = make_job(tiny_bundle, pairs, photographs / "out", crop=bright.NAME)
    with pytest.raises(PairsError, match=r"row 0 \(from 0\): the column test_face holds '0.5'"):
        run_here(job)


def test_kept_embeddings_are_of_one_face_each_and_what_was_found_is_kept_too(
    photographs, tiny_bundle, tmp_path
):
    pairs, kept = of_csv(photographs), tmp_path / "kept"
    results = []
    for turn in ("first", "second"):
        job = make_job(tiny_bundle, pairs, tmp_path / turn, crop=bright.NAME, kept=kept)
        done = run_here(job)
        assert (done.known, done.embedded) == ((0, 3) if turn == "first" else (3, 0))
        results.append(read_results(tmp_path / turn))
    assert results[0] == results[1]


def test_what_was_kept_before_faces_were_is_made_again(photographs, tiny_bundle, tmp_path):
    """A file of an earlier version knows nothing of faces: it is completed, not believed."""
    digest = hashlib.sha256((photographs / "two.png").read_bytes()).digest()
    manifest = Explainer.load(tiny_bundle).manifest
    of = manifest.files["embedder.onnx"].sha256, f"{bright.NAME}, on cpu", tiny.DIMENSION
    with kept_embeddings(tmp_path / "kept", *of) as kept:
        kept.put({digest: KeptFace(np.ones(tiny.DIMENSION, np.float32), nothing(1)[0])})
    pairs = write_csv(tmp_path / "pairs.csv", {"reference": ["two.png"], "test": ["two.png"]})
    job = make_job(tiny_bundle, pairs, tmp_path / "out", crop=bright.NAME, kept=tmp_path / "kept")
    assert run_here(job).known == 0
    (row,) = read_results(tmp_path / "out")
    assert [row[name] for name in FACES] == [2, LARGE] * 2
