"""`lpel reproduce` as people run it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from typer.testing import CliRunner

from lpel_export.support.errors import ModelShapeError
from lpel_serving.commands.main import build_app
from lpel_serving.images.subject import FACES, SUBJECTS
from lpel_tf.bundles.thresholds import THESIS_THRESHOLD
from lpel_tf.commands import reproduce as command
from lpel_tf.research.reproduction.run import Reproduction, run_identity
from lpel_tf.research.reproduction.section import Finding, Section
from lpel_tf.research.reproduction.sections import SECTIONS
from lpel_tf.research.reproduction.sizes import FULL, QUICK
from lpel_tf.support.errors import TrainingDataError
from support.command import NO_PHOTOGRAPHS, OFFLINE, lpel, lpel_process, refused
from support.folders import names_in
from support.images import write_people
from support.reproduction import embedder


@pytest.fixture
def photographs(tmp_path):
    return write_people(tmp_path / "faces", people=3, each=2)


# --- refused before any work ----------------------------------------------------------------------


def test_the_help_names_every_option():
    done = lpel_process("reproduce", "--help")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    text = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    for option in (
        *("--faces", "--out", "--quick", "--crop", "--network", "--identities", "--threshold"),
        *("--hide-photographs", "--seed", "--cache", "--mirror", "--json", "--comparison"),
        "--subject",
    ):
        assert option in text
    assert "Interrupted, the same command goes on where it stopped." in text


@pytest.mark.parametrize("missing", ["--faces", "--out"])
def test_faces_and_out_must_be_given(missing, photographs, tmp_path):
    options = {"--faces": photographs, "--out": tmp_path / "out"}
    del options[missing]
    done = lpel("reproduce", *(word for option in options.items() for word in option))
    assert done.returncode == 2
    assert missing in done.stderr
    assert "Usage: lpel reproduce" in done.stderr
    assert names_in(tmp_path) == ["faces"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--crop", "oval"], ["no crop is called 'oval'", "mtcnn"]),
        (["--crop", "none", "--crop", "1.5"], ["1.5"]),
        (["--crop", "none", "--crop", "none"], ["two different ones"]),
        (["--crop", "none", "--crop", "0.9", "--crop", "0.8"], ["one crop", "two different ones"]),
        (["--identities", "missing.txt"], ["missing.txt"]),
        (["--network", "20991231-235959"], ["no published network is called '20991231-235959'"]),
        (["--threshold", "1.5"], ["by cosine lies in [-1, 1]", "1.5"]),
        (["--threshold", "nan"], ["by cosine lies in [-1, 1]", "nan"]),
        (["--comparison", "euclidean", "--threshold", "-1"], ["by euclidean lies in [0, inf]"]),
        (["--comparison", "manhattan"], ["cosine, euclidean, or a learned head", "'manhattan'"]),
        (["--comparison", "missing.onnx"], ["there is no file missing.onnx of a learned head"]),
        (["--subject", "a stamp"], ["no subject is called 'a stamp'"]),
    ],
    ids=[
        *("crop", "loose crop", "equal crops", "three crops", "identities", "network"),
        *("cosine above 1", "no number", "distance below 0", "comparison", "no head", "subject"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_before_anything_is_fetched(
    options, words, photographs, tmp_path
):
    done = lpel(
        *("reproduce", "--faces", photographs, "--out", tmp_path / "out"),
        *("--cache", tmp_path / "cache", *options),
        **OFFLINE,
    )
    refused(done, *words)
    assert names_in(tmp_path) == ["faces"]


def test_a_number_out_of_range_is_bad_usage(photographs, tmp_path):
    done = lpel("reproduce", "--faces", photographs, "--out", tmp_path / "out", "--seed", "-1")
    assert done.returncode == 2
    assert "--seed" in done.stderr
    assert "Traceback" not in done.stderr
    assert names_in(tmp_path) == ["faces"]


@pytest.mark.parametrize("make", NO_PHOTOGRAPHS.values(), ids=NO_PHOTOGRAPHS)
def test_a_folder_without_photographs_is_refused(make, tmp_path):
    make(tmp_path / "faces")
    refused(
        lpel("reproduce", "--faces", tmp_path / "faces", "--out", tmp_path / "out"),
        str(tmp_path / "faces"),
    )
    assert not (tmp_path / "out").exists()


def test_a_report_that_is_not_ours_is_not_overwritten(photographs, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "report.html").write_text("<h1>my own report</h1>")
    done = lpel("reproduce", "--faces", photographs, "--out", out, "--cache", tmp_path / "cache")
    refused(done, str(out), "choose another folder")
    assert (out / "report.html").read_text() == "<h1>my own report</h1>"
    assert names_in(out) == ["report.html"]
    assert names_in(tmp_path) == ["faces", "out"]


# --- what reaches the laboratory ------------------------------------------------------------------

SECTION = Section(
    key="similar",
    title="Similar pairs",
    counterpart="figure 5.12",
    findings=(Finding("It falls.", "It does, by [3 %].", "holds in part"),),
)


@pytest.fixture
def asked(monkeypatch):
    """Run the command in this process with no network, and keep what the laboratory was."""
    seen = []

    def run(laboratory, out):
        seen.append((laboratory, out))
        return Reproduction((SECTION,), out / "report.html")

    def network(found, faces, **options):
        seen.append((found.key, faces(16).shape, options["cache"], options["mirror"]))
        return embedder()

    monkeypatch.setattr("lpel_tf.research.reproduction.run.reproduce", run)
    monkeypatch.setattr("lpel_tf.networks.embedders.from_facenet", network)
    monkeypatch.setattr("lpel_tf.support.quiet.load_tensorflow", lambda: None)
    app = build_app()

    def invoke(*arguments):
        seen.clear()
        done = CliRunner().invoke(app, ["reproduce", *map(str, arguments)])
        if done.exception is not None:
            raise done.exception
        (found, (laboratory, out)) = seen
        return done, found, laboratory, out

    return invoke


def test_what_is_not_asked_for_is_as_in_the_thesis(asked, photographs, tmp_path):
    _, found, laboratory, out = asked("--faces", photographs, "--out", tmp_path / "out")
    assert found == ("20170512-110547", (33, 16, 16, 3), None, None)
    assert out == tmp_path / "out"
    assert laboratory.crops == ("0.368", "0.48")
    assert (laboratory.threshold, laboratory.seed) == (0.3, 0)
    assert laboratory.sizes is FULL
    assert not laboratory.hide_photographs
    assert laboratory.work == out / ".work"
    assert (laboratory.comparison, laboratory.subject) == ("cosine", FACES)
    assert [face.identity for face in laboratory.photographs] == [
        *("Person_00", "Person_00", "Person_01", "Person_01", "Person_02", "Person_02")
    ]


def test_every_option_reaches_the_laboratory(asked, photographs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, found, laboratory, out = asked(
        *("--faces", photographs, "--out", "here", "--quick", "--crop", "none", "--crop", "0.9"),
        *("--threshold", 0.7, "--seed", 3, "--hide-photographs", "--cache", tmp_path / "cache"),
        *("--network", "20180402-114759", "--mirror", "http://127.0.0.1:1"),
    )
    assert found[0] == "20180402-114759"
    assert found[2:] == (tmp_path / "cache", "http://127.0.0.1:1")
    assert out == tmp_path / "here"
    assert laboratory.sizes is QUICK
    assert laboratory.crops == ("none", "0.9")
    assert (laboratory.threshold, laboratory.seed) == (0.7, 3)
    assert laboratory.hide_photographs
    assert laboratory.cache == tmp_path / "cache"


def test_a_threshold_on_a_distance_may_be_above_1(asked, photographs, tmp_path):
    options = ("--comparison", "euclidean", "--threshold", 1.1, "--subject", "digits")
    _, _, laboratory, _ = asked("--faces", photographs, "--out", tmp_path / "out", *options)
    assert (laboratory.comparison, laboratory.threshold) == ("euclidean", 1.1)
    assert laboratory.subject == SUBJECTS["digits"]


def test_a_head_that_is_damaged_is_refused_before_any_image_is_read(
    photographs, tmp_path, monkeypatch
):
    def export(*_, **__):
        raise AssertionError("the network was exported on images")

    monkeypatch.setattr("lpel_tf.networks.embedders.from_facenet", export)
    (tmp_path / "head.keras").write_bytes(b"no model")
    options = ("--comparison", tmp_path / "head.keras", "--cache", tmp_path / "cache")
    run = ("reproduce", "--faces", photographs, "--out", tmp_path / "out", *options)
    done = CliRunner().invoke(build_app(), list(map(str, run)))
    assert isinstance(done.exception, ModelShapeError)
    assert "head.keras" in str(done.exception)


def test_the_threshold_of_the_thesis_is_a_cosine_and_no_distance(asked, tmp_path):
    faces = write_people(tmp_path / "faces", people=24, each=8)
    options = ("--comparison", "euclidean", "--cache", tmp_path / "cache")
    _, _, laboratory, _ = asked("--faces", faces, "--out", tmp_path / "out", *options)
    fitted = replace(laboratory, threshold=5.0).with_fitted_threshold().threshold
    assert laboratory.threshold == fitted != THESIS_THRESHOLD


def test_a_quick_run_takes_some_people_by_the_seed(asked, photographs, tmp_path, monkeypatch):
    monkeypatch.setattr("lpel_tf.research.reproduction.sizes.QUICK", replace(QUICK, photographs=2))
    people = set()
    for seed in range(12):
        options = ("--faces", photographs, "--out", tmp_path / "out", "--quick", "--seed", seed)
        _, _, laboratory, _ = asked(*options, "--split", "identity")
        people.add(tuple(face.identity for face in laboratory.photographs))
    assert people == {2 * (f"Person_{person:02d}",) for person in range(3)}


def test_a_quick_run_takes_some_images_of_each_of_few_people(
    asked, photographs, tmp_path, monkeypatch
):
    monkeypatch.setattr("lpel_tf.research.reproduction.sizes.QUICK", replace(QUICK, photographs=3))
    options = ("--faces", photographs, "--out", tmp_path / "out", "--quick")
    _, _, laboratory, _ = asked(*options)
    people = [face.identity for face in laboratory.photographs]
    assert people == ["Person_00", "Person_01", "Person_02"]


def test_a_flat_folder_is_read_with_its_list(asked, tmp_path):
    people = write_people(tmp_path / "people", people=2, each=2)
    flat, lines = tmp_path / "flat", []
    flat.mkdir()
    for i, path in enumerate(sorted(people.glob("*/*.png"))):
        path.rename(flat / f"{i:06d}.png")
        lines.append(f"{i:06d}.png {i // 2}\n")
    (tmp_path / "identity.txt").write_text("".join(lines))
    options = ("--faces", flat, "--identities", tmp_path / "identity.txt")
    _, _, laboratory, _ = asked(*options, "--out", tmp_path / "out")
    assert [face.identity for face in laboratory.photographs] == ["0", "0", "1", "1"]


def test_an_archive_takes_the_place_of_a_folder(asked, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
    np.savez(tmp_path / "digits.npz", images=images, labels=np.array([0, 0, 1, 1]))
    _, _, laboratory, _ = asked("--faces", tmp_path / "digits.npz", "--out", tmp_path / "out")
    assert [one.identity for one in laboratory.photographs] == ["0", "0", "1", "1"]
    np.testing.assert_array_equal(laboratory.photographs[3].source.pixels, images[3])
    assert run_identity(laboratory) != run_identity(
        replace(laboratory, photographs=laboratory.photographs[::-1])
    )


def test_the_findings_are_told_in_words(asked, photographs, tmp_path):
    done, *_ = asked("--faces", photographs, "--out", tmp_path / "out")
    assert done.stdout == (
        "Similar pairs (figure 5.12)\n"
        "  [holds in part] It falls.\n      It does, by [3 %].\n"
        f"\nOpen {tmp_path / 'out' / 'report.html'}; the numbers behind it lie in "
        f"{tmp_path / 'out' / 'data'}.\n"
    )


def test_the_findings_are_told_in_one_document(asked, photographs, tmp_path):
    done, *_ = asked("--faces", photographs, "--out", tmp_path / "out", "--json")
    assert json.loads(done.stdout) == {
        "page": str(tmp_path / "out" / "report.html"),
        "passed_over": {},
        "sections": [
            {
                "key": "similar",
                "title": "Similar pairs",
                "findings": [
                    {
                        "claim": "It falls.",
                        "measured": "It does, by [3 %].",
                        "verdict": "holds in part",
                    }
                ],
            }
        ],
    }


@pytest.mark.parametrize("absent", ["matplotlib", "skimage"])
def test_the_command_is_absent_where_what_it_draws_or_measures_with_is(absent, monkeypatch):
    def find(module):
        return None if module == absent else module

    assert command.command.missing() is None
    monkeypatch.setattr("lpel_serving.commands.shared.command.find_spec", find)
    assert "lpel-tf[research]" in command.command.missing()


def test_too_few_photographs_for_the_network_end_the_command_with_a_sentence(
    photographs, tmp_path, monkeypatch
):
    monkeypatch.setattr("lpel_tf.networks.embedders.from_facenet", lambda *_, **__: embedder())
    options = ("--faces", photographs, "--out", tmp_path / "out", "--cache", tmp_path / "cache")
    by_identity = ["reproduce", *map(str, options), "--split", "identity"]
    done = CliRunner().invoke(build_app(), by_identity)
    assert isinstance(done.exception, TrainingDataError)
    assert "give more than" in str(done.exception)
    assert done.stdout == ""
    assert not (tmp_path / "out" / "report.html").exists()


# --- with the real network ------------------------------------------------------------------------

SMALL = replace(
    QUICK,
    photographs=200,
    comparisons=400,
    pairs=2,
    every=32,
    every_costly=32,
    draws=1,
    draws_costly=1,
    ablation_pairs=2,
    ablation_steps=2,
    game_pairs=2,
    game_levels=(0, 50, 100),
    probes=2,
    decoder_epochs=5,
    autoencoder_epochs=2,
    autoencoder_steps=1,
)


@pytest.mark.realdata
@pytest.mark.weights
@pytest.mark.slow
def test_faces_of_forty_people_give_a_whole_report(realdata, tmp_path, monkeypatch):
    """ORL's, with the real FaceNet; the kept embeddings are this test's own."""
    cache, real = tmp_path / "cache", Path(platformdirs.user_cache_dir("lpel"))
    cache.mkdir()
    for name in ("weights", "exports", "archives"):
        (real / name).mkdir(parents=True, exist_ok=True)
        (cache / name).symlink_to(real / name)
    ablations = "lpel_tf.research.reproduction.sections.ablations"
    monkeypatch.setattr("lpel_tf.research.reproduction.sizes.QUICK", SMALL)
    monkeypatch.setattr(f"{ablations}._SUPERPIXELS", (10,))
    monkeypatch.setattr(f"{ablations}.FILLS", ())
    done = CliRunner().invoke(
        build_app(),
        [
            *("reproduce", "--faces", str(realdata / "orl"), "--out", str(tmp_path / "out")),
            *("--quick", "--crop", "1", "--cache", str(cache), "--json"),
        ],
    )
    if done.exception is not None:
        raise done.exception
    document = json.loads(done.stdout)
    assert [section["key"] for section in document["sections"]] == list(SECTIONS)
    about = json.loads((tmp_path / "out" / "data" / "about.json").read_bytes())
    assert (about["people"], about["photographs"]) == (20, 200)
    assert about["embedder"] == "FaceNet 20170512-110547"
    verified = json.loads((tmp_path / "out" / "data" / "verification.json").read_bytes())
    rights = verified["data"]["1"]["at_threshold"]
    assert rights["total"] > 0.8, "FaceNet distinguishes ORL's people"
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count('<section id="') == len(SECTIONS)
