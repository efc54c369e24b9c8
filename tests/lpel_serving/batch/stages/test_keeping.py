"""What a job keeps of photographs for the surrogate: local features, simulations, or nothing."""

import pickle
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from lpel_serving import Explainer
from lpel_serving.batch.input.lists import Lists
from lpel_serving.batch.job import prepare
from lpel_serving.batch.output.shards import Explaining
from lpel_serving.batch.run import run
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.batch.stages.runners import Local
from lpel_serving.batch.store import folder
from lpel_serving.batch.store.chunk_arrays import ChunkArrays
from lpel_serving.batch.store.folder import Places
from lpel_serving.engine.surrogate import Surrogate
from lpel_serving.equations.similarity import unit
from lpel_serving.methods.from_features import explain_features, template_features
from lpel_serving.methods.simulated.surrogate_attribution import SurrogateAttribution
from lpel_serving.methods.simulated.surrogate_order import SurrogateOrder
from lpel_serving.support.errors import BundleError, OutputError, PairsError
from support import tiny, tiny_surrogate
from support.batch import (
    make_job,
    pair_up,
    run_here,
    write_csv,
    write_parquet,
    write_pictures,
)
from support.batch_rows import Meddling, Seen, rows_of, shards_of
from support.images import pixels


@pytest.fixture
def listed(tmp_path, pictures):
    return write_csv(tmp_path / "pairs.csv", pair_up(pictures, 36))


@pytest.fixture
def job(simulating_bundle, listed, tmp_path):
    return make_job(simulating_bundle, listed, tmp_path / "out")


@pytest.fixture
def templates(tmp_path):
    """A list of embeddings, and those."""
    of_tests = np.random.default_rng(0).normal(size=(6, tiny.DIMENSION)).astype(np.float32)
    of_references = of_tests[::-1].copy()
    columns = {"reference": of_references, "test": of_tests}
    arrays = {name: pa.array(list(values)) for name, values in columns.items()}
    return write_parquet(tmp_path / "templates.parquet", arrays), of_references, of_tests


@pytest.mark.parametrize(
    ("method", "kept"),
    [
        ("responses", []),
        ("surrogate", ["simulations"]),
        ("surrogate-order", ["local_features"]),
        ("hybrid", ["local_features"]),
    ],
)
def test_a_job_keeps_what_its_method_needs(method, kept, job):
    parameters = {"count": 2} if method == "hybrid" else {}
    job = replace(job, settings=BatchSettings(method, parameters=parameters))
    there = []
    work = Places(job.out).work

    def look():
        there.extend(name for name in ("local_features", "simulations") if (work / name).exists())

    run(job, Meddling({Explaining: look}))
    assert there == kept
    assert not work.exists()


@pytest.mark.parametrize(("probes", "kept"), [(2, "local_features"), (3, "simulations")])
@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
def test_of_a_large_gallery_only_what_a_search_finds_is_simulated(
    probes, kept, known, simulating_bundle, tmp_path
):
    names = [path.name for path in write_pictures(tmp_path, 6)]
    gallery = {"image": names, "image_id": names}
    lists = Lists(
        write_csv(tmp_path / "probes.csv", {"image": names[:probes]}),
        write_csv(tmp_path / "gallery.csv", gallery),
    )
    settings = BatchSettings(top=1)
    job = make_job(simulating_bundle, lists.rows, tmp_path / "out", settings=settings)
    job = replace(job, lists=lists, kept=tmp_path / "kept.sqlite" if known else None)
    if known:
        run_here(replace(job, out=tmp_path / "before"))
    work, there = Places(job.out).work, []
    run(job, Meddling({Explaining: lambda: there.extend(path.name for path in work.iterdir())}))
    assert kept in there
    assert ("simulations" in there) == (kept == "simulations")
    explainer, method = Explainer.load(job.bundle), SurrogateAttribution(size=1)
    for row in rows_of(job.out):
        pair = [tmp_path / row[role] for role in ("reference", "test")]
        alone = explainer.explain(*pair, method=method)
        np.testing.assert_array_equal(row["test_map"], alone.forward.heat_map)
        np.testing.assert_array_equal(row["reference_map"], alone.swapped.heat_map)


def test_simulations_take_the_room_that_docs_say(job):
    sizes = []
    path = Places(job.out).simulations(0)
    run(job, Meddling({Explaining: lambda: sizes.append(path.stat().st_size)}))
    assert sizes == [6 * (4 * (tiny_surrogate.K + 1) + 2) * tiny.DIMENSION * 4]


def test_the_surrogate_is_the_default_where_there_is_one(job, responding_bundle, tmp_path):
    assert run_here(job).method == "surrogate"
    assert rows_of(job.out)[0]["test_map"].shape == (tiny.SIDE, tiny.SIDE)
    other = replace(job, bundle=responding_bundle, out=tmp_path / "other")
    assert run_here(other).method == "responses"


