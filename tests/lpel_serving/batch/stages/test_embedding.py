"""Every distinct image of a job is embedded once; what is no image is a row that says so."""

import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper
from PIL import Image

from lpel_serving import Explainer
from lpel_serving.batch.run import run
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.batch.stages.embedding import Embedding
from lpel_serving.batch.stages.runners import Local
from lpel_serving.batch.store.folder import IMAGES_IN_CHUNK
from lpel_serving.bundle.manifest import EMBEDDING
from support import tiny
from support.batch import (
    make_job,
    pair_up,
    read_results,
    run_here,
    write_csv,
    write_parquet,
    write_pictures,
)
from support.batch_rows import Meddling, Seen, rows_of, shards_of
from support.hostile_images import REFUSED
from support.image_parts import encoded
from support.images import pixels
from support.odd_images import ODD

remarks_of_pillow = pytest.mark.filterwarnings("ignore::UserWarning:PIL")
GOOD = encoded(Image.fromarray(pixels(0)), "PNG")
OTHER = encoded(Image.fromarray(pixels(1)), "PNG")


@pytest.fixture
def seen(monkeypatch):
    return Seen().watch(monkeypatch)


def counts(summary):
    return summary.images, summary.known, summary.embedded


@pytest.mark.parametrize("batch_size", [1, 7, 64])
@pytest.mark.parametrize("workers", [1, 3])
def test_an_image_is_embedded_once_however_many_pairs_name_it(
    workers, batch_size, pictures, tmp_path, tiny_bundle, seen
):
    rows = write_csv(tmp_path / "pairs.csv", pair_up(pictures, 500))
    job = make_job(tiny_bundle, rows, tmp_path / "out", batch_size=batch_size)
    assert counts(run_here(job, workers)) == (6, 0, 6)
    assert sorted(seen.crops) == sorted(pixels(seed).tobytes() for seed in range(6))


def test_copies_other_names_and_bytes_of_a_file_are_one_image(tmp_path, tiny_bundle, seen):
    (folder := tmp_path / "folder").mkdir()
    for name in ("one.png", "folder/two.png", "three.jpg"):
        (tmp_path / name).write_bytes(GOOD)
    (tmp_path / "link.png").symlink_to(tmp_path / "one.png")
    images = [
        {"path": "one.png", "bytes": None},
        {"path": "folder/../one.png", "bytes": None},
        {"path": "folder/two.png", "bytes": None},
        {"path": str(folder / "two.png"), "bytes": None},
        {"path": "three.jpg", "bytes": None},
        {"path": "link.png", "bytes": None},
        {"path": "nowhere.png", "bytes": GOOD},
        {"path": None, "bytes": GOOD},
    ]
    rows = write_parquet(
        tmp_path / "pairs.parquet", {"reference": images, "test": [GOOD] * len(images)}
    )
    done = run_here(make_job(tiny_bundle, rows, tmp_path / "out"))
    assert (done.rows, done.errors, *counts(done)) == (8, 0, 1, 0, 1)
    assert seen.crops == [pixels(0).tobytes()]


@pytest.mark.parametrize("method", ["lpel", "occlusion"])
def test_a_job_that_is_done_embeds_nothing_again(method, pictures, tmp_path, tiny_bundle, seen):
    rows = write_csv(tmp_path / "pairs.csv", pair_up(pictures, 3))
    job = make_job(tiny_bundle, rows, tmp_path / "out", settings=BatchSettings(method))
    run_here(job)
    before, embedded = shards_of(job.out), len(seen.crops)
    assert counts(run_here(job)) == (3, 0, 0)
    assert len(seen.crops) == embedded == 3
    assert shards_of(job.out) == before


class StoppedError(Exception):
    """What stops a job in the tests."""


def interrupt():
    raise StoppedError


