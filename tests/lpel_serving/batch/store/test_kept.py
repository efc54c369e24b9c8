"""Embeddings that are kept between jobs."""

import hashlib
import math
import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lpel_serving.batch.output.shards import Explaining
from lpel_serving.batch.run import run
from lpel_serving.batch.store.kept import KeptFace, kept_embeddings
from lpel_serving.images.found import nothing
from lpel_serving.support.errors import OutputError, ParameterError
from support import tiny
from support.batch import make_job, pair_up, read_results, run_here, tree, write_csv
from support.batch_rows import Meddling

DIGEST = hashlib.sha256(b"face").digest()
VECTOR = np.arange(tiny.DIMENSION, dtype=np.float32)


def face(vector=VECTOR):
    return KeptFace(vector, nothing(1)[0])


def opened(path, embedder="embedder", crop="none"):
    return kept_embeddings(path, embedder, crop, tiny.DIMENSION)


def write(path, vector, digest=DIGEST):
    """Make a file whose one row has something else for a vector."""
    with opened(path):
        pass
    base = sqlite3.connect(path)
    with base:
        base.execute("INSERT INTO embeddings VALUES (?, ?)", (digest, vector))
    base.close()


@pytest.fixture
def listed(tmp_path, pictures):
    """All pairs of six pictures."""
    return write_csv(tmp_path / "pairs.csv", pair_up(pictures, 36))


@settings(deadline=None)
@given(arrays(np.float32, tiny.DIMENSION, elements=st.floats(width=32, allow_nan=False)))
def test_embeddings_are_found_again_to_the_bit(tmp_path_factory, vector):
    path = tmp_path_factory.mktemp("kept") / "new" / "kept"
    with opened(path) as kept:
        assert kept.get([DIGEST]) == {}
        kept.put({DIGEST: face(vector)})
    with opened(path) as kept:
        found = kept.get([DIGEST])
    if np.isfinite(vector).all() and vector.any():
        assert found[DIGEST].embedding.tobytes() == vector.tobytes()
    else:
        assert found == {}


def test_all_embeddings_are_added_or_none(tmp_path):
    class Broken:
        def astype(self, kind):
            raise KeyboardInterrupt

    with opened(tmp_path / "kept") as kept:
        with pytest.raises(KeyboardInterrupt):
            kept.put({DIGEST: face(), bytes(32): face(Broken())})
        assert kept.get([DIGEST]) == {}


@pytest.mark.parametrize("other", [{"embedder": "another"}, {"crop": "0.5"}], ids=str)
def test_a_file_of_another_network_or_crop_is_refused(tmp_path, other):
    path = tmp_path / "kept"
    with opened(path) as kept:
        kept.put({DIGEST: face()})
    before = path.read_bytes()
    with (
        pytest.raises(ParameterError, match=f"{path} holds embeddings of another"),
        opened(path, **other),
    ):
        pass
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "vector",
    [
        b"", VECTOR[:-1].tobytes(), VECTOR.astype(np.float64).tobytes(), None, 7, "a" * 24,
        np.full(tiny.DIMENSION, math.nan, np.float32).tobytes(), bytes(4 * tiny.DIMENSION),
    ],
    ids=["empty", "short", "long", "null", "a number", "text", "NaN", "zeros"],
)  # fmt: skip
def test_what_is_no_embedding_is_not_used(tmp_path, vector):
    write(tmp_path / "kept", vector)
    with opened(tmp_path / "kept") as kept:
        assert kept.get([DIGEST]) == {}
        kept.put({DIGEST: face()})
        np.testing.assert_array_equal(kept.get([DIGEST])[DIGEST].embedding, VECTOR)


def test_what_is_no_file_of_embeddings_is_refused_and_untouched(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("My notes, which are no database. " * 40)
    foreign = tmp_path / "foreign.sqlite"
    base = sqlite3.connect(foreign)
    base.execute("CREATE TABLE people (name TEXT)")
    base.close()
    before = tree(tmp_path)
    for one, word in ((path, "not a database"), (foreign, "holds no embeddings")):
        with pytest.raises(ParameterError, match=word) as refusal, opened(one):
            pass
        assert str(one) in str(refusal.value)
    assert tree(tmp_path) == before


def test_a_damaged_file_of_embeddings_is_refused(tmp_path):
    path = tmp_path / "kept"
    with opened(path) as kept:
        kept.put({hashlib.sha256(bytes([i])).digest(): face() for i in range(200)})
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    with pytest.raises(ParameterError, match="kept cannot be used"), opened(path) as kept:
        kept.get([DIGEST])


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "kept"):
        with pytest.raises(OutputError, match=str(path)), opened(path):
            pass


