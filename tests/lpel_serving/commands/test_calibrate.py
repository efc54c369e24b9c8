"""`lpel calibrate`, and `lpel bundle inspect --figure`, as a user runs them."""

import json
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lpel_export.bundle.writer import write_with_explainer
from lpel_export.explainer import build_explainer
from lpel_serving import Explainer
from lpel_serving.bundle.card import confidence_lines, usual_lines
from lpel_serving.bundle.confidence_record import fit_confidence
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.engine.photographs import pair_similarities
from lpel_serving.equations.comparison import COSINE
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.images.datasets.pairs import sample_pairs
from support import tiny
from support.command import lpel, lpel_process
from support.confidence import confidence
from support.hostile import change
from support.images import pixels, write_people
from support.plausibility import odd, plausibility

PEOPLE, EACH = 8, 6
HEAVY = "tensorflow keras onnx matplotlib scipy cv2 lpel_tf lpel_export"


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Check that a command ended with one sentence, and nothing on standard output."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    last = [line for line in done.stderr.splitlines() if line.strip()][-1]
    assert last.startswith("lpel: ")
    for word in words:
        assert word in last


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("calibrate") / "faces", PEOPLE, EACH)


@pytest.fixture
def expected(responding_bundle, faces):
    """What 200 pairs, drawn with the seed 3, give."""
    pairs = sample_pairs(list_faces(faces), 200, np.random.default_rng(3))
    similarities = pair_similarities(Explainer.load(responding_bundle).embedder, COSINE, pairs)
    same = np.array([pair.same for pair in pairs])
    return fit_confidence(similarities, same, "pairs drawn at random")


def test_a_bundle_gets_its_confidence_and_stays_what_it_was(bundle, faces, expected, tmp_path):
    before = contents(bundle)
    done = lpel_process("calibrate", "--bundle", bundle, "--faces", faces, "--n", 200, "--seed", 3)
    assert done.returncode == 0, done.stderr
    said = (
        "check of plausibility: none; another takes about 60 photographs of 198 people, "
        "received 48 of 8"
    )
    assert done.stdout.splitlines() == [
        *confidence_lines(expected),
        said,
        *usual_lines(load_bundle(bundle).manifest.usual),
        f"Bundle: {bundle}",
    ]
    after = contents(bundle)
    assert {name for name in after if after[name] != before[name]} == {"manifest.json"}
    assert load_bundle(bundle).manifest.confidence == expected
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    assert lpel("bundle", "check", bundle).returncode == 0


