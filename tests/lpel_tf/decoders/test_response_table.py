"""What the response decoder is trained on: measured once, kept, the same in any company."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as pillow

from lpel_serving.bundle.manifest import EmbedderRecord
from lpel_serving.engine.embedder import Embedder
from lpel_serving.equations.fill import Fill
from lpel_serving.images.crops import CentreCrop
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.support.errors import EmbeddingError, ImageError, NoFaceError, ParameterError
from lpel_serving.support.image_shape import square as square_shape
from lpel_tf.decoders.response_table import ResponseTable, TableSettings, measure_table
from lpel_tf.support.errors import CacheError
from support import tiny
from support.counting import counting
from support.images import write_people

RECORD = EmbedderRecord("tiny", square_shape(tiny.IMAGE_SIZE), tiny.DIMENSION, "unit")
SETTINGS = TableSettings(side=4, coalitions=3)
IMAGES = 1 + SETTINGS.coalitions
"""Embedded for each photograph."""


@pytest.fixture(scope="module")
def model():
    return tiny.embedder_model().SerializeToString()


@pytest.fixture
def counted(model):
    return counting(Embedder(model, RECORD, CentreCrop()))


@pytest.fixture
def embedder(model):
    return Embedder(model, RECORD, CentreCrop())


@pytest.fixture
def people(tmp_path):
    return list_faces(write_people(tmp_path / "people", people=5, each=4))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.sqlite"


def crop_of(face):
    return np.asarray(pillow.open(face.path).convert("RGB"))


def rows(table):
    """Each photograph's row, as bytes."""
    arrays = zip(table.embeddings, table.coalitions, table.losses, strict=True)
    return [tuple(array.tobytes() for array in row) for row in arrays]


def by_face(table, faces):
    assert len(table) == len(faces)
    return {face.path: row for face, row in zip(faces, rows(table), strict=True)}


