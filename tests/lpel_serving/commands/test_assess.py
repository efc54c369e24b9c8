"""`lpel assess` as a user runs it."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lpel_serving import Explainer
from lpel_serving.bundle.comparison_record import ComparisonRecord
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.bundle.manifest import ThresholdRecord
from lpel_serving.equations.fill import FILLS
from lpel_serving.faithfulness.assessment_record import BOTH_CAVEAT
from lpel_serving.faithfulness.controls import CONTROLS
from lpel_serving.faithfulness.study import QUESTIONS
from lpel_serving.report.verdict import explained
from support import compared, tiny
from support.command import lpel, lpel_process
from support.images import pixels, write_people

NAMED = "Person_"
"""In the name of every photograph and of its folder."""
QUICK = ("--superpixel", 2, "--n", 7, "--draws", 2)
FILES = (".npz", ".png")

# Runs `lpel`; the network stops working, as if by Ctrl-C, after so many calls.
COUNTING = """
import sys
from dataclasses import replace
from pathlib import Path
from lpel_serving.commands.main import main
from lpel_serving.engine.embedder import Embedder
counted, last, *arguments = sys.argv[1:]
calls, embed = [], Embedder.embed
def counting(self, *options, **more):
    if len(calls) == int(last):
        raise KeyboardInterrupt
    calls.append(1)
    return embed(self, *options, **more)
Embedder.embed = counting
sys.argv = ["lpel", *arguments]
try:
    main()
finally:
    Path(counted).write_text(str(len(calls)))
"""


def run(*command: object) -> subprocess.CompletedProcess[str]:
    words = [str(part) for part in command]
    return subprocess.run(words, check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Six people with five photographs each."""
    return write_people(tmp_path_factory.mktemp("assess") / "faces", people=6, each=5)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A bundle whose network distinguishes the people."""
    threshold = tiny.ThresholdRecord(0.9, {"how": "made up for the tests"})
    return tiny.write_bundle(tmp_path_factory.mktemp("assess") / "bundle", threshold=threshold)


@pytest.fixture(scope="module")
def command(bundle, faces):
    return ("assess", "--bundle", bundle, "--faces", faces, *QUICK)


@pytest.fixture(scope="module")
def whole(command, tmp_path_factory):
    """All curves but one, written to a folder, and printed as JSON."""
    out = tmp_path_factory.mktemp("assess") / "new" / "out"
    done = lpel_process(*command, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    return done, out


def refused(done: subprocess.CompletedProcess[str], *words: str, at_once: bool = True) -> None:
    """Check that a command ended with one sentence, and nothing on standard output."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    *before, last = done.stderr.splitlines()
    assert last.startswith("lpel: ")
    assert last.endswith(".")
    assert not (at_once and before), done.stderr
    assert NAMED not in done.stderr
    for word in words:
        assert word in last


def document(done: subprocess.CompletedProcess[str]) -> dict:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# What is printed and written


def test_json_stands_alone_and_is_what_is_written(whole, bundle):
    done, out = whole
    printed = document(done)
    assert printed == json.loads((out / "assessment.json").read_text())
    counts = {"passed_over", "photographs_with_several_faces"}
    assert set(printed) == {"bundle", "crop", "threshold", "seed", "curves", *counts}
    assert printed["passed_over"] == {}
    assert (printed["crop"], printed["threshold"], printed["seed"]) == ("none", 0.9, 0)
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert printed["bundle"] == {n: f["sha256"] for n, f in manifest["files"].items()}
    assert list(printed["curves"]) == ["similar", "dissimilar", "transplant"]
    for name, record in printed["curves"].items():
        question = QUESTIONS[name]
        assert record["method"] == "LPEL"
        assert record["pairs"] == 7
        assert record["settings"]["kind"] == question.kind
        assert record["settings"]["image_size"] == record["settings"]["fill"]["grain"] == 8
        assert record["settings"]["every"] == 4
        assert record["decision"] == ("similar" if question.similar else "dissimilar")
        assert {one["against"] for one in record["comparisons"]} == set(CONTROLS)
        assert ("caveat" in record) == (question.kind == "both")


