"""Exports and engine with the oldest packages that pyproject.toml admits: see scripts/oldest."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import numpy as np
import onnx
import onnxruntime
import pytest

from lpel_export.explainer import build_explainer
from lpel_serving.batch.results import open_results
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.report.pictures import png
from lpel_serving.service.http.schemas.answers import ExplainAnswer
from lpel_tf.support.cache import cache_folder
from support.areas import OLDEST
from support.images import pixels

pytestmark = [pytest.mark.network, pytest.mark.weights, pytest.mark.slow]
ROOT = Path(__file__).parents[2]
TOLERANCE = 1e-5
RUN = """
import sys
import numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.log_severity_level = 3
session = onnxruntime.InferenceSession(sys.argv[1], options)
names = [one.name for one in session.get_outputs()]
numpy.savez(sys.argv[3], **dict(zip(names, session.run(None, dict(numpy.load(sys.argv[2]))))))
"""
VERSIONS = """
import json, importlib.metadata as m, sys
print(json.dumps({name: m.version(name) for name in sys.argv[1:]}))
"""
EXPORT = """
import sys
from pathlib import Path
from lpel_serving.support.progress import silent
from lpel_tf.demo.run import run_demo
run_demo(Path(sys.argv[1]), cache=Path(sys.argv[2]), progress=silent)
"""


@pytest.fixture(scope="module")
def oldest():
    """Run a program with the oldest packages."""

    def run(program: str, *arguments: object) -> str:
        command = [str(OLDEST), "-c", program, *map(str, arguments)]
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=quiet)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def exported_by_oldest(oldest, tmp_path_factory, demo_folder):
    """The demo's bundle, FaceNet exported anew by the oldest TensorFlow, tf2onnx and onnx."""
    assert demo_folder.is_dir()  # which fetched the weights
    cache = tmp_path_factory.mktemp("cache")
    for kept in ("weights", "archives"):
        shutil.copytree(cache_folder(kept), cache / kept)
    out = tmp_path_factory.mktemp("oldest")
    oldest(EXPORT, out, cache)
    return out / "bundle"


@pytest.fixture(scope="module")
def crops(real_crops):
    return {"reference": real_crops[0::2], "test": real_crops[1::2]}


def explain(model: bytes, crops: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options)
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(None, crops), strict=True))


def agree(found, wanted):
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        assert found[name].dtype == value.dtype, name
        if value.dtype == np.bool_:
            assert (found[name] != value).mean() < 1e-3, name
        else:
            np.testing.assert_allclose(found[name], value, atol=TOLERANCE, err_msg=name)


def test_the_oldest_packages_are_installed(oldest):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"]]
    for name in ("cpu", "export", "train", "serve", "batch"):
        wanted += extras[name]
    bounds = dict(
        found.groups() for one in wanted if (found := re.fullmatch(r"(.+)>=([\d.]+)", one))
    )
    versions = json.loads(oldest(VERSIONS, *bounds))
    looked_at = ("onnxruntime", "tensorflow", "onnx", "tf2onnx", "numpy", "starlette", "pyarrow")
    for name in looked_at:
        assert versions[name].startswith(f"{bounds[name]}."), name


def test_the_oldest_onnxruntime_runs_the_newest_export(oldest, crops, demo_folder, tmp_path):
    model = build_explainer(load_bundle(demo_folder / "bundle"))
    (tmp_path / "explainer.onnx").write_bytes(model)
    np.savez(tmp_path / "crops.npz", **crops)
    oldest(RUN, tmp_path / "explainer.onnx", tmp_path / "crops.npz", tmp_path / "found.npz")
    with np.load(tmp_path / "found.npz") as found:
        agree(dict(found), explain(model, crops))


def test_the_newest_onnxruntime_runs_the_oldest_export(exported_by_oldest, crops, demo_folder):
    theirs, ours = (
        explain(build_explainer(load_bundle(folder)), crops)
        for folder in (exported_by_oldest, demo_folder / "bundle")
    )
    agree(theirs, ours)


def test_the_oldest_export_has_the_same_interface(exported_by_oldest, demo_folder):
    for name in ("embedder.onnx", "decoder.onnx", "responses.onnx"):
        theirs, ours = (
            onnx.load(folder / name) for folder in (exported_by_oldest, demo_folder / "bundle")
        )
        assert theirs.graph.input == ours.graph.input
        assert theirs.graph.output == ours.graph.output
        assert {one.domain: one.version for one in theirs.opset_import}[""] == 17
        assert {node.op_type for node in theirs.graph.node} == {
            node.op_type for node in ours.graph.node
        }


def test_the_oldest_packages_serve(oldest, responding_bundle):
    assert oldest("print('here')") == "here\n"
    command = [OLDEST.with_name("lpel"), "serve", "--bundle", responding_bundle, "--port", "0"]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT / "tests"
    )
    try:
        address = server.stdout.readline().split()[-1]
        files = dict(zip(("reference", "test"), map(png, (pixels(0), pixels(1))), strict=True))
        with httpx.Client(base_url=address, timeout=60) as client:
            page, answer = client.get("/"), client.post("/v1/explain", files=files)
            document, tensors = client.get("/openapi.json"), client.get("/v2/models/explainer")
    finally:
        server.terminate()
        _, log = server.communicate(timeout=60)
    assert server.returncode == 0, log
    assert {one.status_code for one in (page, answer, document, tensors)} == {200}
    assert ExplainAnswer.model_validate(answer.json()).decision in {"similar", "dissimilar"}


def test_the_oldest_packages_do_a_batch_job(oldest, responding_bundle, tmp_path):
    assert oldest("print('here')") == "here\n"
    for name, image in (("a", pixels(0)), ("b", pixels(1))):
        (tmp_path / f"{name}.png").write_bytes(png(image))
    (tmp_path / "pairs.csv").write_text("reference,test\na.png,b.png\na.png,none.png\n")
    for lpel, out in ((OLDEST, "theirs"), (Path(sys.executable), "ours")):
        command = [lpel.with_name("lpel"), "batch", tmp_path / "pairs.csv", tmp_path / out]
        subprocess.run([*command, "--bundle", responding_bundle], check=True, capture_output=True)
    theirs, ours = (open_results(tmp_path / out).to_table() for out in ("theirs", "ours"))
    assert theirs.schema == ours.schema
    assert theirs["status"].to_pylist() == ["ok", "error"]
    for name in ("reference_map", "test_map", "similarity"):
        one, other = (table[name].combine_chunks()[:1] for table in (theirs, ours))
        flat = [np.array(getattr(x, "storage", x).to_pylist(), float) for x in (one, other)]
        np.testing.assert_allclose(*flat, atol=TOLERANCE)