# --- what a row says ------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [2, 4])
def test_a_row_holds_what_the_unit_embedding_loses(side, embedder, people, path):
    settings = TableSettings(side=side, coalitions=5, fills=(Fill("black"),))
    table = measure_table(embedder, people, settings, path)
    square = tiny.IMAGE_SIZE // side
    for i, face in enumerate(people):
        crop = crop_of(face)
        whole = tiny.embed(crop[np.newaxis])[0]
        whole /= np.linalg.norm(whole)
        np.testing.assert_allclose(table.embeddings[i], whole, atol=1e-5)
        for members, loss in zip(table.coalitions[i], table.losses[i], strict=True):
            hidden = crop.copy()
            for p in np.flatnonzero(members):
                top, left = square * (p // side), square * (p % side)
                hidden[top : top + square, left : left + square] = 0
            h = tiny.embed(hidden[np.newaxis])[0]
            np.testing.assert_allclose(loss, whole - h / np.linalg.norm(h), atol=2e-3)


def test_a_table_has_the_documented_shapes_and_types(embedder, people, path):
    table = measure_table(embedder, people, SETTINGS, path)
    assert len(table) == 20
    assert (table.embeddings.shape, table.embeddings.dtype) == ((20, tiny.DIMENSION), np.float32)
    assert (table.coalitions.shape, table.coalitions.dtype) == ((20, 3, 16), np.bool_)
    assert (table.losses.shape, table.losses.dtype) == ((20, 3, tiny.DIMENSION), np.float16)
    assert table.identities == tuple(face.identity for face in people)
    np.testing.assert_allclose(np.linalg.norm(table.embeddings, axis=1), 1, atol=1e-5)
    assert np.abs(table.losses).max() > 0.01


@pytest.mark.parametrize(("largest", "most"), [(3 / 8, 6), (1.0, 16), (0.01, 1)])
def test_coalitions_are_of_sizes_from_1_to_the_largest(largest, most, embedder, people, path):
    settings = TableSettings(side=4, coalitions=60, largest=largest, fills=(Fill("grey"),))
    sizes = measure_table(embedder, people, settings, path).coalitions.sum(axis=2)
    assert (sizes.min(), sizes.max()) == (1, most)
    assert set(np.unique(sizes)) == set(range(1, most + 1))


def test_photographs_have_coalitions_of_their_own(embedder, people, path):
    table = measure_table(embedder, people, TableSettings(side=4, coalitions=8), path)
    assert len({coalitions.tobytes() for coalitions in table.coalitions}) == 20


def test_all_fills_are_used(embedder, people, path):
    """With one fill or the other for each coalition, losses are those of neither alone."""
    both = TableSettings(side=4, coalitions=20, fills=(Fill("black"), Fill("grey")))
    alone = [replace(both, fills=(fill,)) for fill in both.fills]
    mixed, *pure = (
        measure_table(embedder, people, settings, path.with_stem(settings.key))
        for settings in (both, *alone)
    )
    for one in pure:
        np.testing.assert_array_equal(one.coalitions, mixed.coalitions)
    of = [np.isclose(mixed.losses, one.losses, atol=1e-3).all(axis=2) for one in pure]
    assert (of[0] | of[1]).all()
    assert 0.3 < of[0].mean() < 0.7
    assert 0.3 < of[1].mean() < 0.7


def test_a_selection_keeps_the_rows_of_a_mask(embedder, people, path):
    table = measure_table(embedder, people, SETTINGS, path)
    chosen = np.arange(20) % 3 == 1
    part = table.select(chosen)
    assert isinstance(part, ResponseTable)
    assert rows(part) == [row for row, keep in zip(rows(table), chosen, strict=True) if keep]
    assert part.identities == tuple(np.array(table.identities)[chosen])
    assert len(table.select(np.zeros(20, bool))) == 0


def test_no_photographs_give_an_empty_table(counted, path):
    embedder, seen = counted
    table = measure_table(embedder, [], SETTINGS, path)
    assert len(table) == len(seen) == 0
    assert table.embeddings.shape == (0, tiny.DIMENSION)
    assert table.coalitions.shape == (0, 3, 16)
    assert table.losses.shape == (0, 3, tiny.DIMENSION)


# --- the same in any company ----------------------------------------------------------------------


@pytest.fixture
def expected(embedder, people, tmp_path):
    """The row of each photograph, measured by itself."""
    found = {}
    for number, face in enumerate(people):
        table = measure_table(embedder, [face], SETTINGS, tmp_path / f"alone-{number}.sqlite")
        found |= by_face(table, [face])
    return found


COMPANY = {
    "all": lambda people: people,
    "backwards": lambda people: people[::-1],
    "a few": lambda people: people[3:9],
    "shuffled": lambda people: [people[i] for i in np.random.default_rng(4).permutation(20)],
}


@pytest.mark.parametrize("choose", COMPANY.values(), ids=COMPANY)
def test_a_row_is_the_same_whatever_other_photographs_there_are(
    choose, embedder, people, path, expected
):
    faces = choose(people)
    given = by_face(measure_table(embedder, faces, SETTINGS, path), faces)
    assert given == {face.path: expected[face.path] for face in faces}


def test_a_row_is_the_same_when_others_were_measured_before(embedder, people, path, expected):
    measure_table(embedder, people[5:12], SETTINGS, path)
    measure_table(embedder, people[:3], SETTINGS, path)
    assert by_face(measure_table(embedder, people, SETTINGS, path), people) == expected


def test_fewer_coalitions_are_the_first_of_more(embedder, people, path):
    many = measure_table(embedder, people, replace(SETTINGS, coalitions=7), path)
    few = measure_table(embedder, people, SETTINGS, path.with_stem("few"))
    np.testing.assert_array_equal(few.coalitions, many.coalitions[:, :3])


def test_another_seed_draws_others(embedder, people, path):
    one = measure_table(embedder, people, SETTINGS, path)
    other = measure_table(embedder, people, replace(SETTINGS, seed=1), path.with_stem("other"))
    np.testing.assert_array_equal(one.embeddings, other.embeddings)
    assert (one.coalitions != other.coalitions).any(axis=(1, 2)).all()


# --- nothing twice --------------------------------------------------------------------------------


def test_each_photograph_is_embedded_once_and_the_second_time_none(counted, people, path):
    embedder, seen = counted
    first = measure_table(embedder, people, SETTINGS, path)
    assert len(seen) == 20 * IMAGES
    again = measure_table(embedder, people, SETTINGS, path)
    assert len(seen) == 20 * IMAGES
    assert rows(again) == rows(first)
    assert again.identities == first.identities


def test_a_copy_of_a_photograph_is_not_embedded_again(counted, people, path):
    embedder, seen = counted
    for distance in (1, 8, 18):
        people[distance].path.write_bytes(people[0].path.read_bytes())
    table = measure_table(embedder, people, SETTINGS, path)
    assert len(seen) == 17 * IMAGES
    reported = rows(table)
    assert reported[0] == reported[1] == reported[8] == reported[18]
    assert table.identities == tuple(face.identity for face in people)


def test_only_new_photographs_are_embedded(counted, people, path):
    embedder, seen = counted
    measure_table(embedder, people[3:9], SETTINGS, path)
    measure_table(embedder, people, SETTINGS, path)
    assert len(seen) == 20 * IMAGES
    wholes = {crop_of(face).tobytes() for face in people}
    assert sum(image in wholes for image in seen) == 20


def test_a_damaged_photograph_is_named_and_loses_at_most_its_block(counted, people, path, expected):
    embedder, seen = counted
    damaged = people[17].path
    content = damaged.read_bytes()
    damaged.write_bytes(b"damaged")
    with pytest.raises(ImageError, match=damaged.name):
        measure_table(embedder, people, SETTINGS, path)
    assert len(seen) == 16 * IMAGES
    damaged.write_bytes(content)
    assert by_face(measure_table(embedder, people, SETTINGS, path), people) == expected
    assert len(seen) == 20 * IMAGES


def test_an_interruption_within_a_block_loses_no_other(counted, people, path, expected):
    embedder, seen = counted
    embed = embedder.embed

    def interrupted(crops, *rest):
        if len(seen) >= 17 * IMAGES:
            raise KeyboardInterrupt
        return embed(crops, *rest)

    embedder.embed = interrupted
    with pytest.raises(KeyboardInterrupt):
        measure_table(embedder, people, SETTINGS, path)
    before = len(seen)
    assert 16 * IMAGES < before < 20 * IMAGES
    embedder.embed = embed
    assert by_face(measure_table(embedder, people, SETTINGS, path), people) == expected
    assert len(seen) - before == 4 * IMAGES


KILLED = """
import os, signal, sys
from pathlib import Path
from lpel_serving.images.crops import CentreCrop
from lpel_serving.engine.embedder import Embedder
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.bundle.manifest import EmbedderRecord
from lpel_serving.support.image_shape import ImageShape
from lpel_tf.decoders.response_table import TableSettings, measure_table

people, store, model, last = sys.argv[1:]
record = EmbedderRecord("tiny", ImageShape(16, 16), 6, "unit")
embedder = Embedder(Path(model).read_bytes(), record, CentreCrop())
embed, seen = embedder.embed, 0

def embed_or_die(crops, *rest):
    global seen
    if seen >= int(last):
        os.kill(os.getpid(), signal.SIGKILL)
    seen += len(crops)
    return embed(crops, *rest)

embedder.embed = embed_or_die
measure_table(embedder, list_faces(Path(people)), TableSettings(side=4, coalitions=3), Path(store))
"""


@pytest.mark.parametrize(
    ("last", "kept"), [(0, 0), (14 * IMAGES, 0), (16 * IMAGES, 16), (18 * IMAGES, 16)]
)
def test_a_killed_measurement_goes_on_where_it_was(
    last, kept, counted, model, people, path, tmp_path, expected
):
    (tmp_path / "model.onnx").write_bytes(model)
    folder = people[0].path.parent.parent
    command = [sys.executable, "-c", KILLED, folder, path, tmp_path / "model.onnx", last]
    done = subprocess.run(list(map(str, command)), check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    embedder, seen = counted
    assert by_face(measure_table(embedder, people, SETTINGS, path), people) == expected
    assert len(seen) == (20 - kept) * IMAGES


# --- photographs without a face -------------------------------------------------------------------


def test_photographs_without_a_face_are_left_out(model, people, path, expected):
    hidden = {people[i].path for i in (0, 9, 19)}
    contents = {crop_of(face).tobytes() for face in people if face.path in hidden}

    def crop(pixels, size):
        if pixels.tobytes() in contents:
            raise NoFaceError("no face was found.")
        return CentreCrop()(pixels, size)

    embedder, seen = counting(Embedder(model, RECORD, crop))
    shown = [face for face in people if face.path not in hidden]
    table = measure_table(embedder, people, SETTINGS, path)
    assert by_face(table, shown) == {face.path: expected[face.path] for face in shown}
    assert table.identities == tuple(face.identity for face in shown)
    assert len(seen) == 17 * IMAGES
    measure_table(embedder, people, SETTINGS, path)
    assert len(seen) == 17 * IMAGES


def test_photographs_that_all_lack_a_face_give_an_empty_table(model, people, path):
    def crop(pixels, size):
        raise NoFaceError("no face was found.")

    table = measure_table(Embedder(model, RECORD, crop), people, SETTINGS, path)
    assert len(table) == 0
    assert table.losses.shape == (0, 3, tiny.DIMENSION)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_embedder_that_is_broken_is_reported_and_nothing_kept(value, embedder, people, path):
    embed = embedder.embed
    embedder.embed = lambda crops, *rest: np.full_like(embed(crops, *rest), value)
    with pytest.raises(EmbeddingError, match="NaN or infinity"):
        measure_table(embedder, people, SETTINGS, path)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM coalitions").fetchone() == (0,)


# --- the store ------------------------------------------------------------------------------------


def test_losses_are_kept_in_two_bytes_and_coalitions_in_bits(embedder, people, path):
    measure_table(embedder, people, replace(SETTINGS, side=5), path)
    with closing(sqlite3.connect(path)) as database:
        sizes = database.execute(
            "SELECT DISTINCT length(photograph), length(embedding), length(coalitions), "
            "length(losses) FROM coalitions"
        ).fetchall()
    assert sizes == [(32, 4 * tiny.DIMENSION, 3 * 4, 2 * 3 * tiny.DIMENSION)]


def test_the_store_holds_neither_names_nor_paths_and_is_nobody_elses_to_read(
    embedder, people, path
):
    measure_table(embedder, people, SETTINGS, path)
    content = path.read_bytes()
    assert b"Person" not in content
    assert os.fsencode(people[0].path.parent.parent) not in content
    assert path.stat().st_mode & 0o077 == 0


def not_a_database(path):
    path.write_bytes(b"this is no database" * 1000)


def damaged_pages(path):
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))


