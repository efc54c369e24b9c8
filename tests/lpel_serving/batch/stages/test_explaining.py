"""Pairs that cannot be explained, although both images have an embedding, or had one."""

from dataclasses import replace

import numpy as np
import pytest
from onnx import numpy_helper
from PIL import Image

from lpel_serving import Explainer
from lpel_serving.batch.output.shards import Explaining
from lpel_serving.batch.run import run
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.batch.stages.maps import read_crops
from lpel_serving.batch.stages.pair_table import PairTable
from lpel_serving.batch.store.by_number import CHANGED, UNUSABLE, Failure
from lpel_serving.bundle.manifest import ThresholdRecord
from lpel_serving.methods.catalogue.registry import find_method
from support import tiny
from support.batch import make_job, pair_up, run_here, write_csv, write_parquet
from support.batch_rows import ROLES, Meddling, rows_of, shards_of
from support.images import pixels

THRESHOLD = 0.8
"""Some of the pictures are similar at it, some are not."""


@pytest.fixture
def bundle(tmp_path):
    record = ThresholdRecord(THRESHOLD, {})
    return tiny.write_bundle(tmp_path / "bundle", responds=True, threshold=record)


def test_of_a_pair_that_the_method_refuses_the_decision_stays(pictures, tmp_path, bundle):
    rows = write_csv(tmp_path / "pairs.csv", pair_up(pictures, 36))
    settings = BatchSettings("emsnn")  # which explains similar pairs alone
    done = run_here(make_job(bundle, rows, tmp_path / "out", settings=settings))
    explainer = Explainer.load(bundle)
    both = [(one, other) for one in pictures for other in pictures]
    decided = explainer.explain_pairs(both, method=find_method("lpel"))
    refused = [not pair.similar for pair in decided]
    assert 0 < done.errors == sum(refused) < done.rows
    for row, pair, images in zip(rows_of(tmp_path / "out"), decided, both, strict=True):
        assert (row["similarity"], row["similar"]) == (pair.similarity, pair.similar)
        assert row["margin"] == np.float32(pair.similarity - THRESHOLD)
        if pair.similar:
            expected = explainer.explain(*images, method=find_method("emsnn"))
            assert (row["status"], row["code"], row["message"]) == ("ok", None, None)
            np.testing.assert_array_equal(row["test_map"], expected.forward.heat_map)
            np.testing.assert_array_equal(row["reference_map"], expected.swapped.heat_map)
            continue
        assert (row["status"], row["code"]) == ("error", "unexplained")
        assert "similar" in row["message"]
        for role in ROLES:
            of_role = ("map", "regions_for", "regions_against")
            assert [row[f"{role}_{what}"] for what in of_role] == [None] * 3
            assert row[f"{role}_sha256"] is not None


def loud_responses() -> bytes:
    """The tiny response decoder, a thousand times louder."""
    model = tiny.responses_model()
    (kernel,) = (one for one in model.graph.initializer if one.name == "kernel")
    kernel.CopyFrom(numpy_helper.from_array(1000 * tiny.responses_kernel(), "kernel"))
    return model.SerializeToString()


@pytest.mark.parametrize("similar", [True, False])
@pytest.mark.parametrize("method", ["lpel", "responses"])
def test_an_embedding_beyond_all_measure_is_an_error_of_its_rows_alone(method, similar, tmp_path):
    record = ThresholdRecord(-0.99 if similar else 0.99, {})
    bundle = tiny.write_bundle(tmp_path / "bundle", responses=loud_responses(), threshold=record)
    given = np.random.default_rng(0).normal(size=(2, 50, tiny.DIMENSION)).astype(np.float32)
    good = dict(zip(ROLES, map(list, given), strict=True))
    given = given.copy()
    given[0, 20] = given[1, 33] = 3e38 * np.array([1, -1, 1, -1, 1, -1])
    bad = dict(zip(ROLES, map(list, given), strict=True))
    for name, columns in (("good", good), ("bad", bad)):
        rows = write_parquet(tmp_path / f"{name}.parquet", columns)
        settings = BatchSettings(method)
        done = run_here(make_job(bundle, rows, tmp_path / name, settings=settings))
        # Responses are of unit embeddings, and have no measure to be beyond.
        refused = 2 * (name == "bad" and method == "lpel")
        assert (done.rows, done.errors) == (50, refused)
    for place, (row, expected) in enumerate(
        zip(rows_of(tmp_path / "bad"), rows_of(tmp_path / "good"), strict=True)
    ):
        if place in (20, 33) and method == "responses":
            assert row["status"] == "ok"
            assert np.isfinite(row["test_map"]).all()
            assert np.ptp(row["test_map"]) > 0
            continue
        if place in (20, 33):
            assert (row["status"], row["code"]) == ("error", "unexplained")
            assert -1 <= row["similarity"] <= 1
            assert row["test_map"] is row["reference_map"] is None
            assert row["message"]
            continue
        assert row["similarity"] == expected["similarity"]
        np.testing.assert_array_equal(row["test_map"], expected["test_map"])
        np.testing.assert_array_equal(row["reference_map"], expected["reference_map"])


