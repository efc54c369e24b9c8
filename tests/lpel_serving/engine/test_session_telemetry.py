"""The engine tells nobody that it was used: onnxruntime would, left to itself."""

import os
import subprocess
import sys

import pytest

EXPLAIN = """
import sys, numpy
from lpel_serving import Explainer
faces = numpy.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), numpy.uint8)
Explainer.load(sys.argv[1]).explain(*faces)
"""
ALONE = """
import sys, onnxruntime
onnxruntime.InferenceSession(sys.argv[1] + "/embedder.onnx")
"""


def traces(program, bundle, home, **settings):
    """Run a program in an empty home, and list what it has left there."""
    home.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **settings}
    command = [sys.executable, "-c", program, str(bundle)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return [path for path in home.rglob("*") if path.is_file()]


def test_nothing_is_left_in_the_users_home(responding_bundle, tmp_path):
    assert traces(EXPLAIN, responding_bundle, tmp_path / "home") == []


def test_onnxruntime_reports_where_the_user_asks_for_it(responding_bundle, tmp_path):
    asked = traces(EXPLAIN, responding_bundle, tmp_path / "asked", ORT_DISABLE_TELEMETRY="0")
    alone = traces(ALONE, responding_bundle, tmp_path / "alone")
    if not alone:
        pytest.skip("this onnxruntime reports nothing")
    assert asked