def test_a_job_that_stopped_embeds_only_what_is_left(tmp_path, tiny_bundle, seen):
    pictures = write_pictures(tmp_path, 2 * IMAGES_IN_CHUNK + 10)
    names = [path.name for path in pictures]
    rows = write_csv(tmp_path / "pairs.csv", {"reference": names, "test": names[::-1]})
    job = make_job(tiny_bundle, rows, tmp_path / "out")

    class OnePiece(Local):
        def run(self, stage, pieces):
            yield from super().run(stage, pieces[:1])
            raise StoppedError

    for done in (1, 2):
        with pytest.raises(StoppedError):
            run(job, OnePiece(1))
        assert len(seen.crops) == done * IMAGES_IN_CHUNK
    with pytest.raises(StoppedError):
        run(job, OnePiece(1))
    assert counts(run_here(job)) == (len(pictures), 0, 0)
    assert len(seen.crops) == len(set(seen.crops)) == len(pictures)
    alone = replace(job, out=tmp_path / "alone")
    run_here(alone)
    assert shards_of(alone.out) == shards_of(job.out)


def test_kept_embeddings_are_not_made_again(tmp_path, tiny_bundle, seen):
    write_pictures(tmp_path, 9)
    names = [path.name for path in sorted(tmp_path.glob("face_*.png"))]
    kept = tmp_path / "kept.sqlite"
    few = write_csv(tmp_path / "few.csv", {"reference": names[:6], "test": names[5::-1]})
    all_ = write_csv(tmp_path / "all.csv", {"reference": names, "test": names[::-1]})
    first = make_job(tiny_bundle, few, tmp_path / "first", kept=kept)
    assert counts(run_here(first)) == (6, 0, 6)
    second = make_job(tiny_bundle, all_, tmp_path / "second", kept=kept)
    assert counts(run_here(second)) == (9, 6, 3)
    third = replace(second, out=tmp_path / "third", settings=BatchSettings("occlusion"))
    assert counts(run_here(third)) == (9, 9, 0)
    assert len(seen.crops) == len(set(seen.crops)) == 9
    without = replace(second, out=tmp_path / "without", kept=None)
    run_here(without)
    assert shards_of(without.out) == shards_of(second.out)


# What is no image, or no usable one