TAKEN_AWAY = {
    "changed": (lambda path: Image.fromarray(pixels(99)).save(path), "changed", "has changed"),
    "gone": (lambda path: path.unlink(), "image", "cannot be read: No such file"),
}


@pytest.mark.parametrize("curves", [False, True])
@pytest.mark.parametrize("what", TAKEN_AWAY)
def test_a_method_that_looks_at_images_misses_those_that_are_not_as_they_were(
    what, curves, pictures, tmp_path, bundle
):
    take_away, code, says = TAKEN_AWAY[what]
    rows = write_csv(tmp_path / "pairs.csv", pair_up(pictures, 36))
    settings = BatchSettings("lpel" if curves else "occlusion", curves=curves, draws=1, every=8)
    job = make_job(bundle, rows, tmp_path / "out", settings=settings)
    done = run(job, Meddling({Explaining: lambda: take_away(pictures[2])}))
    bad, gone = 0, "face_02.png"
    for row in rows_of(job.out):
        if gone not in (row["reference"], row["test"]):
            assert row["status"] == "ok"
            continue
        bad += 1
        role = "reference" if row["reference"] == gone else "test"
        assert (row["status"], row["code"]) == ("error", code)
        assert row["message"].startswith(f"{role}: ")
        assert gone in row["message"]
        assert says in row["message"]
        assert row["similarity"] is row["test_map"] is row["reference_map"] is None
    assert (done.rows, done.errors, done.embedded) == (36, 11, 6)
    assert bad == 11


@pytest.mark.parametrize("method", ["lpel", "responses"])
def test_a_method_that_looks_at_embeddings_misses_nothing(method, pictures, tmp_path, bundle):
    rows = write_csv(tmp_path / "pairs.csv", pair_up(pictures, 9))
    job = make_job(bundle, rows, tmp_path / "out", settings=BatchSettings(method))
    before = replace(job, out=tmp_path / "before")
    run_here(before)
    done = run(job, Meddling({Explaining: lambda: [path.unlink() for path in pictures]}))
    assert done.errors == 0
    assert shards_of(job.out) == shards_of(before.out)


def table(**changes):
    """Three pairs of the images 0 to 3, the second of which has no reference."""
    columns = {
        "identifiers": ["a", "b", "c"],
        "reference_names": [None] * 3,
        "test_names": [None] * 3,
        "references": np.array([0, 1, 2]),
        "tests": np.array([3, 3, 0]),
        "codes": [None, UNUSABLE, None],
        "messages": [None, "reference: it is no image.", None],
    }
    return PairTable(**columns | changes)


def test_an_error_stands_whatever_else_goes_wrong():
    found = table().without({3: Failure(CHANGED, "it changed.")})
    assert list(found.codes) == [CHANGED, UNUSABLE, None]
    assert list(found.messages) == ["test: it changed.", "reference: it is no image.", None]
    assert found.usable.tolist() == [False, False, True]
    assert found.errors == 2


def test_of_two_images_that_are_missed_the_reference_is_told():
    found = table().without({0: Failure(CHANGED, "0."), 3: Failure(UNUSABLE, "3.")})
    assert list(found.messages) == ["reference: 0.", "reference: it is no image.", "test: 0."]
    assert list(found.codes) == [CHANGED, UNUSABLE, CHANGED]


def test_images_are_read_once_for_all_pairs_of_a_shard(pictures, tmp_path, bundle, monkeypatch):
    read: list[int] = []

    def counted(numbers, *more):
        found = read_crops(numbers, *more)
        read.extend(found)
        return found

    monkeypatch.setattr("lpel_serving.batch.stages.explaining.read_crops", counted)
    rows = write_csv(tmp_path / "pairs.csv", pair_up(pictures, 36))
    run_here(make_job(bundle, rows, tmp_path / "out", settings=BatchSettings("centre")))
    assert sorted(read) == list(range(6))