def test_a_folder_of_another_method_is_refused_and_goes_on_by_its_own(job):
    by_responses = replace(job, settings=BatchSettings("responses"))
    run_here(by_responses)
    before = shards_of(job.out)
    with pytest.raises(OutputError, match="method from responses to surrogate, parameters"):
        run_here(job)
    assert run_here(by_responses).embedded == 0
    assert shards_of(job.out) == before


@pytest.mark.parametrize("method", ["surrogate", "surrogate-order"])
def test_a_job_that_was_cut_short_comes_to_the_same_bytes(
    method, simulating_bundle, tmp_path, monkeypatch
):
    pictures = write_pictures(tmp_path, 2 * folder.IMAGES_IN_CHUNK + 3)
    names = [path.name for path in pictures]
    rows = write_csv(tmp_path / "pairs.csv", {"reference": names[:130], "test": names[129:]})
    settings = BatchSettings(method, parameters={} if method == "surrogate" else {"step": 16})
    whole = make_job(simulating_bundle, rows, tmp_path / "whole", settings=settings)
    run_here(whole, 3)
    cut = replace(whole, out=tmp_path / "cut", batch_size=3)
    seen = Seen().watch(monkeypatch)

    class OnePiece(Local):
        def run(self, stage, pieces):
            yield from super().run(stage, pieces[:1])
            raise KeyboardInterrupt

    for _ in range(4):  # three chunks, then a shard
        with pytest.raises(KeyboardInterrupt):
            run(cut, OnePiece(1))
    run_here(cut, 1)
    assert shards_of(cut.out) == shards_of(whole.out)
    assert len(seen.crops) == len(set(seen.crops)) == len(pictures)


@pytest.mark.parametrize("method", ["surrogate", "surrogate-order"])
def test_features_that_are_kept_are_not_made_again(
    method, simulating_bundle, listed, pictures, tmp_path, monkeypatch
):
    few = write_csv(tmp_path / "few.csv", pair_up(pictures[:4], 16))
    kept, settings = tmp_path / "kept.sqlite", BatchSettings(method)
    first = make_job(simulating_bundle, few, tmp_path / "few", settings=settings, kept=kept)
    run_here(first)
    seen = Seen().watch(monkeypatch)
    again = make_job(simulating_bundle, listed, tmp_path / "again", settings=settings, kept=kept)
    done = run_here(again)
    assert (done.images, done.known, done.embedded, len(seen.crops)) == (6, 4, 2, 2)
    fresh = run_here(replace(again, kept=None, out=tmp_path / "fresh"))
    assert fresh.known == 0
    rows, others = rows_of(again.out), rows_of(tmp_path / "fresh")
    for row, other in zip(rows, others, strict=True):
        np.testing.assert_array_equal(row["test_map"], other["test_map"])
        np.testing.assert_array_equal(row["reference_map"], other["reference_map"])


def test_images_kept_without_local_features_pass_again_where_they_are_needed(job, tmp_path):
    kept = tmp_path / "kept.sqlite"
    settings = BatchSettings("responses")
    run_here(replace(job, out=tmp_path / "first", settings=settings, kept=kept))
    done = run_here(replace(job, kept=kept))
    assert (done.known, done.embedded) == (0, 6)
    third = run_here(replace(job, out=tmp_path / "third", kept=kept))
    assert (third.known, third.embedded) == (6, 0)
    last = replace(job, out=tmp_path / "last", settings=settings, kept=kept)
    assert run_here(last).known == 6


def test_a_file_for_later_jobs_may_be_named_when_a_job_resumes(job, tmp_path):
    class Gone(Local):
        def run(self, stage, pieces):
            if isinstance(stage, Explaining):
                raise KeyboardInterrupt
            yield from super().run(stage, pieces)

    with pytest.raises(KeyboardInterrupt):
        run(job, Gone(1))
    kept = tmp_path / "kept.sqlite"
    assert run_here(replace(job, kept=kept)).errors == 0
    assert run_here(replace(job, out=tmp_path / "other", kept=kept)).known == 0


@pytest.mark.parametrize("method", [SurrogateAttribution(size=1), SurrogateOrder()])
def test_templates_are_explained_without_local_features(
    method, templates, simulating_bundle, tmp_path
):
    rows, of_references, of_tests = templates
    name = "surrogate" if isinstance(method, SurrogateAttribution) else "surrogate-order"
    job = make_job(simulating_bundle, rows, tmp_path / "out", settings=BatchSettings(name))
    assert run_here(job).errors == 0
    explainer = Explainer.load(simulating_bundle)
    for row, h_r, h_t in zip(rows_of(job.out), of_references, of_tests, strict=True):
        features = template_features(np.stack([h_r, h_t]), *explainer.embedder.local_shape)
        both = explain_features(method, features, explainer, similar=row["similar"])
        np.testing.assert_array_equal(row["test_map"], both.forward)
        np.testing.assert_array_equal(row["reference_map"], both.swapped)


