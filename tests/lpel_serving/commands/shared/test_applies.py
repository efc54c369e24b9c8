"""Options that would do nothing are refused, and what they need is said."""

import sys
from dataclasses import dataclass

import pytest

from lpel_export.bundle.writer import write_with_explainer
from lpel_export.explainer import build_explainer
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.commands.main import main
from lpel_tf.networks.facenet import DEFAULT_KEY, THESIS_KEY

NOTHING = "for here it would do nothing."
NOWHERE = ("--bundle", "nowhere", "--faces", "nowhere")
PAIRS = (*NOWHERE, "--pairs", "none.txt")
BATCH = ("batch", "none.csv", "out", "--bundle", "nowhere")
PROBES = ("batch", "probes", "out", "--bundle", "nowhere", "--gallery", "gallery")
EXPORT = ("export", "--bundle", "nowhere", "--out", "new")
TRAIN = ("train", "--faces", "nowhere", "--out", "new")
REPRODUCE = ("reproduce", "--faces", "nowhere", "--out", "new")
SERVE = ("serve", "--bundle", "nowhere")
PICTURES = ("--faces", "nowhere", "--precision", "int8")
MIRROR = ("--mirror", "http://127.0.0.1:1")


@dataclass(frozen=True)
class Case:
    """A command, what is ignored there, what is said of that, and what it is not ignored with.

    Nothing that they name is there, so that every command ends before its work begins.
    """

    command: tuple[str, ...]
    option: tuple[str, ...]
    says: str
    instead: tuple[str, ...]


CASES = [
    Case(EXPORT, ("--most-bad", "0.2"), "goes with --precision", (*EXPORT, *PICTURES)),
    Case(EXPORT, ("--list-passed-over",), "goes with --precision", (*EXPORT, *PICTURES)),
    Case(("verify", *PAIRS), ("--n", "1000"), "pairs that are drawn", ("verify", *NOWHERE)),
    Case(("verify", *PAIRS), ("--identities", "x"), "pairs that are drawn", ("verify", *NOWHERE)),
    Case(("calibrate", *PAIRS), ("--n", "500"), "not with --pairs", ("calibrate", *NOWHERE)),
    Case(
        *(("calibrate", *PAIRS), ("--identities", "x"), "not with --pairs"),
        ("calibrate", *NOWHERE),
    ),
    Case(("assess", *PAIRS), ("--identities", "x"), "not with --pairs", ("assess", *NOWHERE)),
    Case(
        *(("assess", *NOWHERE, "--fill", "grey"), ("--variance", "0.09"), "--fill normal"),
        ("assess", *NOWHERE, "--fill", "normal"),
    ),
    Case(
        *(
            ("assess", *NOWHERE, "--curve", "transplant"),
            ("--variance", "0.1"),
            "fills superpixels",
        ),
        ("assess", *NOWHERE, "--curve", "transplant", "--curve", "similar"),
    ),
    Case(
        ("assess", *NOWHERE, "--curve", "transplant", "--curve", "transplant-similar"),
        *(("--fill", "normal"), "fills superpixels", ("assess", *NOWHERE)),
    ),
    Case(
        *(("assess", *NOWHERE, "--curve", "similar"), ("--shared-noise",), "--curve dissimilar"),
        ("assess", *NOWHERE),
    ),
    Case(
        *(("assess", *NOWHERE, "--fill", "black"), ("--shared-noise",), "a fill of noise"),
        ("assess", *NOWHERE, "--fill", "uniform"),
    ),
    Case(BATCH, ("--top", "10"), "--gallery", (*BATCH, "--gallery", "x")),
    Case(BATCH, ("--draws", "10"), "--curves", (*BATCH, "--curves")),
    Case(BATCH, ("--gpus", "0"), "--engine ray", (*BATCH, "--engine", "ray")),
    Case(
        ("batch", "run", *BATCH[1:]), ("--gpus", "1"), "--engine ray", (*BATCH, "--engine", "ray")
    ),
    Case(PROBES, ("--images", "x"), "lists, not with folders", BATCH),
    Case(("bundle", "check", "nowhere"), ("--figure", "x"), "inspect", ("bundle", "inspect", "x")),
    Case(EXPORT, PICTURES[:2], "--precision", (*EXPORT, *PICTURES[2:])),
    Case(EXPORT, ("--crop", "0.5"), "--precision", (*EXPORT, *PICTURES)),
    Case(EXPORT, ("--storage-uri", "s3://x"), "--triton", (*EXPORT, "--triton", "models")),
    Case(TRAIN, ("--coalitions", "16"), "--method responses", (*TRAIN, "--method", "responses")),
    Case(TRAIN, ("--grid", "8"), "--method responses", (*TRAIN, "--method", "responses")),
    *(
        Case((*TRAIN, "--closed-form"), (option, "30"), "not with --closed-form", TRAIN)
        for option in ("--epochs", "--batch-size", "--patience")
    ),
    *(
        Case(command, (option, "8"), "goes with --embedder", (*command, "--embedder", file))
        for command, option, file in (
            (TRAIN, "--standardisation", "x.keras"),
            (TRAIN, "--mean", "x.onnx"),
            (REPRODUCE, "--image-size", "x.keras"),
            (REPRODUCE, "--output", "x.onnx"),
        )
    ),
    Case(TRAIN, MIRROR, "downloads", (*TRAIN, "--network", THESIS_KEY)),
    Case(REPRODUCE, MIRROR, "downloads", (*REPRODUCE, "--network", THESIS_KEY)),
    Case((*SERVE, "--private"), ("--cache-mib", "64"), "a cache, not with --private", SERVE),
]
each = pytest.mark.parametrize("case", CASES, ids=lambda one: " ".join((*one.command, *one.option)))


