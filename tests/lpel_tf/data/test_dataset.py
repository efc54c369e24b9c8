import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as pillow

from lpel_serving.bundle.manifest import EmbedderRecord
from lpel_serving.engine.embedder import Embedder
from lpel_serving.images.crops import CentreCrop
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.images.datasets.passed_over import Unusable
from lpel_serving.images.resizing import decoder_target
from lpel_serving.support.errors import ImageError, NoFaceError, PhotographsError
from lpel_serving.support.image_shape import square
from lpel_tf.data.dataset import embed_faces
from lpel_tf.data.store import open_face_store
from lpel_tf.support.errors import CacheError
from support import bright, tiny
from support.counting import counting
from support.images import write_people

DIMENSION = 5
SIDE = 4


def stored(seed):
    rng = np.random.default_rng(seed)
    return {
        "embedding": rng.normal(size=DIMENSION).astype(np.float32),
        "target": rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8),
    }


def key(number):
    return number.to_bytes(32, "big")


def open_store(path):
    return closing(open_face_store(path, DIMENSION, square(SIDE)))


def check_same(found, expected):
    assert found.keys() == expected.keys()
    for name, face in expected.items():
        assert found[name].keys() == face.keys()
        for column, values in face.items():
            np.testing.assert_array_equal(found[name][column], values)
            assert found[name][column].dtype == values.dtype


@pytest.fixture
def path(tmp_path):
    return tmp_path / "faces.sqlite"


# --- the store -----------------------------------------------------------------------------------


def test_what_was_put_in_is_found_again(path):
    faces = {key(i): stored(i) for i in range(3)}
    with open_store(path) as store:
        store.put(faces)
        check_same(store.get([key(0), key(1), key(2)]), faces)


def test_what_is_not_stored_is_left_out(path):
    with open_store(path) as store:
        store.put({key(1): stored(1)})
        check_same(store.get([key(0), key(1), key(1), key(7)]), {key(1): stored(1)})
        assert store.get([]) == {}


def test_a_store_that_was_closed_holds_what_it_held(path):
    with open_store(path) as store:
        store.put({key(1): stored(1)})
    with open_store(path) as store:
        check_same(store.get([key(1)]), {key(1): stored(1)})


def test_putting_again_replaces(path):
    with open_store(path) as store:
        store.put({key(1): stored(1)})
        store.put({key(1): stored(2)})
        check_same(store.get([key(1)]), {key(1): stored(2)})


def test_more_photographs_than_one_query_takes_are_found(path):
    faces = {key(i): stored(i) for i in range(1203)}
    with open_store(path) as store:
        store.put(faces)
        check_same(store.get(list(faces)), faces)


CRASH = """
import os, signal, sys
from pathlib import Path
import numpy as np
from lpel_tf.data.store import open_face_store

store = open_face_store(Path(sys.argv[1]), 5, (4, 4, 3))
face = {"embedding": np.full(5, 0.5, np.float32), "target": np.full((4, 4, 3), 7, np.uint8)}
store.put({bytes([1] * 32): face})
store._database.execute("BEGIN")
store._database.execute("INSERT INTO faces VALUES (?, ?, ?)", (bytes([2] * 32), b"", b""))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_put_in_survives_a_crash_and_what_was_not_is_absent(path):
    done = subprocess.run([sys.executable, "-c", CRASH, str(path)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    face = {"embedding": np.full(5, 0.5, np.float32), "target": np.full((4, 4, 3), 7, np.uint8)}
    with open_store(path) as store:
        check_same(store.get([bytes([1] * 32), bytes([2] * 32)]), {bytes([1] * 32): face})
        store.put({key(3): stored(3)})
        check_same(store.get([key(3)]), {key(3): stored(3)})


WRITE = """
import sys
from pathlib import Path
import numpy as np
from lpel_tf.data.store import open_face_store

writer = int(sys.argv[2])
store = open_face_store(Path(sys.argv[1]), 5, (4, 4, 3))
for i in range(100):
    face = {"embedding": np.full(5, i, np.float32), "target": np.full((4, 4, 3), i, np.uint8)}
    store.put({bytes([writer, i] * 16): face, bytes([9, i] * 16): face})