def test_templates_are_explained_by_responses_where_nothing_is_named(
    templates, simulating_bundle, tmp_path
):
    job = make_job(simulating_bundle, templates[0], tmp_path / "out")
    assert prepare(job).templates
    assert run_here(job).method == "responses"
    bundle = tiny_surrogate.write_bundle(tmp_path / "bundle", responds=False)
    assert run_here(replace(job, bundle=bundle, out=tmp_path / "other")).method == "surrogate"


def test_templates_have_no_images_to_be_looked_at(templates, simulating_bundle, tmp_path):
    job = make_job(simulating_bundle, templates[0], tmp_path, settings=BatchSettings("hybrid"))
    with pytest.raises(PairsError, match="such as responses, surrogate, surrogate-order"):
        run_here(replace(job, out=tmp_path / "out"))


def test_broken_local_features_are_a_row(job, pictures, tmp_path, monkeypatch):
    explainer = Explainer.load(job.bundle)
    fixed = type(explainer.embedder).fixed_features

    def breaking(of, size):
        run = fixed(of, size)

        def broken(crops):
            found = run(crops)
            found.local[0] = np.nan
            return found

        return broken

    monkeypatch.setattr(type(explainer.embedder), "fixed_features", breaking)
    done = run_here(job)
    messages = {row["message"] for row in rows_of(job.out) if row["code"] == "embedding"}
    assert done.errors
    assert all("its local features hold NaN or infinity" in one for one in messages)


@pytest.mark.parametrize("method", ["surrogate", "surrogate-order"])
@pytest.mark.parametrize("by_embeddings", [False, True], ids=["photographs", "templates"])
def test_an_image_that_the_surrogate_fails_on_costs_its_own_pairs_their_maps(
    method, by_embeddings, job, templates, tmp_path, monkeypatch
):
    rows = templates[0] if by_embeddings else job.lists.rows
    job = replace(job, lists=Lists(rows), settings=BatchSettings(method))
    run_here(job)
    whole = rows_of(job.out)
    broken = templates[2][0] if by_embeddings else tiny.embed(pixels(0)[np.newaxis])[0]
    simulate = Surrogate.simulate

    def failing(of, images, *rest):
        if np.isclose(unit(images.embeddings), unit(broken), atol=1e-5).all(axis=1).any():
            raise BundleError("the surrogate gave NaN.")
        return simulate(of, images, *rest)

    monkeypatch.setattr(Surrogate, "simulate", failing)
    again = replace(job, out=tmp_path / "again")
    done = run_here(again)
    failed = {row["pair_id"] for row in rows_of(again.out) if row["code"] == "unexplained"}
    assert 0 < len(failed) == done.errors < done.rows
    for row, other in zip(rows_of(again.out), whole, strict=True):
        assert row["similarity"] == other["similarity"]
        if row["pair_id"] not in failed:
            np.testing.assert_array_equal(row["test_map"], other["test_map"])


def test_what_is_kept_can_be_sent_to_another_machine(job):
    keeping = prepare(job).keeping
    sent = pickle.loads(pickle.dumps(keeping))  # noqa: S301
    assert sent.simulations.method == keeping.simulations.method
    assert sent.simulations.arrays.path(3) == Places(job.out).simulations(3)
    assert sent.local.shape == keeping.local.shape


def test_arrays_are_found_by_number(tmp_path):
    arrays = ChunkArrays(lambda chunk: tmp_path / "arrays" / str(chunk), (2, 3))
    values = np.arange(18, dtype=np.float32).reshape(3, 2, 3)
    with arrays.writing(1, 5) as put:
        put(1, values[0])
        put(3, values[1])
        assert not arrays.holds(1)
    assert arrays.holds(1)
    first = folder.IMAGES_IN_CHUNK
    np.testing.assert_array_equal(arrays.read(first + 1), values[0])
    np.testing.assert_array_equal(arrays.read(first + 3), values[1])
    for place in (0, 2, 4):
        np.testing.assert_array_equal(arrays.read(first + place), 0)


def test_arrays_that_are_damaged_are_refused(tmp_path):
    arrays = ChunkArrays(lambda chunk: tmp_path / str(chunk), (2, 3))
    with pytest.raises(OutputError, match="cannot read"):
        arrays.read(0)
    (tmp_path / "0").write_bytes(bytes(23))
    below = ChunkArrays(lambda chunk: tmp_path / "0" / str(chunk), (2, 3))
    with pytest.raises(OutputError, match="cannot write"), below.writing(0, 1):
        pass
    with pytest.raises(OutputError, match="is damaged"):
        arrays.read(0)