def test_out_leaves_the_bundle_alone_and_json_is_one_document(bundle, faces, expected, tmp_path):
    before = contents(bundle)
    out = tmp_path / "new" / "bundle"
    done = lpel(
        "calibrate", "-b", bundle, "--faces", faces, "--n", 200, "--seed", 3, "--json",
        "--on", "faces made of noise", "--out", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert contents(bundle) == before
    document = json.loads(done.stdout)
    assert document["bundle"] == str(out)
    assert document["pairs_without_face"] == 0
    record = load_bundle(out).manifest.confidence
    assert document["confidence"] == asdict(record)
    assert record.calibration == expected.calibration
    assert record.fitted["how"].endswith(", on faces made of noise")


def test_an_explainer_stays_that_of_a_bundle_that_is_calibrated_twice(bundle, faces):
    loaded = load_bundle(bundle)
    write_with_explainer(bundle, loaded, build_explainer(loaded))
    calibrate = ("calibrate", "--bundle", bundle, "--faces", faces, "--n", 200, "--json")
    first = json.loads(lpel(*calibrate, "--seed", 1).stdout)
    second = json.loads(lpel(*calibrate, "--seed", 2).stdout)
    assert first["confidence"]["slope"] != second["confidence"]["slope"]
    checked = lpel("bundle", "check", bundle)
    assert checked.returncode == 0, checked.stdout
    assert "explainer.onnx: opens, was made of this bundle" in checked.stdout


def test_pairs_in_lfws_format_are_read(bundle, tmp_path):
    rng = np.random.default_rng(0)
    for i in range(60):
        home = tmp_path / "lfw" / f"P{i % 6}"
        home.mkdir(parents=True, exist_ok=True)
        noisy = np.clip(pixels(i % 6).astype(int) + rng.integers(-60, 61, (16, 16, 3)), 0, 255)
        Image.fromarray(noisy.astype(np.uint8)).save(home / f"P{i % 6}_{i // 6 + 1:04d}.jpg")
    same = [f"P{i % 6}\t{i // 6 + 1}\t{i // 6 + 2}\n" for i in range(54)]
    different = [f"P{i % 6}\t1\tP{(i + 1 + i // 6) % 6}\t{i // 6 + 2}\n" for i in range(46)]
    different = [line for line in different if line.split()[0] != line.split()[2]]
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("54\n" + "".join(same + different * 2))
    done = lpel("calibrate", "-b", bundle, "--faces", tmp_path / "lfw", "--pairs", pairs, "--json")
    assert done.returncode == 0, done.stderr
    fitted = json.loads(done.stdout)["confidence"]["fitted"]
    assert fitted["how"].endswith(", on a list of pairs")
    assert fitted["pairs_same"] == 54
    assert fitted["pairs_different"] == 2 * len(different)
    assert str(tmp_path) not in (bundle / "manifest.json").read_text()


def test_too_few_pairs_write_nothing_and_are_said(bundle, faces, tmp_path):
    photograph = next(faces.glob("*/*.png"))
    home = tmp_path / "lfw" / "P"
    home.mkdir(parents=True)
    for number in (1, 2):
        Image.open(photograph).convert("RGB").save(home / f"P_{number:04d}.jpg")
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("P 1 2\n" * 99)
    before = contents(bundle)
    done = lpel("calibrate", "-b", bundle, "--faces", tmp_path / "lfw", "--pairs", pairs)
    refused(done, "at least 100 pairs", "10 of one person", "received 99 and 0", "Nothing was")
    assert contents(bundle) == before


def test_what_cannot_be_done_is_refused_before_the_work(bundle, faces, tmp_path):
    calibrate = ("calibrate", "--faces", faces, "--bundle")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "holiday.jpg").write_bytes(b"precious")
    refused(lpel(*calibrate, bundle, "--out", tmp_path / "other"), "choose another folder")
    refused(lpel(*calibrate, tmp_path / "none", "--n", 200), "is not a bundle")
    refused(lpel(*calibrate, bundle, "--n", 100_000), "asked for 100000 pairs")
    refused(lpel(*calibrate, bundle, "--pairs", tmp_path / "none.txt"), "none.txt")
    done = lpel(*calibrate, bundle, "--n", 99)
    assert done.returncode == 2
    assert "Usage: lpel calibrate" in done.stderr
    (bundle / "holiday.jpg").write_bytes(b"precious")
    refused(lpel(*calibrate, bundle), "holds other things than a bundle")
    assert (bundle / "holiday.jpg").read_bytes() == b"precious"