@pytest.fixture
def complaint(monkeypatch, tmp_path, capsys):
    """Run `lpel` in an empty folder; return the one sentence with which it ends."""
    monkeypatch.chdir(tmp_path)
    for folder in ("probes", "gallery"):
        (tmp_path / folder).mkdir()

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["lpel", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        assert stop.value.code == 2
        out, said = capsys.readouterr()
        assert (out, "Traceback" in said) == ("", False)
        assert {path.name for path in tmp_path.iterdir()} == {"probes", "gallery"}
        last = said.splitlines()[-1]
        assert last.startswith("lpel: ")
        assert last.endswith(".")
        return last

    return run


@each
def test_what_would_do_nothing_is_refused_before_any_work(complaint, case):
    said = complaint(*case.command, *case.option)
    assert said.startswith(f"lpel: {case.option[0]} goes with ")
    assert case.says in said
    assert said.endswith(NOTHING)


@each
def test_beside_what_it_needs_it_is_not_refused(complaint, case):
    assert NOTHING not in complaint(*case.instead, *case.option)


@each
def test_left_out_it_is_not_refused(complaint, case):
    assert NOTHING not in complaint(*case.command)


def test_what_an_environment_variable_says_stands_for_many_commands(complaint, monkeypatch):
    monkeypatch.setenv("LPEL_CACHE_MIB", "5")
    assert NOTHING not in complaint(*SERVE, "--private")


def test_a_mirror_of_weights_that_come_from_elsewhere_is_refused(complaint):
    assert "--mirror goes with weights that keras-facenet downloads" in complaint(
        "weights", DEFAULT_KEY, *MIRROR
    )


def test_a_runtime_for_browsers_needs_something_to_run(tiny_bundle, tmp_path_factory, complaint):
    runtime = ("--web-runtime", "dist", "--samples", "none")
    said = complaint("serve", "--bundle", tiny_bundle, *runtime)
    assert "--web-runtime goes with a bundle whose explainer.onnx, by `lpel export`" in said
    loaded = load_bundle(tiny_bundle)
    bundle = tmp_path_factory.mktemp("complete") / "bundle"
    write_with_explainer(bundle, loaded, build_explainer(loaded, "lpel"))
    assert NOTHING not in complaint("serve", "--bundle", bundle, *runtime)
