"""The scenes, and how they are played."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from runtimes.scene import Scene
from support import tiny, tiny_surrogate
from support.areas import EXAMPLES, INSTALLED
from support.images import pixels

SILENCING = {"CI", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME"}
"""Variables that would make a library quieter here than it is at a user's."""
_SPLITTING = 0.8
"""A threshold that calls some of the tiny pairs similar and others not."""


@contextmanager
def chromium_browser():
    """Debian's Chromium, while the context is open."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    # Root's chromium starts only without its sandbox; the page that it shows is our own.
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def tiny_scene(tmp_path_factory) -> Scene:
    folder = tmp_path_factory.mktemp("tiny-scene")
    threshold = tiny.ThresholdRecord(_SPLITTING, {})
    bundle = tiny_surrogate.write_bundle(folder / "bundle", threshold=threshold)
    return Scene(bundle, np.stack([pixels(seed) for seed in range(12)]), folder)


@pytest.fixture(scope="session")
def real_scene(demo_folder, real_crops, tmp_path_factory) -> Scene:
    return Scene(demo_folder / "bundle", real_crops, tmp_path_factory.mktemp("real-scene"))


@pytest.fixture
def scene(request) -> Scene:
    """A scene by its name, given as a parameter: one of `SCENES`."""
    return request.getfixturevalue(f"{request.param}_scene")


def play_alone(
    command: list, folder: Path, home: Path, settings: dict[str, str] | None = None
) -> str:
    """Run a program with a home of its own, and return what it printed.

    It prints no warning, and leaves nothing in its home: there the libraries that send word of
    their use keep what they are going to send.
    """
    home.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name not in SILENCING}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=kept | {"HOME": str(home)} | (settings or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list(home.rglob("*")) == []
    return done.stdout


def javascript_example(name: str, folder: Path) -> Path:
    """A copy of an example's folder with its packages, as `npm install` there would leave it."""
    copy = folder / name
    shutil.copytree(EXAMPLES / name, copy, ignore=shutil.ignore_patterns("node_modules"))
    (copy / "node_modules").symlink_to(INSTALLED / name / "node_modules", target_is_directory=True)
    return copy
