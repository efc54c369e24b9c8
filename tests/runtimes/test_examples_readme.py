"""What the examples say of themselves."""

import json
import re

import pytest

from runtimes.conftest import EXAMPLES

ROOT = EXAMPLES.parents[1]
PYTHON = ("onnxruntime", "openvino", "opencv-python-headless", "onnx")


def versions():
    """What the tests run: name and version, of pip and of npm."""
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    found = {name: re.search(rf"^{name}==(.+)$", pinned, re.MULTILINE)[1] for name in PYTHON}
    for example in ("node", "browser"):
        manifest = json.loads((EXAMPLES / example / "package.json").read_text(encoding="utf-8"))
        found |= manifest["dependencies"]
    return found


@pytest.mark.parametrize(("name", "version"), versions().items())
def test_the_table_has_the_versions_that_were_tested(name, version):
    assert re.fullmatch(r"[\d.]+", version), "an exact version"
    table = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert f"{name} {version}" in table


@pytest.mark.parametrize("name", PYTHON)
def test_the_commands_install_the_versions_that_were_tested(name):
    folder = {"opencv-python-headless": "opencv", "onnx": "reference"}.get(name, name)
    text = (EXAMPLES / folder / "README.md").read_text(encoding="utf-8")
    assert f"{name}=={versions()[name]}" in text