ANIMATED = encoded(
    Image.fromarray(pixels(0)), "WEBP", save_all=True, append_images=[Image.fromarray(pixels(1))]
)
BAD = {
    "text": (b"not an image at all", "is not an image"),
    "truncated": (GOOD[: len(GOOD) // 2], "damaged or truncated"),
    "animated": (ANIMATED, "animated"),
    "bomb": (REFUSED["PNG of 30,000 x 30,000"], "too large"),
    "costly": (REFUSED["JPEG of a thousand scans"], "would take far too long"),
    "empty": (b"", "is not an image"),
}


@pytest.mark.parametrize("method", ["lpel", "occlusion"])
@pytest.mark.parametrize("as_bytes", [False, True])
def test_what_is_no_image_is_an_error_of_its_row_alone(as_bytes, method, tmp_path, tiny_bundle):
    data = {"good.png": GOOD, **{f"{name}.png": one for name, (one, _) in BAD.items()}}
    for name, one in data.items():
        (tmp_path / name).write_bytes(one)
    tests = list(data.values()) if as_bytes else list(data)
    references = ([GOOD] if as_bytes else ["good.png"]) * len(tests)
    rows = write_parquet(tmp_path / "pairs.parquet", {"reference": references, "test": tests})
    job = make_job(tiny_bundle, rows, tmp_path / "out", settings=BatchSettings(method))
    done = run_here(job)
    assert (done.rows, done.errors) == (1 + len(BAD), len(BAD))
    good, *bad = read_results(job.out)
    assert good["status"] == "ok"
    for row, (name, (_, says)) in zip(bad, BAD.items(), strict=True):
        assert (row["status"], row["code"]) == ("error", "image")
        assert row["message"].startswith("test: ")
        assert says in row["message"]
        assert as_bytes or f"{name}.png" in row["message"]
        assert row["test_sha256"] is not None


@remarks_of_pillow
def test_no_image_however_hostile_ends_a_job(tmp_path, tiny_bundle):
    too_large_for_a_service = "PNG that is a pixel too large"
    data = [data for name, data in REFUSED.items() if name != too_large_for_a_service]
    rows = write_parquet(tmp_path / "p.parquet", {"reference": data, "test": [GOOD] * len(data)})
    done = run_here(make_job(tiny_bundle, rows, tmp_path / "out"))
    assert (done.rows, done.errors) == (len(data), len(data))
    assert {row["code"] for row in read_results(tmp_path / "out")} == {"image"}


def test_what_is_not_there_is_an_error(pictures, tmp_path, tiny_bundle):
    (tmp_path / "folder").mkdir()
    names = ["nobody.png", "folder", "", "nu\0ll.png", "x" * 5000]
    rows = write_csv(tmp_path / "pairs.csv", {"reference": names, "test": ["face_00.png"] * 5})
    done = run_here(make_job(tiny_bundle, rows, tmp_path / "out"))
    assert (done.rows, done.errors, *counts(done)) == (5, 5, 1, 0, 1)
    found = read_results(tmp_path / "out")
    assert {(row["status"], row["code"]) for row in found} == {("error", "image")}
    assert all(row["message"].startswith("reference: ") for row in found)
    assert "nobody.png cannot be read: No such file" in found[0]["message"]
    assert "there is no image in this row" in found[2]["message"]
    assert {row["reference_sha256"] for row in found} == {None}


def test_of_two_bad_images_the_reference_is_told(tmp_path, tiny_bundle):
    (tmp_path / "text.png").write_bytes(b"text")
    names = ["nobody.png", "text.png"]
    columns = {"reference": names, "test": names[::-1]}
    rows = write_csv(tmp_path / "pairs.csv", columns)
    assert run_here(make_job(tiny_bundle, rows, tmp_path / "out")).errors == 2
    first, second = read_results(tmp_path / "out")
    for row, says in ((first, "cannot be read"), (second, "not an image")):
        assert row["message"].startswith("reference: ")
        assert says in row["message"]


@remarks_of_pillow
def test_unusual_images_are_images(tmp_path, tiny_bundle):
    data = [data for data, _, _ in ODD.values()]
    rows = write_parquet(tmp_path / "p.parquet", {"reference": data, "test": [GOOD] * len(data)})
    done = run_here(make_job(tiny_bundle, rows, tmp_path / "out", crop="1"))
    assert (done.rows, done.errors) == (len(data), 0)
    engine = Explainer.load(tiny_bundle, crop="1")
    expected = engine.explain_pairs([(one, GOOD) for one in data])
    for row, pair in zip(rows_of(tmp_path / "out"), expected, strict=True):
        assert row["similarity"] == pair.similarity
        np.testing.assert_array_equal(row["test_map"], pair.forward.heat_map)


PICKY = """
from lpel_serving.images.crops import CentreCrop
from lpel_serving.support.errors import NoFaceError

class Picky:
    def __call__(self, pixels, size):
        if pixels[0, 0, 0] == 7:
            raise NoFaceError("there is no face in it.")
        return CentreCrop()(pixels, size)
"""


def test_an_image_without_a_face_is_an_error(pictures, tmp_path, tiny_bundle, monkeypatch):
    home = tmp_path / "plugin" / "picky-1.0.dist-info"
    home.mkdir(parents=True)
    (home.parent / "picky_crop.py").write_text(PICKY)
    (home / "METADATA").write_text("Metadata-Version: 2.1\nName: picky\nVersion: 1.0\n")
    (home / "entry_points.txt").write_text("[lpel.crops]\npicky = picky_crop:Picky\n")
    monkeypatch.syspath_prepend(home.parent)
    faceless = pixels(0)
    faceless[0, 0] = 7
    Image.fromarray(faceless).save(tmp_path / "faceless.png")
    columns = {"reference": ["face_01.png"] * 2, "test": ["faceless.png", "face_02.png"]}
    rows = write_csv(tmp_path / "pairs.csv", columns)
    run_here(make_job(tiny_bundle, rows, tmp_path / "out", crop="picky"))
    first, second = read_results(tmp_path / "out")
    assert (first["status"], first["code"]) == ("error", "no_face")
    assert "faceless.png: there is no face in it" in first["message"]
    assert second["status"] == "ok"


# Embeddings that are not finite


def of_black_images_not_finite() -> bytes:
    """The tiny embedder, but that an image without any light has no finite embedding."""
    model = tiny.embedder_model()
    nodes = model.graph.node
    nodes[-1].output[0] = "right"
    nodes.extend(
        [
            helper.make_node("ReduceMax", ["flat"], ["light"], axes=[1], keepdims=1),
            helper.make_node("Div", ["light", "light"], ["one"]),
            helper.make_node("Mul", ["right", "one"], [EMBEDDING]),
        ]
    )
    onnx.checker.check_model(model)
    return model.SerializeToString()


@pytest.mark.parametrize("batch_size", [1, 4, 8])
def test_an_embedding_that_is_not_finite_is_an_error_of_its_image_alone(
    batch_size, pictures, tmp_path, tiny_bundle
):
    bundle = tiny.write_bundle(tmp_path / "bundle", of_black_images_not_finite())
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "black.png")
    names = ["face_00.png", "black.png", *[path.name for path in pictures[1:]]]
    columns = {"reference": names, "test": ["face_03.png"] * 7}
    rows = write_csv(tmp_path / "pairs.csv", columns)
    kept = tmp_path / "kept.sqlite"
    job = make_job(bundle, rows, tmp_path / "out", kept=kept, batch_size=batch_size)
    done = run_here(job)
    assert (done.rows, done.errors, *counts(done)) == (7, 1, 7, 0, 7)
    good = replace(job, bundle=tiny_bundle, out=tmp_path / "good", kept=None)
    run_here(good)
    for name, row, expected in zip(names, rows_of(job.out), rows_of(good.out), strict=True):
        if name == "black.png":
            assert (row["status"], row["code"]) == ("error", "embedding")
            assert "reference: its embedding holds NaN or infinity" in row["message"]
            assert row["similarity"] is None
        else:
            assert row["similarity"] == expected["similarity"]
            np.testing.assert_array_equal(row["test_map"], expected["test_map"])
    assert counts(run_here(replace(job, out=tmp_path / "again"))) == (7, 6, 1)


def test_an_embedding_of_zeros_is_an_error_of_its_image_alone(pictures, tmp_path, tiny_bundle):
    """The tiny network, which is linear, sees nothing in an image without any light."""
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "black.png")
    columns = {"reference": ["face_00.png", "black.png"], "test": ["face_03.png"] * 2}
    rows = write_csv(tmp_path / "pairs.csv", columns)
    job = make_job(tiny_bundle, rows, tmp_path / "out", kept=tmp_path / "kept.sqlite")
    done = run_here(job)
    assert (done.rows, done.errors, *counts(done)) == (2, 1, 3, 0, 3)
    good, bad = rows_of(job.out)
    assert good["status"] == "ok"
    assert (bad["status"], bad["code"], bad["similarity"]) == ("error", "embedding", None)
    assert "reference: its embedding is zero all over" in bad["message"]
    assert counts(run_here(replace(job, out=tmp_path / "again"))) == (3, 2, 1)


