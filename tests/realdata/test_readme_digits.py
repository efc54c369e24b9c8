"""The README's network of one's own: trained on real digits, and asked about two drawn ones."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support.command import lpel

pytestmark = pytest.mark.realdata

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TRAIN, EXPLAIN = re.findall(
    r"^    lpel (train-siamese .*|explain .* docs/digits/.*)$", README, re.MULTILINE
)
IMAGES = 2000
"""Fewer than the README's 10,000, which take two minutes."""


def test_the_commands_train_explain_and_draw(realdata, tmp_path):
    path = realdata / "mnist.npz"
    if not path.is_file():
        pytest.skip(f"there is no {path}.")
    with np.load(path) as arrays:
        some = {name: arrays[name][:IMAGES] for name in ("x_train", "y_train")}
    np.savez(tmp_path / "mnist.npz", **some)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    options = ("--cache", tmp_path / "cache", "--json")
    done = lpel(*shlex.split(TRAIN), *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    test = json.loads(done.stdout)["network"]["test"]
    assert test["accuracy"] > 0.6  # by chance a half
    assert test["one_shot"]["accuracy"] > 0.3  # by chance a tenth
    done = lpel(*shlex.split(EXPLAIN), "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "face" not in done.stdout.lower()
    with Image.open(tmp_path / "explained" / "explanation.png") as picture:
        assert picture.width > 1000
