"""`lpel batch` as a user runs it."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from lpel_serving.batch.store.folder import locked
from support import tiny
from support.batch import (
    pair_up,
    read_results,
    write_csv,
    write_lfw,
    write_parquet,
    write_pictures,
)
from support.command import lpel, lpel_process
from support.plausibility import odd, plausibility


def refused(done, *words):
    """Check that a command ended with one sentence, after its progress at most."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("lpel: ")
    assert last.endswith(".")
    for word in words:
        assert word in last


def described(done):
    """Read the one JSON document of a command that succeeded."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def pictures(tmp_path):
    return write_pictures(tmp_path / "pictures")


@pytest.fixture
def pairs(tmp_path, pictures):
    """All pairs of six pictures."""
    return write_csv(tmp_path / "pictures" / "pairs.csv", pair_up(pictures, 36))


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_pairs_are_explained_and_the_status_tells_so(responding_bundle, pairs, out):
    done = lpel_process("batch", pairs, out, "--bundle", responding_bundle)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        f"36 rows in 1 shards in {out}, 0 of them errors\n"
        "6 distinct images; 6 embedded in this run\n"
    )
    assert "lpel:" not in done.stderr
    assert done.stderr.startswith("Each pair is explained by responses, from embeddings alone.\n")
    for what in ("planning", "embedding", "explaining"):
        assert what in done.stderr
    assert [row["pair_id"] for row in read_results(out)] == [str(i) for i in range(36)]
    status = lpel("batch", "status", out)
    assert (status.returncode, status.stderr) == (0, "")
    assert status.stdout == (
        "done\n6 of 6 distinct images embedded\n"
        "1 of 1 shards committed: 36 rows, 0 of them errors\n"
    )


def test_a_surrogate_explains_a_batch_where_there_is_one(simulating_bundle, pairs, out):
    done = lpel("batch", pairs, out, "--bundle", simulating_bundle)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("Each pair is explained by surrogate.\n")
    assert {row["method"] for row in read_results(out)} == {"surrogate"}
    asked = ("--method", "surrogate-order", "--json")
    named = described(lpel("batch", pairs, f"{out}-named", "--bundle", simulating_bundle, *asked))
    assert named["method"] == "surrogate-order"


def test_what_the_surrogate_does_not_see_of_templates_is_said(simulating_bundle, tmp_path, out):
    vectors = np.random.default_rng(0).normal(size=(2, tiny.DIMENSION)).astype(np.float32)
    columns = {"reference": pa.array(list(vectors)), "test": pa.array(list(vectors[::-1]))}
    command = ("batch", write_parquet(tmp_path / "templates.parquet", columns), out)
    asked = lpel(*command, "--bundle", simulating_bundle, "--method", "surrogate")
    assert asked.returncode == 0, asked.stderr
    first = asked.stderr.splitlines()[0]
    assert first.startswith("Each pair is explained by surrogate. The surrogate does not see")
    unnamed = lpel("batch", command[1], f"{out}-unnamed", "--bundle", simulating_bundle)
    assert unnamed.stderr.startswith("Each pair is explained by responses, from embeddings alone.")


def test_the_same_command_again_does_nothing(tiny_bundle, pairs, out):
    command = ("batch", "run", pairs, out, "--bundle", tiny_bundle, "--json")
    first = described(lpel(*command))
    assert first == {
        "rows": 36, "errors": 0, "shards": 1, "images": 6, "known": 0, "embedded": 6,
        "left_out": 0, "in_gallery": 0, "rows_with_several_faces": None, "implausible_rows": None,
        "method": "lpel",
    }  # fmt: skip
    again = lpel(*command)
    assert described(again) == {**first, "embedded": 0}
    assert again.stderr == ""


def test_status_as_json(tiny_bundle, pairs, out):
    lpel("batch", pairs, out, "--bundle", tiny_bundle)
    done = lpel("batch", "status", out, "--json")
    assert done.stderr == ""
    assert described(done) == {
        "state": "done", "stage": "nothing", "rows_committed": 36, "errors": 0,
        "shards_committed": 1, "shards": 1, "images": 6, "images_embedded": 6,
    }  # fmt: skip


def test_status_before_the_plan_and_while_somebody_works(tiny_bundle, pairs, out):
    pairs.write_text("no,list\n1,2\n")
    lpel("batch", pairs, out, "--bundle", tiny_bundle)
    assert lpel("batch", "status", out).stdout == "stopped, planning\n"
    with locked(out / ".lock"):
        assert lpel("batch", "status", out).stdout == "running, planning\n"
        refused(lpel("batch", pairs, out, "-b", tiny_bundle), "another `lpel batch` is at work")


def test_a_gallery_is_searched(responding_bundle, pictures, out, tmp_path):
    probes = write_csv(
        tmp_path / "probes.csv", {"image_id": ["me", "nobody"], "image": ["face_03.png", "x.png"]}
    )
    folder = pictures[0].parent
    done = lpel(
        "batch", probes, out, "--gallery", folder, "--top", 2, "--images", folder,
        "--bundle", responding_bundle, "--json",
    )  # fmt: skip
    found = described(done)
    assert (found["rows"], found["errors"], found["images"]) == (3, 1, 6)
    assert found["in_gallery"] == 1
    assert (
        "lpel: 1 probes are in the gallery themselves: that is no result for them." in done.stderr
    )
    assert done.stderr.endswith("lpel: 1 rows are errors: see their column message.\n")
    rows = read_results(out)
    assert [(row["pair_id"], row["rank"]) for row in rows] == [("me", 1), ("me", 2), ("nobody", 0)]
    assert "face_03.png" not in {row["reference"] for row in rows}
    assert "x.png cannot be read" in rows[2]["message"]


def test_rows_with_errors_are_told_and_the_rest_is_explained(tiny_bundle, pictures, pairs, out):
    pictures[0].write_bytes(b"no image")
    done = lpel("batch", pairs, out, "--bundle", tiny_bundle)
    assert done.returncode == 0, done.stderr
    assert "36 rows in 1 shards" in done.stdout
    assert "11 of them errors" in done.stdout
    assert done.stderr.endswith("lpel: 11 rows are errors: see their column message.\n")
    assert {row["status"] for row in read_results(out)} == {"ok", "error"}


def test_embeddings_are_kept_for_the_next_job(tiny_bundle, pairs, tmp_path):
    kept = ("--bundle", tiny_bundle, "--embeddings", tmp_path / "kept.sqlite")
    lpel("batch", pairs, tmp_path / "first", *kept)
    done = lpel("batch", pairs, tmp_path / "second", *kept)
    assert done.stdout.endswith(
        "6 distinct images, 6 of them known from before; 0 embedded in this run\n"
    )
    refused(
        lpel("batch", pairs, tmp_path / "third", *kept, "--crop", 0.5),
        "kept.sqlite",
        "another crop",
    )


def test_another_job_in_the_same_folder_is_refused(tiny_bundle, responding_bundle, pairs, out):
    lpel("batch", pairs, out, "--bundle", tiny_bundle)
    before = read_results(out)
    refused(
        lpel("batch", pairs, out, "-b", tiny_bundle, "--seed", 1), "the settings (seed) changed"
    )
    refused(lpel("batch", pairs, out, "-b", responding_bundle), "the bundle")
    assert read_results(out) == before


def test_bad_input_ends_with_one_sentence(tiny_bundle, pairs, out, tmp_path):
    batch = ("batch", pairs, out, "--bundle", tiny_bundle)
    refused(lpel_process(*batch, "--engine", "spark"), "'spark'", "local, ray")
    refused(lpel(*batch, "--method", "magic"), "magic")
    refused(lpel(*batch, "--method", "lpel", "--map-side", 8), "a size of its own")
    refused(lpel(*batch, "--method", "responses"), "no response decoder")
    refused(lpel(*batch, "--crop", "oval"), "'oval'")
    refused(lpel("batch", pairs, out, "--bundle", tmp_path), "is not a bundle")
    refused(lpel("batch", tmp_path / "none.csv", out, "-b", tiny_bundle), "none.csv")
    refused(lpel(*batch, "--gallery", tmp_path / "none"), "none")
    refused(lpel("batch", "status", out, "--json"), str(out), "no results")
    assert not out.exists()
    refused(lpel("batch", pairs, pairs.parent, "-b", tiny_bundle), "is not empty")
    refused(lpel("batch", pairs, pairs / "out", "-b", tiny_bundle), "cannot write")
    pairs.write_text("reference,image\na,b\n")
    refused(lpel(*batch, "--json"), "no column test")


@pytest.mark.parametrize(
    "options",
    [
        (), ("--top", 0), ("--workers", 0), ("--draws", 0), ("--gpus", -1), ("--map-side", 0),
        ("--batch-size", 0), ("--no-such-option",),
    ],
    ids=lambda options: " ".join(map(str, options)) or "no bundle",
)  # fmt: skip
def test_bad_usage_is_explained_without_a_traceback(tiny_bundle, pairs, out, options):
    bundle = ("--bundle", tiny_bundle) if options else ()
    done = lpel("batch", pairs, out, *bundle, *options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Usage: lpel batch run" in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()


def test_help():
    both = lpel_process("batch", "--help")
    assert (both.returncode, both.stderr) == (0, "")
    for word in ("lpel batch PAIRS OUT --bundle B", "run", "status"):
        assert word in both.stdout
    assert lpel("batch", "-h").stdout == both.stdout
    alone = lpel("batch", "run", "--help")
    assert (alone.returncode, alone.stderr) == (0, "")
    for option in ("--bundle", "--gallery", "--top", "--engine", "--embeddings", "--json"):
        assert option in alone.stdout
    assert "batch" in lpel("--help").stdout


def test_options_may_come_first_and_a_folder_may_be_named_like_a_command(
    tiny_bundle, pairs, tmp_path
):
    done = lpel("batch", "--bundle", tiny_bundle, pairs.name, "../status", cwd=pairs.parent)
    assert done.returncode == 0, done.stderr
    assert len(read_results(tmp_path / "status")) == 36


def test_urls_are_refused_once_wherever_they_stand(tiny_bundle, pairs, out, tmp_path):
    pairs.write_text("reference,test\n" + "s3://bucket/a.jpg,s3://bucket/b.jpg\n" * 5)
    bundle = ("--bundle", tiny_bundle)
    done = lpel("batch", pairs, out, *bundle)
    refused(done, "names 10 images by URLs (10 by s3:)", "download them first")
    assert done.stderr.count("s3:") == 1
    for command in (
        ("s3://bucket/pairs.parquet", out), (pairs, "s3://bucket/out"),
        (pairs, out, "--images", "gs://bucket"), (pairs, out, "--gallery", "https://x.org/g.csv"),
    ):  # fmt: skip
        refused(lpel("batch", *command, *bundle, cwd=tmp_path), "is a URL")
    assert not (tmp_path / "s3:").exists()


def test_a_job_of_which_no_row_could_be_explained_fails(tiny_bundle, pairs, out, tmp_path):
    command = ("batch", pairs, out, "--bundle", tiny_bundle, "--images", tmp_path / "nowhere")
    for _ in range(2):
        done = lpel(*command)
        assert done.returncode == 1
        assert "36 of them errors" in done.stdout
        last = done.stderr.splitlines()[-1]
        assert last.startswith("lpel: not one row could be explained; the first says: ")
        assert "nowhere/face_00.png cannot be read" in last
    assert len(read_results(out)) == 36
    assert lpel("batch", "status", out).returncode == 0
    found = lpel(*command, "--json")
    assert (found.returncode, json.loads(found.stdout)["errors"]) == (1, 36)


def damaged_lists(folder):
    """Lists in Parquet that were cut off, are something else, or are empty."""
    whole = write_parquet(folder / "whole.parquet", {"image": ["face_00.png"]}).read_bytes()
    (folder / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    (folder / "text.parquet").write_text("image\nface_00.png\n")
    (folder / "parts").mkdir()
    (folder / "parts" / "0.parquet").write_bytes(whole)
    (folder / "parts" / "1.parquet").write_bytes(b"")
    return [folder / name for name in ("cut.parquet", "text.parquet", "parts")]


def test_damaged_parquet_is_refused_in_one_sentence(tiny_bundle, pictures, out):
    folder = pictures[0].parent
    probes = write_csv(folder / "probes.csv", {"image": ["face_00.png"]})
    for number, path in enumerate(damaged_lists(folder)):
        where = out.with_name(f"out-{number}")
        gallery = ("--gallery", path, "--bundle", tiny_bundle)
        refused(lpel("batch", probes, where, *gallery), str(path), " cannot be read: ")
    pairs = ("batch", folder / "cut.parquet", out, "--bundle", tiny_bundle)
    refused(lpel(*pairs), "cut.parquet cannot be read: ")


def test_what_lies_beside_parts_is_counted_and_named_on_request(tiny_bundle, pictures, out):
    """A picture hides no part beside it; what is no part is said, in the gallery too."""
    names = [path.name for path in pictures]
    folder = pictures[0].parent / "gallery"
    for year, some in ((0, names[:3]), (1, names[3:])):
        (folder / f"y={year}").mkdir(parents=True)
        write_parquet(folder / f"y={year}" / "0.parquet", {"image": some})
    pictures[0].rename(folder / "y=1" / "preview.png")
    (folder / "more").mkdir()
    for stray in ("more/0.parquet", "y=0/part-00001", "_SUCCESS"):
        (folder / stray).write_bytes(b"")
    where = ("--images", pictures[0].parent, "--bundle", tiny_bundle)
    for turn, command in enumerate([("batch", folder, out, "--gallery", folder, *where)] * 2):
        done = lpel(*command, "--json", *["--list-passed-over"][:turn])
        said = described(done)
        assert said["rows"] == 5 * 4 + 1  # the picture that was moved is an error
        assert said["passed_over"] == {"hidden": 1, "no_part": 3}
        assert "1 hidden, 3 no part of the list" in done.stderr
    named = [str(Path(one["name"]).relative_to(folder)) for one in said["names_passed_over"]]
    assert named == ["_SUCCESS", "more", "y=0/part-00001", "y=1/preview.png"]


def test_a_photograph_paired_with_itself_is_left_out_and_counted(tiny_bundle, tmp_path, out):
    (tmp_path / "Bob").mkdir()
    for number, path in enumerate(write_pictures(tmp_path, 2), 1):
        path.rename(tmp_path / "Bob" / f"Bob_{number:04d}.png")
    lines = ["1 3", "Bob 1 1", "Bob 1 2", "Bob 2 Bob 2", "Bob 1 Bob 2"]
    pairs = write_lfw(tmp_path / "pairs.txt", lines)
    done = lpel("batch", pairs, out, "--bundle", tiny_bundle, "--json", "--list-passed-over")
    said = described(done)
    assert [row["pair_id"] for row in read_results(out)] == ["Bob 1 2", "Bob 1 Bob 2"]
    assert (said["rows"], said["errors"], said["header"]) == (2, 0, "1 3")
    assert said["passed_over"] == {"with_itself": 2}
    assert [one["name"] for one in said["names_passed_over"]] == [
        f"{pairs}, line 2", f"{pairs}, line 4",
    ]  # fmt: skip


def test_images_are_refused_where_both_are_folders_of_photographs(tiny_bundle, pictures, out):
    folder = pictures[0].parent
    search = ("batch", folder, out, "--gallery", folder, "--bundle", tiny_bundle)
    refused(lpel(*search, "--images", folder), "--images", "not with folders")


def test_pictures_of_another_kind_are_counted_at_the_end(tmp_path, pictures, out):
    Image.fromarray(odd()).save(pictures[0].parent / "odd.png")
    columns = {"reference": [pictures[0].name, "odd.png"], "test": [pictures[1].name] * 2}
    rows = write_csv(pictures[0].parent / "some.csv", columns)
    bundle = tiny.write_bundle(tmp_path / "knowing", plausibility=plausibility())
    done = lpel("batch", rows, out, "--bundle", bundle, "--json")
    assert described(done)["implausible_rows"] == 1
    assert "lpel: 1 rows have a picture that is not of the kind" in done.stderr
    assert [row["test_plausible"] for row in read_results(out)] == [True, True]
    assert [row["reference_plausible"] for row in read_results(out)] == [True, False]