store.close()
"""


def test_several_processes_may_write_at_once(path):
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE, str(path), str(number)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    complaints = [writer.communicate(timeout=90)[1] for writer in writers]
    assert complaints == [""] * 4
    keys = [bytes([writer, i] * 16) for writer in (0, 1, 2, 3, 9) for i in range(100)]
    with open_store(path) as store:
        found = store.get(keys)
    assert len(found) == 500
    assert all(found[name]["target"][0, 0, 0] == name[1] for name in keys)


def not_a_database(path):
    path.write_bytes(b"this is no database" * 1000)


def damaged_pages(path):
    with open_store(path) as store:
        store.put({key(i): stored(i) for i in range(300)})
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))


def cut_short(path):
    with open_store(path) as store:
        store.put({key(i): stored(i) for i in range(300)})
    path.write_bytes(path.read_bytes()[:6000])


def other_table(path):
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE faces (something TEXT)")


def wrong_type(path):
    with open_store(path), closing(sqlite3.connect(path)) as database, database:
        database.execute("INSERT INTO faces VALUES (?, ?, ?)", (key(1), "text", 3))


def other_dimension(dimension):
    def make(path):
        with closing(open_face_store(path, dimension, square(SIDE))) as store:
            face = stored(1)
            vector = np.ones(dimension, np.float32)
            store.put({key(1): {"embedding": vector, "target": face["target"]}})

    return make


def other_size(path):
    with closing(open_face_store(path, DIMENSION, square(SIDE + 1))) as store:
        target = np.zeros((SIDE + 1, SIDE + 1, 3), np.uint8)
        store.put({key(1): {"embedding": stored(1)["embedding"], "target": target}})


SPOILT = {
    "not a database": not_a_database,
    "damaged pages": damaged_pages,
    "cut short": cut_short,
    "another table": other_table,
    "values of other types": wrong_type,
    "embeddings too short": other_dimension(DIMENSION - 1),
    "embeddings too long": other_dimension(DIMENSION + 1),
    "targets too large": other_size,
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_store_that_cannot_be_used_is_named_with_what_to_do(spoil, path):
    spoil(path)
    with pytest.raises(CacheError, match="delete it, or name another cache") as caught:
        open_and_get(path)
    assert isinstance(caught.value, OSError)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def open_and_get(path):
    with open_store(path) as store:
        store.get([key(i) for i in range(300)])
        store.put({key(2): stored(2)})


def test_a_store_in_a_missing_folder_is_reported(tmp_path):
    with pytest.raises(CacheError):
        open_face_store(tmp_path / "missing" / "faces.sqlite", DIMENSION, square(SIDE))


# --- embedding a folder --------------------------------------------------------------------------

RECORD = EmbedderRecord("tiny", square(tiny.IMAGE_SIZE), tiny.DIMENSION, "unit")


@pytest.fixture(scope="module")
def model():
    return tiny.embedder_model().SerializeToString()


@pytest.fixture
def counted(model):
    """A real embedder, and the crops that it embedded so far."""
    return counting(Embedder(model, RECORD, CentreCrop()))


@pytest.fixture
def people(tmp_path):
    return list_faces(write_people(tmp_path / "people", people=5, each=4))


def pixels_of(faces):
    return np.stack([np.asarray(pillow.open(face.path).convert("RGB")) for face in faces])


def test_faces_are_embedded_with_their_targets_and_names(counted, people, path):
    embedder, _ = counted
    faces = embed_faces(embedder, people, square(tiny.TARGET_SIZE), path)
    crops = pixels_of(people)
    assert len(faces) == 20
    np.testing.assert_allclose(faces.embeddings, tiny.embed(crops), rtol=1e-5, atol=1e-6)
    wanted = np.stack([decoder_target(crop, square(tiny.TARGET_SIZE)) for crop in crops])
    np.testing.assert_array_equal(faces.targets, wanted)
    blocks = crops.reshape(20, 8, 2, 8, 2, 3).mean(axis=(2, 4))
    assert np.abs(faces.targets - blocks).max() <= 1, "a target's pixel is the mean of its block"
    assert faces.identities == tuple(face.identity for face in people)
    assert faces.embeddings.dtype == np.float32


def test_each_photograph_is_embedded_once_and_the_second_time_none(counted, people, path):
    embedder, seen = counted
    first = embed_faces(embedder, people, square(tiny.TARGET_SIZE), path)
    assert len(seen) == len(set(seen)) == 20
    again = embed_faces(embedder, people, square(tiny.TARGET_SIZE), path)
    assert len(seen) == 20
    assert again.embeddings.tobytes() == first.embeddings.tobytes()
    assert again.targets.tobytes() == first.targets.tobytes()
    assert again.identities == first.identities


@pytest.mark.parametrize("distance", [1, 8, 13])
def test_a_copy_of_a_photograph_is_not_embedded_again(distance, counted, people, path):
    embedder, seen = counted
    copy = people[distance].path
    shutil.copy(people[0].path, copy)
    faces = embed_faces(embedder, people, square(tiny.TARGET_SIZE), path)
    assert len(seen) == len(set(seen)) == 19
    np.testing.assert_array_equal(faces.embeddings[distance], faces.embeddings[0])
    assert faces.identities[distance] == people[distance].identity


def test_a_photograph_that_moved_or_was_renamed_is_not_embedded_again(
    counted, people, path, tmp_path
):
    embedder, seen = counted
    first = embed_faces(embedder, people, square(tiny.TARGET_SIZE), path)
    (tmp_path / "people").rename(tmp_path / "humans")
    moved = list_faces(tmp_path / "humans")
    again = embed_faces(embedder, moved, square(tiny.TARGET_SIZE), path)
    assert len(seen) == 20
    np.testing.assert_array_equal(again.embeddings, first.embeddings)


def test_only_new_photographs_are_embedded(counted, people, path):
    embedder, seen = counted
    embed_faces(embedder, people[3:9], square(tiny.TARGET_SIZE), path)
    everyone = embed_faces(embedder, people, square(tiny.TARGET_SIZE), path)
    assert len(seen) == len(set(seen)) == 20
    np.testing.assert_allclose(
        everyone.embeddings, tiny.embed(pixels_of(people)), rtol=1e-5, atol=1e-6
    )


def test_an_interruption_loses_at_most_one_batch(counted, people, path):
    embedder, seen = counted
    damaged = people[17].path
    content = damaged.read_bytes()
    damaged.write_bytes(b"damaged")
    with pytest.raises(ImageError, match=damaged.name) as caught:
        embed_faces(embedder, people, square(tiny.TARGET_SIZE), path)
    assert str(damaged) in str(caught.value)
    assert len(seen) == 16
    damaged.write_bytes(content)
    assert len(embed_faces(embedder, people, square(tiny.TARGET_SIZE), path)) == 20
    assert len(seen) == len(set(seen)) == 20


def test_a_missing_photograph_is_named(counted, people, path):
    embedder, _ = counted
    people[2].path.unlink()
    with pytest.raises(ImageError, match=people[2].path.name):
        embed_faces(embedder, people, square(tiny.TARGET_SIZE), path)


def test_a_photograph_that_cannot_be_used_is_left_out_and_gathered(counted, people, path):
    embedder, seen = counted
    people[2].path.unlink()
    people[9].path.write_bytes(b"damaged")
    unusable = Unusable()
    faces = embed_faces(embedder, people, square(tiny.TARGET_SIZE), path, unusable=unusable)
    assert faces.unusable == (people[2], people[9])
    assert faces.without_face == ()
    assert len(faces) == len(seen) == 18
    found = {Path(one.name): one.why for one in unusable.found()}
    assert found == {people[2].path: "unreadable", people[9].path: "not_an_image"}
    shown = [face for face in people if face not in faces.unusable]
    np.testing.assert_allclose(faces.embeddings, tiny.embed(pixels_of(shown)), rtol=1e-5, atol=1e-6)


def test_too_many_photographs_that_cannot_be_used_are_refused(counted, people, path):
    embedder, _ = counted
    for face in people[:3]:
        face.path.write_bytes(b"damaged")
    with pytest.raises(PhotographsError, match="3 of 20 photographs cannot be used") as caught:
        embed_faces(embedder, people, square(tiny.TARGET_SIZE), path, unusable=Unusable(0.14))
    assert people[1].path.name not in str(caught.value)
    with pytest.raises(PhotographsError) as caught:
        embed_faces(
            embedder, people, square(tiny.TARGET_SIZE), path, unusable=Unusable(0, names=True)
        )
    for face in people[:3]:
        assert str(face.path) in str(caught.value)
    faces = embed_faces(embedder, people, square(tiny.TARGET_SIZE), path, unusable=Unusable(0.15))
    assert len(faces) == 17


def test_photographs_without_a_face_are_left_out_and_listed(model, people, path):
    hidden = {people[i].path for i in (0, 9, 19)}
    contents = {np.asarray(pillow.open(face).convert("RGB")).tobytes() for face in hidden}

    def crop(pixels, size):
        if pixels.tobytes() in contents:
            raise NoFaceError("no face was found.")
        return CentreCrop()(pixels, size)

    embedder, seen = counting(Embedder(model, RECORD, crop))
    faces = embed_faces(embedder, people, square(tiny.TARGET_SIZE), path)
    shown = [face for face in people if face.path not in hidden]
    assert {face.path for face in faces.without_face} == hidden
    assert len(faces) == len(seen) == 17
    assert faces.identities == tuple(face.identity for face in shown)
    np.testing.assert_allclose(faces.embeddings, tiny.embed(pixels_of(shown)), rtol=1e-5, atol=1e-6)


@pytest.fixture
def group_photographs(tmp_path):
    """Three people with two photographs each; of two people, one shows somebody else too."""
    for person in range(3):
        (home := tmp_path / "groups" / f"P{person}").mkdir(parents=True)
        alone = (10 * person + 1, 16, 20, 20)
        bright.save(home / "alone.png", bright.photograph(alone))
        beside = [(10 * person + 2, 16, 50, 20)] if person else []
        bright.save(home / "beside.png", bright.photograph((10 * person, 24, 4, 6), *beside))
    return list_faces(tmp_path / "groups")


def test_photographs_of_several_faces_are_counted_whether_they_are_stored_or_not(
    model, group_photographs, path
):
    embedder, seen = counting(Embedder(model, RECORD, bright.BrightSquares()))
    for _ in range(2):
        faces = embed_faces(embedder, group_photographs, square(tiny.TARGET_SIZE), path)
        assert len(faces) == len(seen) == 6
        names = [f"{face.path.parent.name}/{face.path.name}" for face in faces.several_faces]
        assert names == ["P1/beside.png", "P2/beside.png"]


def test_what_an_earlier_version_stored_without_their_number_is_embedded_again(
    model, group_photographs, path
):
    crop = bright.BrightSquares()
    of_before, _ = counting(Embedder(model, RECORD, crop.__call__))  # which says nothing of faces
    before = embed_faces(of_before, group_photographs, square(tiny.TARGET_SIZE), path)
    assert before.several_faces is None
    embedder, seen = counting(Embedder(model, RECORD, crop))
    after = embed_faces(embedder, group_photographs, square(tiny.TARGET_SIZE), path)
    assert len(seen) == 6
    assert len(after.several_faces) == 2
    np.testing.assert_array_equal(after.embeddings, before.embeddings)


def test_no_photographs_give_no_faces(counted, path):
    embedder, seen = counted
    faces = embed_faces(embedder, [], square(tiny.TARGET_SIZE), path)
    assert len(faces) == len(seen) == 0
    assert faces.embeddings.shape == (0, tiny.DIMENSION)


def test_progress_counts_every_photograph(counted, people, path):
    from contextlib import contextmanager

    reported = []

    @contextmanager
    def progress(what, total):
        reported.append(total)
        yield lambda more: reported.append(-more)

    embedder, _ = counted
    embed_faces(embedder, people, square(tiny.TARGET_SIZE), path, progress=progress)
    assert sum(reported) == 0
    assert reported[0] == 20


def test_the_store_holds_neither_names_nor_paths(counted, people, path):
    embedder, _ = counted
    embed_faces(embedder, people, square(tiny.TARGET_SIZE), path)
    content = path.read_bytes()
    assert b"Person" not in content
    assert os.fsencode(people[0].path.parent.parent) not in content
