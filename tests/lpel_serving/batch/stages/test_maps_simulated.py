"""Maps of a method that asks the surrogate: a second pass, once for each image of a shard."""

import numpy as np
import pytest

from lpel_serving import Explainer
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.batch.stages import maps
from lpel_serving.batch.stages.maps import Pairs, maps_of
from lpel_serving.equations.decision import decide_many
from lpel_serving.methods import find_method
from lpel_serving.support.errors import ParameterError, WithdrawnError
from support import plugins, tiny
from support.batch import make_job, pair_up, run_here, write_csv
from support.batch_rows import rows_of
from support.tiny_surrogate import Simulating, count_passes, noise


def test_each_image_of_a_shard_goes_through_once_more(simulating_bundle):
    explainer = Explainer.load(simulating_bundle)
    crops = noise(3)
    embeddings = explainer.embed(crops)
    references, tests = np.array([0, 0, 1, 2]), np.array([1, 2, 2, 0])
    numbers = np.array([4, 7, 9])
    decisions = decide_many(embeddings[references], embeddings[tests], 0.25)
    pairs = Pairs(
        numbers,
        embeddings,
        dict(zip(numbers.tolist(), crops, strict=True)),
        references,
        tests,
        decisions,
    )
    passes = count_passes(explainer.embedder)
    found = list(maps_of(pairs, Simulating(), explainer, 0, lambda: False))
    assert passes == [(3, True)]
    for r, t, (forward, swapped) in zip(references, tests, found, strict=True):
        alone = explainer.explain(crops[r], crops[t], method=Simulating())
        np.testing.assert_array_equal(forward[0], alone.forward.heat_map)
        np.testing.assert_array_equal(swapped[0], alone.swapped.heat_map)


def test_a_job_may_stop_between_portions_of_local_features(simulating_bundle):
    explainer = Explainer.load(simulating_bundle)
    crops = noise(maps.DEFAULT_BATCH + 1)
    embeddings, places = explainer.embed(crops), np.array([0])
    decisions = decide_many(embeddings[places], embeddings[places + 1], 0.25)
    numbers = np.arange(len(crops))
    by_number = dict(enumerate(crops))
    pairs = Pairs(numbers, embeddings, by_number, places, places + 1, decisions)
    passes = count_passes(explainer.embedder)
    with pytest.raises(WithdrawnError):
        list(maps_of(pairs, Simulating(), explainer, 0, lambda: bool(passes)))
    assert passes == [(maps.DEFAULT_BATCH, True)]


def test_a_job_explains_by_it(pictures, simulating_bundle, tmp_path, monkeypatch):
    plugins.install(tmp_path / "methods", monkeypatch, {"simulating": "Simulating"})
    rows = write_csv(tmp_path / "pairs.csv", pair_up(pictures, 4))
    job = make_job(simulating_bundle, rows, tmp_path / "out", settings=BatchSettings("simulating"))
    done = run_here(job)
    assert (done.rows, done.errors) == (4, 0)
    explainer = Explainer.load(simulating_bundle)
    row = rows_of(tmp_path / "out")[1]
    pair = [(one, other) for one in pictures for other in pictures][1]
    alone = explainer.explain(*pair, method=Simulating())
    np.testing.assert_array_equal(row["test_map"], alone.forward.heat_map)


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