def cut_short(path):
    path.write_bytes(path.read_bytes()[:6000])


def changed(statement):
    def make(path):
        with closing(sqlite3.connect(path)) as database, database:
            database.execute(statement)

    return make


def a_folder(path):
    path.unlink()
    path.mkdir()


SPOILT = {
    "not a database": not_a_database,
    "damaged pages": damaged_pages,
    "cut short": cut_short,
    "a column less": changed("ALTER TABLE coalitions DROP COLUMN losses"),
    "text": changed("UPDATE coalitions SET losses = 'text'"),
    "losses too short": changed("UPDATE coalitions SET losses = x'0011'"),
    "half a number": changed("UPDATE coalitions SET losses = x'001122'"),
    "coalitions too long": changed("UPDATE coalitions SET coalitions = coalitions || x'00'"),
    "a folder": a_folder,
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_store_that_cannot_be_used_is_named_with_what_to_do(spoil, embedder, people, path):
    measure_table(embedder, people, replace(SETTINGS, coalitions=16), path)
    spoil(path)
    with pytest.raises(CacheError, match="delete it, or name another cache") as caught:
        measure_table(embedder, people, replace(SETTINGS, coalitions=16), path)
    assert isinstance(caught.value, OSError)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_store_of_other_settings_is_not_taken_for_ones_own(embedder, people, path):
    measure_table(embedder, people, replace(SETTINGS, coalitions=4), path)
    with pytest.raises(CacheError):
        measure_table(embedder, people, SETTINGS, path)


def test_a_store_in_a_missing_folder_is_reported(embedder, people, tmp_path):
    with pytest.raises(CacheError):
        measure_table(embedder, people, SETTINGS, tmp_path / "missing" / "table.sqlite")


# --- the settings ---------------------------------------------------------------------------------


OTHERS = [
    {"side": 5},
    {"coalitions": 4},
    {"largest": 0.5},
    {"seed": 1},
    {"fills": (Fill("normal"),)},
    {"fills": (Fill("mean"), Fill("normal"), Fill("blur"))},
    {"fills": (Fill("normal", variance=0.1), Fill("mean"), Fill("blur"))},
    {"fills": (Fill("normal", grain=20), Fill("mean"), Fill("blur"))},
]


def test_settings_of_any_difference_have_another_key():
    keys = [replace(SETTINGS, **other).key for other in ({}, *OTHERS)]
    assert len(set(keys)) == len(keys)
    assert TableSettings(side=4, coalitions=3).key == SETTINGS.key
    assert all(len(key) == 16 and set(key) <= set("0123456789abcdef") for key in keys)


def test_every_setting_is_varied_here():
    assert {name for other in OTHERS for name in other} == set(TableSettings.__dataclass_fields__)


def test_a_key_is_the_same_in_another_process():
    program = (
        "from lpel_tf.decoders.response_table import TableSettings; print(TableSettings().key)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )
    assert printed.stdout.strip() == TableSettings().key


@pytest.mark.parametrize(
    "change", [{"side": 1}, {"side": 41}, {"coalitions": 0}, {"coalitions": -1}, {"fills": ()}]
)
def test_settings_that_make_no_table_are_refused(change):
    with pytest.raises(ParameterError, match="received"):
        TableSettings(**change)


@pytest.mark.parametrize(
    "change", [{"largest": 0.0}, {"largest": 1.1}, {"largest": np.nan}, {"seed": -1}]
)
def test_settings_out_of_range_are_refused_at_the_latest_when_measuring(
    change, embedder, people, path
):
    with pytest.raises(ParameterError, match="received"):
        measure_table(embedder, people, TableSettings(**change), path)


def test_progress_counts_every_photograph(embedder, people, path):
    reported = []

    @contextmanager
    def progress(what, total):
        reported.append(total)
        yield lambda more: reported.append(-more)

    for _ in range(2):  # the second time from the store
        reported.clear()
        measure_table(embedder, people, SETTINGS, path, progress=progress)
        assert sum(reported) == 0
        assert reported[0] == 20


def test_importing_it_loads_no_keras():
    program = "import sys, lpel_tf.decoders.response_table; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
