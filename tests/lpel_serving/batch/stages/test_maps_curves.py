"""Each pair's own deletion curve beside random ones: `lpel_serving.faithfulness.pair_check`."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from PIL import Image

from lpel_serving import Explainer
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.batch.stages.maps import CURVE_COLUMNS
from lpel_serving.bundle.manifest import EMBEDDING, ThresholdRecord
from lpel_serving.equations.fill import Fill
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.pair_check import check_pair, question_for
from lpel_serving.methods.catalogue.registry import find_method
from lpel_serving.methods.decoded.responses import Responses
from lpel_serving.methods.method import FacePair
from support import tiny
from support.batch import make_job, pair_up, read_results, run_here, write_csv
from support.batch_rows import shards_of
from support.images import pixels

THRESHOLD, SEED = 0.8, 5
METHODS = {
    "lpel": find_method("lpel"),
    "responses": Responses(1),
    "occlusion": find_method("occlusion"),
    "emsnn": find_method("emsnn"),
}


def bundle_with(folder, threshold):
    record = ThresholdRecord(threshold, {})
    return tiny.write_bundle(folder / "bundle", responds=True, threshold=record)


@pytest.fixture
def pairs(pictures, tmp_path):
    return write_csv(tmp_path / "pairs.csv", pair_up(pictures, 12))


@pytest.mark.parametrize(("draws", "every"), [(10, 4), (3, 1)])
@pytest.mark.parametrize("name", ["lpel", "responses", "occlusion"])
def test_curves_are_those_of_the_faithfulness_check_of_the_same_pair(
    name, draws, every, pictures, pairs, tmp_path
):
    bundle = bundle_with(tmp_path, THRESHOLD)
    settings = BatchSettings(name, curves=True, draws=draws, every=every, seed=SEED)
    run_here(make_job(bundle, pairs, tmp_path / "out", settings=settings))
    explainer = Explainer.load(bundle)
    both = [(one, other) for one in pictures for other in pictures][:12]
    explained = explainer.explain_pairs(both, method=METHODS[name], seed=SEED)
    rows = read_results(tmp_path / "out")
    assert {row["similar"] for row in rows} == {True, False}
    for row, pair in zip(rows, explained, strict=True):
        faces = FacePair(
            pair.reference_crop,
            pair.test_crop,
            pair.reference_embedding,
            pair.test_embedding,
            pair.similar,
        )
        question = question_for(similar=pair.similar)
        side = tiny.TARGET_SIZE
        defined = CurveSettings(
            question.kind,
            superpixel=1,  # the 64 that an image of 8 pixels has, as usual
            image_size=side,
            every=every,
            fill=Fill(grain=side),
            draws=draws,
        )
        expected = check_pair(explainer, faces, pair.forward.heat_map, question, defined, SEED)
        assert row["curve_note"] is None
        assert row["curve_own"] == expected.own.tolist()
        assert len(row["curve_own"]) == len(row["curve_random"]) == 64 // every + 1
        assert row["curve_random"] == expected.random.mean(axis=0).tolist()
        assert row["curve_area"] == expected.area
        assert row["curve_random_areas"] == expected.random_areas.tolist()
        assert len(row["curve_random_areas"]) == draws


def test_a_pair_of_which_there_is_no_curve_has_a_note(pictures, pairs, tmp_path):
    bundle = bundle_with(tmp_path, 1.0)  # even the same image is called dissimilar
    settings = BatchSettings("responses", curves=True, draws=1, every=16)
    done = run_here(make_job(bundle, pairs, tmp_path / "out", settings=settings))
    assert done.errors == 0
    for row in read_results(tmp_path / "out"):
        found = [row[name] for name in CURVE_COLUMNS]
        if row["reference"] == row["test"]:
            assert found[:4] == [None] * 4
            assert "begins at 0.999 or more cannot rise" in row["curve_note"]
        else:
            assert None not in found[:4]
            assert row["curve_note"] is None
        assert (row["status"], row["message"]) == ("ok", None)


PLACE = (13, 7, 1)
"""A value that is bright in the noise by which the engine finds out how large maps are."""
LEAST = 200


def finite_where_bright() -> bytes:
    """The tiny embedder, but that its embeddings are NaN unless an image is bright at `PLACE`."""
    model = tiny.embedder_model()
    nodes = model.graph.node
    nodes[-1].output[0] = "right"
    chosen = np.zeros((16, 16, 3), np.float32)
    chosen[PLACE] = 1
    weights = {"chosen": chosen.reshape(-1, 1), "least": np.array(LEAST / 255, np.float32)}
    model.graph.initializer.extend(
        numpy_helper.from_array(value, name) for name, value in weights.items()
    )
    nodes.extend(
        [
            helper.make_node("MatMul", ["flat", "chosen"], ["light"]),
            helper.make_node("Sub", ["light", "least"], ["more"]),
            helper.make_node("Sqrt", ["more"], ["root"]),
            helper.make_node("Div", ["root", "root"], ["one"]),
            helper.make_node("Mul", ["right", "one"], [EMBEDDING]),
        ]
    )
    onnx.checker.check_model(model)
    return model.SerializeToString()


def test_an_embedding_that_is_not_finite_on_the_way_costs_the_curve_alone(tmp_path):
    bundle = tiny.write_bundle(tmp_path / "bundle", finite_where_bright())
    for seed, name in enumerate("ab"):
        shown = pixels(seed)
        shown[PLACE] = 255
        Image.fromarray(shown).save(tmp_path / f"{name}.png")
    rows = write_csv(tmp_path / "pairs.csv", {"reference": ["a.png"], "test": ["b.png"]})
    settings = BatchSettings("lpel", curves=True, draws=2)
    done = run_here(make_job(bundle, rows, tmp_path / "out", settings=settings))
    assert (done.rows, done.errors) == (1, 0)
    (row,) = read_results(tmp_path / "out")
    assert [row[name] for name in CURVE_COLUMNS[:4]] == [None] * 4
    assert "NaN or infinity" in row["curve_note"]
    assert row["test_regions_for"] is not None


def test_a_pair_without_a_map_has_no_curve(pairs, tmp_path):
    bundle = bundle_with(tmp_path, THRESHOLD)
    settings = BatchSettings("emsnn", curves=True, draws=1, every=16)
    done = run_here(make_job(bundle, pairs, tmp_path / "out", settings=settings))
    assert 0 < done.errors < done.rows
    for row in read_results(tmp_path / "out"):
        has_curve = row["curve_own"] is not None
        assert has_curve == row["similar"] == (row["status"] == "ok")
        assert has_curve or [row[name] for name in CURVE_COLUMNS] == [None] * 5


def test_curves_change_nothing_else(pairs, tmp_path):
    bundle = bundle_with(tmp_path, THRESHOLD)
    for name, curves in (("with", True), ("without", False)):
        settings = BatchSettings("lpel", curves=curves, draws=1, every=16)
        run_here(make_job(bundle, pairs, tmp_path / name, settings=settings))
    rows, without = (read_results(tmp_path / name) for name in ("with", "without"))
    for row, plain in zip(rows, without, strict=True):
        assert set(row) - set(plain) == set(CURVE_COLUMNS)
        assert {name for name in plain if plain[name] != row[name]} == {"config_sha256"}


def test_curves_are_the_same_bytes_with_any_workers_and_any_batches(pairs, tmp_path, monkeypatch):
    monkeypatch.setattr("lpel_serving.batch.settings.FEW_ROWS", 5)
    bundle = bundle_with(tmp_path, THRESHOLD)
    settings = BatchSettings("lpel", curves=True, draws=2, every=8)
    for workers, batch_size in ((1, 8), (3, 1)):
        job = make_job(
            bundle, pairs, tmp_path / str(workers), settings=settings, batch_size=batch_size
        )
        run_here(job, workers)
    assert len(shards_of(tmp_path / "1")) == 3
    assert shards_of(tmp_path / "1") == shards_of(tmp_path / "3")