def test_the_lean_engine_calibrates(bundle, faces):
    """With nothing installed but what the extra `cpu` brings."""
    program = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({HEAVY.split()!r}))\n"
        "import typer\n"
        "from lpel_serving.commands.calibrate import calibrate\n"
        "typer.run(calibrate)\n"
    )
    options = ("--bundle", bundle, "--faces", faces, "--n", 200)
    command = [sys.executable, "-c", program, *map(str, options)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert load_bundle(bundle).manifest.confidence is not None


# --- lpel bundle inspect ---


@pytest.fixture
def calibrated(bundle):
    change(bundle, "confidence", to=json.loads(json.dumps(asdict(confidence()))))
    return bundle


def test_inspect_tells_the_confidence_and_draws_it(calibrated, tmp_path):
    picture = tmp_path / "new" / "reliability.png"
    done = lpel("bundle", "inspect", calibrated, "--figure", picture)
    assert done.returncode == 0, done.stderr
    for line in confidence_lines(confidence()):
        assert line in done.stdout.splitlines()
    with Image.open(picture) as drawn:
        assert drawn.format == "PNG"
    assert [path.name for path in picture.parent.iterdir()] == ["reliability.png"]
    plain = lpel("bundle", "inspect", calibrated)
    assert plain.stdout == done.stdout
    document = json.loads(lpel("bundle", "inspect", calibrated, "--json").stdout)
    assert document["confidence"] == asdict(confidence())


def test_what_cannot_be_drawn_is_said(bundle, calibrated, tmp_path):
    inside = tmp_path / "file"
    inside.touch()
    inspect = ("bundle", "inspect", bundle, "--figure")
    refused(lpel(*inspect, inside / "x.png"), "cannot write")
    check = ("bundle", "check", bundle, "--figure", tmp_path / "x.png")
    refused(lpel(*check), "--figure goes with inspect alone")
    shutil.copytree(bundle, tmp_path / "bare")
    manifest = json.loads((bundle / "manifest.json").read_text())
    del manifest["confidence"]
    (tmp_path / "bare" / "manifest.json").write_text(json.dumps(manifest))
    bare = ("bundle", "inspect", tmp_path / "bare", "--figure", tmp_path / "x.png")
    refused(lpel(*bare), "has no confidence to draw", "lpel calibrate --bundle")
    assert not (tmp_path / "x.png").exists()


# --- the check of plausibility ---


@pytest.fixture(scope="module")
def many_faces(tmp_path_factory):
    """Enough photographs to fit the check on, of enough people."""
    return write_people(tmp_path_factory.mktemp("many") / "faces", 200, 2)


def test_a_check_of_plausibility_is_fitted_on_the_photographs(bundle, many_faces):
    done = lpel("calibrate", "-b", bundle, "--faces", many_faces, "--n", 400, "--json")
    assert done.returncode == 0, done.stderr
    written = load_bundle(bundle)
    record = written.manifest.plausibility
    assert json.loads(done.stdout)["plausibility"] == asdict(record)
    assert record.fitted["people_apart"] == 100
    assert json.loads(done.stdout)["plausibility_fitted"] is True
    assert "pairs drawn at random" in record.fitted["how"]
    explainer = Explainer.load(bundle)
    photographs = [face.path for face in list_faces(many_faces)][::9]
    crops = np.stack([explainer.embedder.read(path) for path in photographs])
    assert explainer.plausibility.plausible(explainer.embed(crops)).mean() > 0.9
    assert not explainer.explain(odd(), odd()).plausibility.plausible
    assert lpel("bundle", "check", bundle).returncode == 0
    assert "check of plausibility: a picture further" in lpel("bundle", "inspect", bundle).stdout


def test_a_check_that_holds_stays_however_many_photographs_there_are(tmp_path, many_faces):
    knowing = tiny.write_bundle(tmp_path / "knowing", plausibility=plausibility())
    done = lpel("calibrate", "-b", knowing, "--faces", many_faces, "--n", 400)
    assert done.returncode == 0, done.stderr
    assert "check of plausibility: it stays as it was; it raises an alarm at" in done.stdout
    assert load_bundle(knowing).manifest.plausibility == plausibility().record


def test_a_check_of_another_kind_is_fitted_anew_where_there_are_enough(tmp_path, many_faces, faces):
    narrow = replace(plausibility(), check=replace(plausibility().check, limit=0.5))
    knowing = tiny.write_bundle(tmp_path / "knowing", plausibility=narrow)
    done = lpel("calibrate", "-b", knowing, "--faces", faces, "--n", 200)
    assert "it stays, though it raises an alarm at 48 of 48" in done.stdout
    assert load_bundle(knowing).manifest.plausibility == narrow.record
    done = lpel("calibrate", "-b", knowing, "--faces", many_faces, "--n", 400)
    assert done.returncode == 0, done.stderr
    assert load_bundle(knowing).manifest.plausibility.limit > 1
