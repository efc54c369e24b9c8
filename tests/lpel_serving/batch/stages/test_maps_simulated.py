"""Maps of methods that ask the surrogate: from what was kept of each photograph's one pass."""

import numpy as np
import pytest

from lpel_serving import Explainer
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.engine.embedder import Embedder
from lpel_serving.methods import find_method
from lpel_serving.support.errors import ParameterError
from support import plugins, tiny, tiny_surrogate
from support.batch import make_job, pair_up, run_here, write_csv, write_pictures
from support.batch_rows import ROLES, Seen, rows_of
from support.images import pixels

METHODS = {
    "surrogate": BatchSettings("surrogate"),
    "larger maps": BatchSettings("surrogate", map_side=9),
    "few steps, another fill": BatchSettings("surrogate", parameters={"steps": 1, "fill": "blur"}),
    "transplants": BatchSettings("surrogate", parameters={"fill": "transplant"}),
    "surrogate-order": BatchSettings("surrogate-order"),
    "hybrid": BatchSettings("hybrid", parameters={"count": 4}),
    "another package's": BatchSettings("simulating"),
}


@pytest.fixture
def passes(monkeypatch):
    """Crops of all runs of an embedder: of fixed batches, and of others."""
    fixed, others = Seen().watch(monkeypatch), Seen()
    for name in ("embed", "features"):
        run = getattr(Embedder, name)

        def noted(of, crops, *rest, run=run):
            others.crops.extend(crop.tobytes() for crop in crops)
            return run(of, crops, *rest)

        monkeypatch.setattr(Embedder, name, noted)
    return fixed.crops, others.crops


@pytest.mark.parametrize("name", METHODS)
def test_rows_are_what_the_engine_says_of_a_pair_alone(name, pictures, tmp_path, monkeypatch):
    plugins.install(tmp_path / "methods", monkeypatch, {"simulating": "Simulating"})
    settings = METHODS[name]
    bundle = tiny_surrogate.write_bundle(
        tmp_path / "bundle", threshold=tiny.ThresholdRecord(0.8, {})
    )
    rows = write_csv(tmp_path / "pairs.csv", pair_up(pictures, 12))
    run_here(make_job(bundle, rows, tmp_path / "out", settings=settings, batch_size=4))
    explainer, method = Explainer.load(bundle), settings.make_method()
    found = rows_of(tmp_path / "out")
    assert {row["similar"] for row in found} == {True, False}
    for row in found:
        pair = [tmp_path / row[role] for role in ROLES]
        if row["similar"] and name == "transplants":
            assert row["code"] == "unexplained"
            continue
        alone = explainer.explain(*pair, method=method)
        np.testing.assert_array_equal(row["test_map"], alone.forward.heat_map)
        np.testing.assert_array_equal(row["reference_map"], alone.swapped.heat_map)


@pytest.mark.parametrize("name", METHODS)
def test_a_photograph_passes_through_the_embedder_once(
    name, simulating_bundle, tmp_path, monkeypatch, passes
):
    plugins.install(tmp_path / "methods", monkeypatch, {"simulating": "Simulating"})
    pictures = write_pictures(tmp_path, first=10)  # none is the noise that the shape is found by
    rows = write_csv(tmp_path / "pairs.csv", pair_up(pictures, 12))
    job = make_job(simulating_bundle, rows, tmp_path / "out", settings=METHODS[name])
    assert run_here(job).embedded == 6
    fixed, others = passes
    photographs = {pixels(seed).tobytes() for seed in range(10, 16)}
    assert sorted(fixed) == sorted(photographs)
    assert not photographs & set(others)


@pytest.mark.parametrize("bundle", ["responding_bundle", "simulating_bundle"])
def test_a_hybrid_corrects_what_the_bundle_has(bundle, pictures, tmp_path, request):
    rows = write_csv(tmp_path / "pairs.csv", pair_up(pictures, 2))
    settings = BatchSettings("hybrid", parameters={"count": 4})
    folder = request.getfixturevalue(bundle)
    done = run_here(make_job(folder, rows, tmp_path / "out", settings=settings))
    assert (done.rows, done.errors) == (2, 0)
    pair = [(one, other) for one in pictures for other in pictures][1]
    alone = Explainer.load(folder).explain(*pair, method=find_method("hybrid", count=4))
    row = rows_of(tmp_path / "out")[1]
    np.testing.assert_array_equal(row["test_map"], alone.forward.heat_map)


def test_a_hybrid_needs_one_of_them(pictures, tmp_path):
    bundle = tiny.write_bundle(tmp_path / "bundle")
    rows = write_csv(tmp_path / "pairs.csv", pair_up(pictures, 2))
    job = make_job(bundle, rows, tmp_path / "out", settings=BatchSettings("hybrid"))
    with pytest.raises(ParameterError, match="no surrogate or response decoder: train one"):
        run_here(job)


def test_a_bundle_without_one_is_refused_before_the_work_starts(
    pictures, responding_bundle, tmp_path, monkeypatch
):
    plugins.install(tmp_path / "methods", monkeypatch, {"simulating": "Simulating"})
    rows = write_csv(tmp_path / "pairs.csv", pair_up(pictures, 4))
    job = make_job(responding_bundle, rows, tmp_path / "out", settings=BatchSettings("simulating"))
    with pytest.raises(ParameterError, match="has no surrogate: train one"):
        run_here(job)