# Files that change while a job is under way

TAKEN_AWAY = {
    "changed": (lambda path: path.write_bytes(OTHER), "changed", "has changed since"),
    "cut short": (lambda path: path.write_bytes(GOOD[:50]), "changed", "has changed since"),
    "gone": (lambda path: path.unlink(), "image", "cannot be read: No such file"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "image", "cannot be read"),
}


@pytest.mark.parametrize("what", TAKEN_AWAY)
def test_an_image_that_is_not_as_it_was_planned_is_an_error(what, pictures, tmp_path, tiny_bundle):
    take_away, code, says = TAKEN_AWAY[what]
    columns = {"reference": ["face_02.png", "face_01.png"], "test": ["face_03.png"] * 2}
    rows = write_csv(tmp_path / "pairs.csv", columns)
    job = make_job(tiny_bundle, rows, tmp_path / "out", kept=tmp_path / "kept.sqlite")
    done = run(job, Meddling({Embedding: lambda: take_away(pictures[2])}))
    assert (done.rows, done.errors, done.embedded) == (2, 1, 2)
    first, second = read_results(job.out)
    assert (first["status"], first["code"], first["similarity"]) == ("error", code, None)
    assert first["message"].startswith("reference: ")
    assert "face_02.png" in first["message"]
    assert says in first["message"]
    assert second["status"] == "ok"


def test_a_file_that_comes_back_is_taken_again(pictures, tmp_path, tiny_bundle):
    rows = write_csv(tmp_path / "pairs.csv", pair_up(pictures, 6))
    job = make_job(tiny_bundle, rows, tmp_path / "out")
    shutil.move(pictures[1], tmp_path / "elsewhere.png")
    with pytest.raises(StoppedError):
        run(job, Meddling({Embedding: interrupt}))
    shutil.move(tmp_path / "elsewhere.png", pictures[1])
    assert run_here(job).errors == 1  # as it was planned
    assert run_here(replace(job, out=tmp_path / "anew")).errors == 0