def test_a_job_embeds_nothing_that_an_earlier_one_embedded(tmp_path, tiny_bundle, listed):
    kept = tmp_path / "kept"
    first = run_here(make_job(tiny_bundle, listed, tmp_path / "first", kept=kept))
    second = run_here(make_job(tiny_bundle, listed, tmp_path / "second", kept=kept))
    assert (first.images, first.known, first.embedded) == (6, 0, 6)
    assert (second.images, second.known, second.embedded) == (6, 6, 0)
    assert read_results(tmp_path / "first") == read_results(tmp_path / "second")


def test_only_images_that_are_new_are_embedded(tmp_path, tiny_bundle, pictures, listed):
    few = write_csv(tmp_path / "few.csv", pair_up(pictures[:2], 4))
    kept = tmp_path / "kept"
    run_here(make_job(tiny_bundle, few, tmp_path / "few", kept=kept))
    some = run_here(make_job(tiny_bundle, listed, tmp_path / "some", kept=kept))
    run_here(make_job(tiny_bundle, listed, tmp_path / "alone"))
    assert (some.known, some.embedded) == (2, 4)
    assert read_results(tmp_path / "some") == read_results(tmp_path / "alone")


def test_images_without_an_embedding_are_not_kept(tmp_path, tiny_bundle, pictures):
    pictures[1].write_bytes(b"no image")
    listed = write_csv(tmp_path / "pairs.csv", pair_up(pictures[:2], 4))
    for out in ("first", "second"):
        done = run_here(make_job(tiny_bundle, listed, tmp_path / out, kept=tmp_path / "kept"))
        assert (done.rows, done.errors) == (4, 3)
    assert done.known == 1


def test_a_job_refuses_embeddings_of_another_crop(tmp_path, tiny_bundle, listed):
    kept = tmp_path / "kept"
    run_here(make_job(tiny_bundle, listed, tmp_path / "first", kept=kept))
    with pytest.raises(ParameterError, match="another crop"):
        run_here(make_job(tiny_bundle, listed, tmp_path / "second", kept=kept, crop="0.5"))
    run_here(make_job(tiny_bundle, listed, tmp_path / "second", crop="0.5"))


def test_a_job_refuses_embeddings_of_another_network(tmp_path, tiny_bundle, listed):
    kept = tmp_path / "kept"
    run_here(make_job(tiny_bundle, listed, tmp_path / "first", kept=kept))
    model = tiny.embedder_model()
    model.doc_string = "another"
    other = tiny.write_bundle(tmp_path / "other", embedder=model.SerializeToString())
    with pytest.raises(ParameterError, match="another network"):
        run_here(make_job(other, listed, tmp_path / "second", kept=kept))


def test_what_is_kept_already_is_not_written_again(tmp_path, tiny_bundle, listed):
    kept = tmp_path / "kept.sqlite"
    for out in ("first", "second"):
        run_here(make_job(tiny_bundle, listed, tmp_path / out, kept=kept))
        with closing(sqlite3.connect(kept)) as base:
            rows = base.execute("SELECT rowid, digest FROM embeddings ORDER BY rowid").fetchall()
        assert len(rows) == len(dict(rows)) == rows[-1][0]


def test_embeddings_are_kept_also_by_a_run_that_only_explains(tmp_path, tiny_bundle, listed):
    def no_more():
        raise KeyboardInterrupt

    job = make_job(tiny_bundle, listed, tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        run(job, Meddling({Explaining: no_more}))
    kept = tmp_path / "kept.sqlite"
    assert run_here(replace(job, kept=kept)).embedded == 0
    again = run_here(replace(job, out=tmp_path / "again", kept=kept))
    assert again.known == again.images > 0
