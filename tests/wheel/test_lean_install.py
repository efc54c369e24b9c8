"""The wheel itself, in a fresh environment with the lean engine and nothing else."""

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import httpx
import pytest

from support.images import pixels

ROOT = Path(__file__).parents[2]
PACKAGES = {"lpel_tf", "lpel_export", "lpel_serving"}


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    built = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT)
    assert built.returncode == 0, built.stderr
    return next(out.glob("*.whl"))


def install(wheel: Path, extras: str, home: Path, *options: str) -> Path:
    """Make an environment with the wheel and some extras; return its `bin` folder."""
    venv.create(home)  # without a pip of its own, which takes seconds
    pip = (sys.executable, "-m", "pip", "--python", home / "bin" / "python", "install", "--quiet")
    wanted = ("--constraint", ROOT / "constraints.txt", f"{wheel}[{extras}]")
    installed = run(*pip, *options, *wanted)
    assert installed.returncode == 0, installed.stderr
    return home / "bin"


@pytest.fixture(scope="module")
def lean(wheel, tmp_path_factory) -> Path:
    """The `bin` folder of an environment with the wheel and its extra `cpu` alone."""
    return install(wheel, "cpu", tmp_path_factory.mktemp("lean"))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> list[Path]:
    from PIL import Image

    folder = tmp_path_factory.mktemp("photographs")
    paths = [folder / "one.png", folder / "another.png"]
    for seed, path in enumerate(paths):
        Image.fromarray(pixels(seed)).save(path)
    return paths


def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel):
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == PACKAGES


def test_the_wheel_brings_its_data(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "lpel_tf/demo/page.html",
        "lpel_tf/pretrained/20170512-110547.npz",
        "lpel_tf/pretrained/20170512-110547.json",
        "lpel_tf/pretrained/MODEL_CARD.md",
        "lpel_serving/service/http/page/static/index.html",
        "lpel_serving/service/http/page/static/style.css",
        "lpel_serving/py.typed",
        "lpel_export/py.typed",
        "lpel_tf/py.typed",
    } <= names


LEAN_PROGRAM = """
import json, sys, time
start = time.perf_counter()
from lpel_serving import Explainer
imported = time.perf_counter() - start
pair = Explainer.load(sys.argv[1]).explain(sys.argv[2], sys.argv[3])
heavy = {"tensorflow", "keras", "onnx", "matplotlib", "typer", "rich", "scipy", "cv2"}
print(json.dumps({
    "similarity": pair.similarity,
    "import_seconds": imported,
    "heavy": sorted(heavy & set(sys.modules)),
}))
"""


@pytest.mark.network
def test_the_lean_engine_explains_without_tensorflow(lean, tiny_bundle, photographs, capsys):
    done = run(lean / "python", "-c", LEAN_PROGRAM, tiny_bundle, *photographs)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["heavy"] == []
    site = next(lean.parent.glob("lib/python*/site-packages"))
    tools = {"pip", "setuptools", "wheel"}
    size = sum(
        path.stat().st_size
        for path in site.rglob("*")
        if path.is_file() and path.relative_to(site).parts[0].split("-")[0] not in tools
    )
    with capsys.disabled():
        print(
            f"\nlean install: {size / 2**20:.0f} MB, "
            f"import {result['import_seconds'] * 1000:.0f} ms"
        )
    assert size < 300 * 2**20


@pytest.mark.network
def test_the_lean_command_line_lists_only_what_it_can_run(lean):
    listed = run(lean / "lpel", "--help").stdout
    assert "explain" in listed
    assert "verify" in listed
    assert "assess" in listed
    assert "calibrate" in listed
    assert "train" not in listed
    assert "demo" not in listed
    assert "reproduce" not in listed


@pytest.mark.network
@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("train", "train"),
        ("demo", "train"),
        ("weights", "train"),
        ("reproduce", "train"),
        ("serve", "serve"),
        ("batch", "batch"),
    ],
)
def test_a_command_whose_extra_is_missing_names_it(lean, command, extra):
    done = run(lean / "lpel", command, "--out", "anywhere")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert f"pip install 'lpel-tf[{extra}]'" in done.stderr


@pytest.mark.network
def test_the_lean_command_line_explains_and_says_what_a_figure_needs(
    lean, tiny_bundle, photographs, tmp_path
):
    command = (lean / "lpel", "explain", *photographs, "--bundle", tiny_bundle, "--json")
    done = run(*command, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["decision"] in {"similar", "dissimilar"}
    assert "lpel-tf[figures]" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "explanation.json",
        "explanation.npz",
    ]


@pytest.mark.network
def test_the_wheel_serves_with_the_extras_cpu_and_serve_alone(
    wheel, tiny_bundle, photographs, tmp_path_factory
):
    tools = install(wheel, "cpu,serve", tmp_path_factory.mktemp("serving"), "--no-compile")
    command = [tools / "lpel", "serve", "--bundle", tiny_bundle, "--port", "0"]
    server = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tools.parent,
    )
    try:
        address = server.stdout.readline().split()[-1]
        with httpx.Client(base_url=address, timeout=60) as client:
            assert "<!doctype html>" in client.get("/").text.lower()
            about = client.get("/v1/about").json()
            files = dict(zip(("reference", "test"), map(Path.read_bytes, photographs), strict=True))
            answer = client.post("/v1/explain", files=files).json()
    finally:
        server.terminate()
        output, log = server.communicate(timeout=60)
    assert server.returncode == 0, log
    assert not about["figures"]
    assert answer["decision"] in {"similar", "dissimilar"}
    assert all(json.loads(line) for line in log.splitlines())
    assert output == ""


@pytest.mark.network
def test_the_wheel_does_batch_jobs_with_the_extras_cpu_and_batch_alone(
    wheel, tiny_bundle, photographs, tmp_path, tmp_path_factory
):
    tools = install(wheel, "cpu,batch", tmp_path_factory.mktemp("batch"), "--no-compile")
    (tmp_path / "pairs.csv").write_text("reference,test\n{},{}\n".format(*photographs))
    job = (tools / "lpel", "batch", tmp_path / "pairs.csv", tmp_path / "out", "--bundle")
    done = run(*job, tiny_bundle, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 1
    assert len(list((tmp_path / "out").glob("pairs-*.parquet"))) == 1
    on_ray = run(*job, tiny_bundle, "--engine", "ray")
    assert on_ray.returncode == 0, on_ray.stderr  # all is done already: nobody has to be asked