def test_the_folder_holds_curves_figures_and_a_summary_and_nothing_else(whole):
    done, out = whole
    names = ("similar", "dissimilar", "transplant")
    expected = {f"{name}{suffix}" for name in names for suffix in FILES} | {"assessment.json"}
    assert {path.name for path in out.iterdir()} == expected
    for name in names:
        files = {"arrays": str(out / f"{name}.npz"), "figure": str(out / f"{name}.png")}
        assert document(done)["curves"][name]["files"] == files
        with np.load(out / f"{name}.npz", allow_pickle=False) as arrays:
            steps = len(arrays["superpixels_replaced"])
            assert arrays["similarities"].shape == (7, 1 + 6 + 2, steps)
            assert arrays["orders"].tolist()[0] == "LPEL"
        with Image.open(out / f"{name}.png") as figure:
            figure.load()
            assert figure.format == "PNG"


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(command, whole, tmp_path):
    done, out = whole
    again = lpel(*command, "--out", tmp_path, "--json", "--seed", 0)
    assert again.stdout.replace(str(tmp_path), str(out)) == done.stdout
    for path in out.glob("*.*g"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    for path in out.glob("*.npz"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    other = document(lpel(*command, "--curve", "similar", "--json", "--seed", 1))
    expected = document(done)["curves"]["similar"]
    assert other["curves"]["similar"]["area"] != expected["area"]


def test_no_photograph_is_named_anywhere(whole):
    done, out = whole
    assert NAMED not in done.stdout
    assert NAMED not in done.stderr
    for path in out.iterdir():
        assert NAMED.encode() not in path.read_bytes()
    for path in out.glob("*.npz"):
        with np.load(path, allow_pickle=False) as arrays:
            assert set(arrays.files) == {
                *("orders", "superpixels_replaced", "similarities", "normalised"),
            }
            assert not [name for name in arrays["orders"] if NAMED in name]
    for path in out.glob("*.png"):
        with Image.open(path) as figure:
            assert NAMED not in str(figure.info)


def test_words_say_what_beats_what_and_nothing_is_written(command, tmp_path):
    done = lpel(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
    assert NAMED not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stdout.splitlines()
    for name in ("similar", "dissimilar", "transplant"):
        question = QUESTIONS[name]
        (place,) = (i for i, line in enumerate(lines) if line.startswith(f"{question.title}, "))
        assert lines[place].startswith(f"{question.title}, 7 pairs. LPEL ")
        better = "lower" if question.similar else "higher"
        assert lines[place + 1].startswith("  area ")
        assert lines[place + 1].endswith(f"], {better} is better")
        of_controls = lines[place + 2 : place + 2 + len(CONTROLS)]
        for control, line in zip(CONTROLS.values(), of_controls, strict=True):
            assert line.startswith("  LPEL ")
            assert f"{control.title}: difference in area " in line
    assert lines.count(f"  {BOTH_CAVEAT}") == 1
    assert len(lines) == 3 * (2 + len(CONTROLS)) + 1


def test_what_is_assessed_is_what_explain_shows_unless_another_is_named(faces, tmp_path):
    threshold = tiny.ThresholdRecord(0.9, {"how": "made up for the tests"})
    bundle = tiny.write_bundle(tmp_path / "bundle", responds=True, threshold=threshold)
    asked = ("assess", "--bundle", bundle, "--faces", faces, *QUICK, "--curve", "similar", "--json")
    plain, named, other = (
        document(lpel(*asked, *method))["curves"]["similar"]
        for method in ((), ("--method", "responses"), ("--method", "lpel"))
    )
    images = [faces / f"Person_00/Person_00_000{number}.png" for number in (1, 2)]
    shown = document(lpel("explain", "--bundle", bundle, *images, "--json"))["method"]
    assert plain == named
    assert plain["method"] == f"the method {shown}" == "the method responses"
    assert plain["area"] != other["area"]


def test_words_name_the_files(command, tmp_path):
    done = lpel(*command, "--curve", "similar", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"  {tmp_path}/similar.npz, {tmp_path}/similar.png"


# What may be asked


FILLED = [name for name, question in QUESTIONS.items() if question.kind != "transplant"]


@pytest.mark.parametrize(
    ("curve", "fill"),
    [
        *((curve, None) for curve in QUESTIONS if curve not in FILLED),
        *((FILLED[place % len(FILLED)], fill) for place, fill in enumerate(FILLS[1:])),
    ],
)
def test_every_curve_and_every_fill_can_be_asked_for(command, curve, fill):
    filled = () if fill is None else ("--fill", fill)
    done = lpel(*command, "--curve", curve, *filled, "--json")
    curves = document(done)["curves"]
    assert list(curves) == [curve]
    assert curves[curve]["settings"]["kind"] == QUESTIONS[curve].kind
    assert curves[curve]["settings"]["fill"]["name"] == (fill or FILLS[0])
    assert "files" not in curves[curve]


def test_rivals_are_measured_on_the_same_pairs(command):
    methods = ("--method", "centre", "--method", "occlusion")
    asked = (*command, "--curve", "similar", "--json", "--fill", "black")
    record = document(lpel(*asked, *methods))["curves"]["similar"]
    assert record["method"] == "the control centre"
    outcomes = {one["against"]: one for one in record["comparisons"]}
    assert set(outcomes) == {"the method occlusion", *CONTROLS}
    # The control is the same map.
    assert outcomes["centre"]["difference"] == {"mean": 0, "low": 0, "high": 0}
    alone = document(lpel(*asked, "--method", "occlusion"))["curves"]["similar"]
    assert alone["area"]["mean"] == outcomes["the method occlusion"]["area"]["mean"]


def generous(folder, spread):
    """A bundle whose threshold calls pairs similar whose similarity is far below 0."""
    return tiny.write_bundle(
        folder,
        embedder=tiny.embedder_model(compared.LENGTH).SerializeToString(),
        comparison=ComparisonRecord("euclidean", spread),
        threshold=ThresholdRecord(-3.0, {"how": "made up for the tests"}),
    )


def test_pairs_of_a_distance_that_have_no_share_are_left_out_and_counted(faces, tmp_path):
    folder = generous(tmp_path / "bundle", 0.8)
    asked = ("assess", "--bundle", folder, "--faces", faces, *QUICK, "--method", "centre")
    curves = ("--curve", "similar", "--curve", "transplant-similar")
    drawn, moved = document(lpel(*asked, *curves, "--json"))["curves"].values()
    assert 1 < drawn["pairs"] < 7
    assert drawn["left_out"]["pairs"] == 7 - drawn["pairs"]
    assert drawn["left_out"]["of"] == moved["pairs"] == 7
    assert "left_out" not in moved
    said = " ".join(lpel(*asked, "--curve", "similar").stdout.split())
    assert f"{7 - drawn['pairs']} of 7 pairs" in said
    assert "left out of this curve: shares of the first similarity say nothing" in said


def test_a_curve_of_no_pair_is_refused_before_any_is_measured(faces, tmp_path):
    asked = ("assess", "--bundle", generous(tmp_path / "bundle", 0.4), "--faces", faces, *QUICK)
    done = lpel(*asked, "--method", "centre", "--curve", "transplant-similar", "--curve", "similar")
    assert done.returncode == 2
    assert "7 of 7 pairs are left out of this curve" in done.stderr
    assert "curves (" not in done.stderr
    assert done.stdout == ""


def test_the_definition_of_the_curve_is_the_users(command):
    options = ("--every", 1, "--variance", 0.5, "--shared-noise", "--draws", 3, "--superpixel", 4)
    done = lpel(*command, "--curve", "dissimilar", "--json", *options)
    record = document(done)["curves"]["dissimilar"]
    assert record["settings"] == {
        "kind": "both",
        "superpixel": 4,
        "image_size": 8,
        "every": 1,
        "fill": {"name": "normal", "variance": 0.5, "grain": 8},
        "shared_noise": True,
        "draws": 3,
    }
    assert record["superpixels_replaced"] == [0, 1, 2, 3, 4]
    for curve in record["mean_curves"].values():
        assert curve[-1] == pytest.approx(1, abs=1e-6)


def test_pairs_may_be_listed_and_folders_flat(bundle, tmp_path):
    flat, listing, pairs = tmp_path / "flat", tmp_path / "identity.txt", tmp_path / "pairs.txt"
    flat.mkdir()
    lines = []
    for i in range(12):
        noise = np.random.default_rng(i).integers(-50, 51, (16, 16, 3))
        picture = Image.fromarray(np.clip(pixels(i % 3) + noise, 0, 255).astype(np.uint8))
        picture.save(flat / f"{i:06d}.png")
        lines.append(f"{i:06d}.png {i % 3}\n")
        home = tmp_path / "lfw" / f"P{i % 3}"
        home.mkdir(parents=True, exist_ok=True)
        picture.save(home / f"P{i % 3}_{i // 3 + 1:04d}.jpg", quality=95)
    listing.write_text("".join(lines))
    pairs.write_text("3\n" + "".join(f"P{i}\t1\t2\n" for i in range(3)))
    assess = ("assess", "--bundle", bundle, *QUICK, "--curve", "similar", "--json", "--faces")
    listed = document(lpel(*assess, tmp_path / "lfw", "--pairs", pairs))
    assert listed["curves"]["similar"]["pairs"] == 3
    drawn = document(lpel(*assess, flat, "--identities", listing))
    assert drawn["curves"]["similar"]["pairs"] == 7


def test_few_pairs_decide_nothing(command):
    done = lpel(*command, "--curve", "similar", "--n", 3)
    assert done.returncode == 0, done.stderr
    first, _, *comparisons = done.stdout.splitlines()
    assert ", 3 pairs. LPEL is not clearly better or worse than " in first
    assert "beats" not in done.stdout
    assert all("by 3 pairs, which are too few: " in line for line in comparisons)


# Interruptions


def test_an_interrupted_command_goes_on_where_it_stopped(command, tmp_path):
    counted = tmp_path / "calls"
    curves = ("--curve", "similar", "--curve", "transplant", "--json", "--out")

    def counting(last: int, out: str):
        program = (sys.executable, "-c", COUNTING, counted, last, *command, *curves, tmp_path / out)
        done = run(*program)
        return done, int(counted.read_text())

    full, calls = counting(-1, "full")
    assert full.returncode == 0, full.stderr
    stopped, _ = counting(3 * calls // 4, "out")
    assert stopped.returncode == 130
    assert stopped.stdout == ""
    assert stopped.stderr.splitlines()[-1] == "lpel: interrupted."
    assert "Traceback" not in stopped.stderr
    out = tmp_path / "out"
    left = {path.name for path in out.iterdir()}
    assert left == {"similar.npz", "similar.png", ".similar.partial", ".transplant.partial"}
    for path in out.iterdir():
        assert NAMED.encode() not in path.read_bytes()
    resumed, more = counting(-1, "out")
    assert resumed.returncode == 0, resumed.stderr
    assert more < 0.75 * calls
    assert resumed.stdout.replace(str(out), str(tmp_path / "full")) == full.stdout
    names = {"similar.npz", "similar.png", "transplant.npz", "transplant.png", "assessment.json"}
    assert {path.name for path in out.iterdir()} == names
    for name in names - {"assessment.json"}:
        assert (out / name).read_bytes() == (tmp_path / "full" / name).read_bytes()


def test_what_was_interrupted_with_another_seed_is_not_gone_on_with(command, whole, tmp_path):
    curves = ("--curve", "similar", "--json", "--out", tmp_path / "out")
    program = (sys.executable, "-c", COUNTING, tmp_path / "calls")
    stopped = run(*program, 40, *command, *curves, "--seed", 1)
    assert stopped.returncode == 130
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".similar.partial"]
    done = document(lpel(*command, *curves, "--seed", 0))
    expected = document(whole[0])["curves"]["similar"]
    for key in set(expected) - {"files"}:
        assert done["curves"]["similar"][key] == expected[key]


# Refusals


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--curve", "tea-leaves"), ("no curve is called 'tea-leaves'", "transplant-similar")),
        (("--curve", "similar", "--curve", ""), ("no curve is called ''",)),
        (("--method", "tea-leaves"), ("no method is called 'tea-leaves'", "occlusion")),
        (("--fill", "pink"), ("no fill is called 'pink'", "blur")),
        (("--variance", 0), ("variance of noise is above 0",)),
        (("--variance", "inf"), ("variance of noise is above 0",)),
        (("--superpixel", 3), ("do not tile an image of 8", "1, 2, 4")),
        (("--every", 17), ("every 1 to 16 superpixels; received 17",)),
        (("--crop", "oval"), ("no crop is called 'oval'",)),
        (("--provider", "cuda"), ("cuda", "lpel-tf[gpu]")),
        (("--pairs", "none.txt"), ("none.txt",)),
        (("--faces", "none"), ("none is not a folder",)),
        (("--bundle", "none"), ("none is not a bundle",)),
    ],
)
def test_bad_input_ends_with_one_sentence_before_any_work(command, options, words, tmp_path):
    out = tmp_path / "out"
    refused(lpel(*command, *options, "--out", out, "--json", cwd=tmp_path), *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [("--n", 1), ("--variance", -1)])
def test_bad_usage_is_explained_without_a_traceback(command, options):
    done = lpel(*command, *options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Usage: lpel assess" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("threshold", "curve", "words"),
    [
        (0.25, "dissimilar", "found 0 pairs of two people, called dissimilar; at least 2"),
        (0.9999, "similar", "found 0 pairs of one person, called similar; at least 2"),
    ],
)
def test_too_few_right_decisions_are_refused(faces, tmp_path, threshold, curve, words):
    record = tiny.ThresholdRecord(threshold, {})
    bundle = tiny.write_bundle(tmp_path / "bundle", threshold=record)
    command = ("assess", "--bundle", bundle, "--faces", faces, *QUICK, "--curve", curve)
    done = lpel(*command, "--json", "--out", tmp_path / "out")
    refused(done, words, "give more photographs", at_once=False)
    assert not (tmp_path / "out").exists()


def test_a_method_that_cannot_explain_the_pairs_says_so(command):
    both = ("--curve", "similar", "--curve", "dissimilar")
    done = lpel(*command, *both, "--method", "emsnn", "--json")
    refused(done, "this pair was called dissimilar", "similar pairs alone", at_once=False)
    assert "curves" not in done.stderr, "nothing is measured before it is refused"


@pytest.mark.parametrize("below", ["file", "file/out"])
def test_a_folder_that_cannot_be_written_is_refused(command, tmp_path, below):
    (tmp_path / "file").write_bytes(b"mine")
    done = lpel(*command, "--curve", "similar", "--json", "--out", tmp_path / below)
    refused(done, "cannot write", str(tmp_path / below), at_once=False)
    assert (tmp_path / "file").read_bytes() == b"mine"


# What the bundle keeps


def test_what_came_out_is_kept_in_the_bundle_and_said_of_its_maps(bundle, faces, tmp_path):
    own = shutil.copytree(bundle, tmp_path / "own")
    before = load_bundle(own).manifest
    done = lpel("assess", "--bundle", own, "--faces", faces, *QUICK, "--curve", "similar", "--keep")
    assert done.returncode == 0, done.stderr
    after = load_bundle(own).manifest
    assert replace(after, assessment=None) == before
    assert after.identity == before.identity
    curve = after.assessment.of("lpel", "similar", "none")
    assert curve.pairs == 7
    assert set(curve.against) == set(CONTROLS)
    explainer = Explainer.load(own)
    similar, other = explainer.explain_pairs([(pixels(0), pixels(0)), (pixels(0), pixels(1))])
    (said,) = [one for one in explained(similar).caveats if "was compared" in one or "order" in one]
    assert said.startswith("Where such maps were measured with this network, on 7 pairs called")
    assert said.endswith("follows from the formula, and proves nothing.")
    assert "was not measured here" in " ".join(explained(other).caveats)


def test_only_a_method_as_it_is_can_be_kept(command):
    refused(
        lpel(*command, "--method", "lpel", "--set", "p=0.5", "--keep"),
        "--keep goes with a method as it is, not with --set",
    )
