"""Importing the Keras side must cost nothing until it is used."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    *("tensorflow", "keras", "keras_facenet", "h5py", "mtcnn", "cv2", "scipy", "pooch"),
    *("tf2onnx", "onnx", "onnxruntime", "matplotlib", "skimage", "requests", "pip"),
}
LOOK = """
import importlib, json, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(json.dumps(sorted(sys.modules)))
"""
ROOT = Path(__file__).parents[2]


def inside(folder: str) -> list[str]:
    """Name all the modules of a package, given its folder in the checkout."""
    found = sorted((ROOT / folder).rglob("*.py"))
    names = [path.relative_to(ROOT).with_suffix("").as_posix() for path in found]
    assert names
    ours = (
        name.removeprefix("serving/").removeprefix("export/").removesuffix("/__init__")
        for name in names
    )
    return [name.replace("/", ".") for name in ours]


MODULES = {
    "the packages": ["lpel_tf", "lpel_export"],
    "the commands": inside("lpel_tf/commands") + inside("export/lpel_export/commands"),
    **{
        f"lpel_tf.{room}": inside(f"lpel_tf/{room}")
        for room in (
            *("bundles", "data", "decoders", "demo", "networks", "pretrained", "siamese"),
            "support",
        )
    },
    **{
        f"lpel_export.{room}": inside(f"export/lpel_export/{room}")
        for room in ("adoption", "bundle", "conversion", "deployment", "explainer", "precision")
    },
    "the laboratory of research": inside("lpel_tf/research"),
    "the measures of faithfulness": inside("serving/lpel_serving/faithfulness"),
    "the methods": inside("serving/lpel_serving/methods"),
    "the figures": inside("serving/lpel_serving/report/figures"),
}


def run(home, *command):
    """Run a command whose home, and all other places for files, is an empty folder."""
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "TMPDIR": str(home)}
    return subprocess.run(
        command, env=environment, cwd=home, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize("modules", MODULES.values(), ids=MODULES)
def test_importing_loads_no_framework_and_makes_no_files(modules, tmp_path):
    done = run(tmp_path, sys.executable, "-W", "error", "-c", LOOK, *modules)
    assert (done.returncode, done.stderr) == (0, "")
    loaded = set(json.loads(done.stdout))
    assert set(modules) <= loaded
    assert loaded & HEAVY == set()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["assess", "demo", "reproduce", "train", "weights"])
def test_asking_for_help_makes_no_files(command, tmp_path):
    lpel = os.path.join(os.path.dirname(sys.executable), "lpel")  # noqa: PTH118, PTH120
    done = run(tmp_path, lpel, command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"lpel {command}" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_loading_tensorflow_from_many_threads_leaves_standard_error_as_it_was():
    program = """
import os, threading
from lpel_tf.support.quiet import load_tensorflow
before = os.fstat(2)
threads = [threading.Thread(target=load_tensorflow) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
after = os.fstat(2)
print((before.st_dev, before.st_ino) == (after.st_dev, after.st_ino))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True"]
    assert "InitializeLog" not in done.stderr
