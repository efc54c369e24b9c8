"""What makes a job the same job: results of different ones never mix."""

import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lpel_serving.batch.output.shards import Explaining
from lpel_serving.batch.run import run
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.batch.stages.embedding import Embedding
from lpel_serving.batch.stages.runners import Local
from lpel_serving.batch.store import folder as lock
from lpel_serving.batch.store.folder import Places, is_locked, locked
from lpel_serving.support.errors import (
    BundleError,
    BusyError,
    OutputError,
    PairsError,
    ParameterError,
)
from support import tiny
from support.batch import (
    make_job,
    pair_up,
    read_results,
    run_here,
    tree,
    write_csv,
    write_lfw,
    write_pictures,
)  # fmt: skip
from support.batch_rows import Meddling

HOLD = """
import sys
from pathlib import Path
from lpel_serving.batch.store.folder import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@dataclass(frozen=True)
class Stopped(Local):
    """Goes away before a stage, as a job that is killed does."""

    before: str

    def run(self, stage, pieces):
        if type(stage).__name__ == self.before:
            raise KeyboardInterrupt
        yield from super().run(stage, pieces)


def test_a_job_that_was_begun_with_settings_that_do_nothing_goes_on_without_them(bundle, tmp_path):
    """As `lpel batch` took them once, and refuses them now."""
    pictures = write_pictures(tmp_path / "pictures", 20)
    rows = write_csv(tmp_path / "pictures" / "pairs.csv", pair_up(pictures, 400))
    settings = BatchSettings(method="centre", draws=20, top=3)
    begun = make_job(bundle, rows, tmp_path / "out", settings=settings)
    run_here(begun)
    whole = tree(tmp_path / "out")
    (lost, *_) = sorted((tmp_path / "out" / "_lpel" / "commits").iterdir())
    lost.unlink()
    plain = replace(begun, settings=BatchSettings(method="centre"))
    assert run_here(plain).embedded > 0
    assert tree(tmp_path / "out") == whole
    assert run_here(begun).embedded == 0
    other = replace(plain, settings=BatchSettings(method="centre", curves=True))
    with pytest.raises(OutputError, match=r"the settings \(curves, draws\) changed"):
        run_here(other)


@pytest.mark.parametrize("change", [{"draws": 3}, {"top": 2}])
def test_settings_that_do_something_are_never_taken_over(bundle, tmp_path, change):
    pictures = write_pictures(tmp_path / "pictures", 3)
    rows = write_csv(tmp_path / "rows.csv", {"image": [str(one) for one in pictures]})
    used = BatchSettings(curves=True, draws=2, every=16, top=1)
    job = make_job(bundle, rows, tmp_path / "out", gallery=tmp_path / "pictures", settings=used)
    run_here(job)
    with pytest.raises(OutputError, match=rf"the settings \({next(iter(change))}\) changed"):
        run_here(replace(job, settings=replace(used, **change)))


@pytest.fixture
def bundle(tmp_path):
    """A bundle that may be changed."""
    return tiny.write_bundle(tmp_path / "bundle", responds=True)


@pytest.fixture
def job(tmp_path, bundle, pictures):
    """All pairs of six pictures."""
    listed = write_csv(tmp_path / "pairs.csv", pair_up(pictures, 36))
    return make_job(bundle, listed, tmp_path / "out")


def stop(job, before="Explaining"):
    """Do a job up to a stage."""
    with pytest.raises(KeyboardInterrupt):
        run(job, Stopped(1, before))


def refused(job, *words):
    """Check that a job is refused for what changed, and that all results stay."""
    before = tree(job.out)
    with pytest.raises(OutputError) as refusal:
        run_here(job)
    for word in words:
        assert word in str(refusal.value)
    assert tree(job.out) == before


def test_a_job_that_is_done_stays_as_it_is(job):
    first = run_here(job)
    before = tree(job.out)
    assert run_here(job) == replace(first, embedded=0)
    assert run_here(replace(job, batch_size=3)) == replace(first, embedded=0)
    assert tree(job.out) == before


def test_a_changed_setting_is_refused_by_name(job):
    run_here(job)
    for changes, word in (
        ({"settings": BatchSettings(seed=1)}, "the settings (seed) changed"),
        (
            {"settings": BatchSettings("lpel")},
            "(method from responses to lpel, parameters) changed",
        ),
        ({"settings": BatchSettings(map_side=8)}, "the settings (map_side, parameters) changed"),
        ({"crop": "0.5"}, "the crop changed"),
        (
            {"crop": "0.5", "settings": BatchSettings(seed=1)},
            "the settings (seed), the crop changed",
        ),
    ):
        refused(replace(job, **changes), str(job.out), word, "Write elsewhere")


def test_a_setting_that_is_named_is_the_one_that_is_chosen_unnamed(job):
    first = run_here(job)
    named = replace(job, settings=BatchSettings("responses"), crop="none")
    assert run_here(named) == replace(first, embedded=0)


def test_a_changed_bundle_is_refused_by_name(job):
    run_here(job)
    tiny.write_bundle(job.bundle, responds=True, threshold=tiny.ThresholdRecord(0.5, {}))
    refused(job, "the bundle changed")


def test_a_changed_list_is_refused_by_name(job, pictures):
    run_here(job)
    write_csv(job.lists.rows, pair_up(pictures, 35))
    refused(job, "the list changed")


def test_a_changed_gallery_is_refused_by_name(job, tmp_path):
    gallery = tmp_path / "gallery"
    write_pictures(gallery, 3)
    probes = write_csv(tmp_path / "probes.csv", {"image": ["face_00.png"]})
    search = make_job(job.bundle, probes, job.out, gallery=gallery)
    run_here(search)
    refused(job, "the list, the gallery")
    write_pictures(gallery, 1, first=3)
    refused(search, "the gallery changed")


def test_the_same_job_is_known_by_another_path(job, monkeypatch):
    stop(job)
    monkeypatch.chdir(job.out.parent)
    here = job.out.parent
    lists = replace(job.lists, rows=job.lists.rows.relative_to(here))
    relative = replace(
        job, lists=lists, out=job.out.relative_to(here), bundle=job.bundle.relative_to(here)
    )
    done = run_here(relative)
    assert (done.rows, done.errors, done.embedded) == (36, 0, 0)


def test_a_job_that_was_begun_by_relative_paths_goes_on_from_anywhere(job, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    lists = replace(job.lists, rows=job.lists.rows.relative_to(tmp_path))
    method = BatchSettings("lpel-mended")  # looks at the images once more
    stop(replace(job, lists=lists, settings=method))
    monkeypatch.chdir("/")
    done = run_here(replace(job, settings=method))
    assert (done.rows, done.errors, done.embedded) == (36, 0, 0)


def test_a_list_that_was_refused_may_be_mended(job, pictures):
    job.lists.rows.write_text("no,list\n1,2\n")
    with pytest.raises(PairsError, match="has no column"):
        run_here(job)
    write_csv(job.lists.rows, pair_up(pictures, 36))
    assert run_here(job).rows == 36


def test_images_that_changed_before_they_were_embedded_anew_are_refused(job, pictures):
    stop(job)
    Places(job.out).clear()
    refused_at = pictures[2]
    before = refused_at.read_bytes()
    refused_at.write_bytes(pictures[3].read_bytes())
    with pytest.raises(OutputError, match="images that the list names changed"):
        run_here(job)
    refused_at.write_bytes(before)
    assert run_here(job).errors == 0


def test_images_that_changed_after_the_plan_are_rows_with_an_error(job, pictures):
    stop(job, before="Embedding")
    pictures[2].write_bytes(pictures[3].read_bytes())
    done = run_here(job)
    rows = read_results(job.out)
    wrong = [row for row in rows if "face_02.png" in (row["reference"], row["test"])]
    assert done.errors == len(wrong) == 11
    assert {row["code"] for row in wrong} == {"changed"}
    assert all(row["code"] is None for row in rows if row not in wrong)


def test_images_that_changed_after_they_were_embedded_are_what_they_were(job, pictures):
    stop(job)
    pictures[2].write_bytes(b"no image")
    other = replace(job, out=job.out.with_name("other"))
    write_pictures(job.lists.rows.parent)
    run_here(other)
    pictures[2].write_bytes(b"no image")
    assert run_here(job).errors == 0
    assert read_results(job.out) == read_results(other.out)


def test_a_folder_of_no_batch_job_is_refused_and_untouched(job):
    job.out.mkdir()
    (job.out / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match=r"is not empty \(thesis.tex\)"):
        run_here(job)
    assert tree(job.out) == {"thesis.tex": b"years of work", ".lock": b""}


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"{}", b'{"name": "a job of mine"}'])
def test_another_program_s_folder_of_a_job_is_refused_and_untouched(job, content):
    (job.out / "work").mkdir(parents=True)
    (job.out / "work" / "thesis.tex").write_text("years of work")
    (job.out / "job.json").write_bytes(content)
    with pytest.raises(OutputError, match=str(job.out)):
        run_here(job)
    assert tree(job.out) == {"job.json": content, "work/thesis.tex": b"years of work", ".lock": b""}


def test_an_empty_folder_is_taken(job):
    job.out.mkdir()
    assert run_here(job).rows == 36


def test_a_folder_that_cannot_be_written_is_named(job):
    file = job.out.with_name("file")
    file.write_text("")
    for out in (file, file / "below"):
        with pytest.raises(OutputError, match=f"cannot write {out}"):
            run_here(replace(job, out=out))
    assert file.read_text() == ""


def test_what_cannot_be_done_is_refused_before_anything_is_written(job, tmp_path):
    for changes, error, word in (
        ({"bundle": tmp_path}, BundleError, "is not a bundle"),
        ({"crop": "oval"}, ParameterError, "no crop is called 'oval'"),
        ({"settings": BatchSettings("magic")}, ParameterError, "magic"),
        ({"lists": replace(job.lists, rows=tmp_path / "none.csv")}, PairsError, "none.csv"),
        ({"lists": replace(job.lists, rows=tmp_path)}, PairsError, "Is a directory"),
        ({"lists": replace(job.lists, gallery=tmp_path / "none")}, PairsError, "none"),
    ):
        with pytest.raises(error, match=word):
            run_here(replace(job, **changes))
        assert not job.out.exists()


def test_responses_need_a_bundle_that_has_them(job, tiny_bundle):
    plain = replace(job, bundle=tiny_bundle)
    with pytest.raises(ParameterError, match="no response decoder"):
        run_here(replace(plain, settings=BatchSettings("responses")))
    with pytest.raises(ParameterError, match="a size of its own"):
        run_here(replace(plain, settings=BatchSettings(map_side=3)))


def test_a_list_in_lfw_s_format_is_a_job(job, tmp_path, pictures):
    folder = tmp_path / "lfw" / "A"
    folder.mkdir(parents=True)
    for number, path in enumerate(pictures, 1):
        path.rename(folder / f"A_{number:04d}.jpg")
    listed = write_lfw(tmp_path / "pairs.txt", ["2", "A 1 2", "A 3 A 9"])
    assert run_here(make_job(job.bundle, listed, job.out, images=tmp_path / "lfw")).errors == 1
    assert [row["pair_id"] for row in read_results(job.out)] == ["A 1 2", "A 3 A 9"]


def test_one_process_at_a_time_works_in_a_folder(job):
    path = Places(job.out).lock
    job.out.mkdir()
    assert not is_locked(path)
    holding = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(
        holding, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        assert is_locked(path)
        with pytest.raises(BusyError, match=f"is at work in {job.out}"):
            run_here(job)
        other.kill()
    assert not is_locked(path)
    assert tree(job.out) == {".lock": b""}
    assert run_here(job).rows == 36


def test_who_looks_whether_a_lock_is_held_keeps_nobody_out(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    path = tmp_path / "out" / ".lock"
    with locked(path):
        pass
    with path.open("rb") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        assert not is_locked(path)
        monkeypatch.setattr(lock, "sleep", lambda _: fcntl.flock(looking, fcntl.LOCK_UN))
        with locked(path):
            assert is_locked(path)


def test_a_lock_is_let_go_of_by_an_error(tmp_path):
    path = tmp_path / "out" / ".lock"
    with pytest.raises(PairsError), locked(path):
        raise PairsError
    assert not is_locked(path)


@pytest.fixture
def listed(tmp_path, pictures):
    return write_csv(tmp_path / "listed.csv", pair_up(pictures, 12))


@pytest.mark.parametrize("stage", [Embedding, Explaining], ids=["embedding", "explaining"])
def test_a_bundle_that_is_replaced_under_way_is_refused(stage, tmp_path, listed, responding_bundle):
    bundle = Path(shutil.copytree(responding_bundle, tmp_path / "bundle"))

    def replace_it():
        shutil.rmtree(bundle)
        other = tiny.ThresholdRecord(0.5, {})
        tiny.write_bundle(bundle, responds=True, threshold=other)

    job = make_job(bundle, listed, tmp_path / "out")
    with pytest.raises(BundleError, match="has changed since the job began"):
        run(job, Meddling({stage: replace_it}))
    assert not list((tmp_path / "out").glob("*.parquet"))


def test_a_batch_is_no_larger_than_a_chunk(tmp_path, listed, tiny_bundle):
    for size in (0, 129):
        with pytest.raises(ParameterError, match="a batch holds 1 to 128 images"):
            make_job(tiny_bundle, listed, tmp_path / "out", batch_size=size)
