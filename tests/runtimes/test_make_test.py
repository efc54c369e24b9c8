"""`make test` where Chromium or npm are, or are not: it passes, and says once what it left out."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.areas import AREAS, INSTALLED, TESTS

ROOT = TESTS.parent
CHECKOUT = ("Makefile", "constraints.txt", "export", "lpel_tf", "pyproject.toml", "scripts")
OPTIONAL = {"chromium", "npm", "node", "nodejs"}
INSTALLERS = {"apt-get", "sudo"}
CHOSEN = (
    "tests/lpel_serving/service/http/page/test_access.py::test_every_control_has_a_name",
    "tests/runtimes/test_browser_example.py::test_the_page_says_what_is_missing",
    "tests/runtimes/test_node_example.py::test_node_says_what_would_be_ignored",
    "tests/runtimes/test_python_examples.py::test_the_programs_know_nothing_of_this_package",
)
"""One quick test of each area, and one, of four cases, that runs everywhere."""
HEADING = "left out, for want of what they run on"
PAGE, BROWSER, NODE = "page in a browser", "example for browsers", "example for Node.js"
FOR_BROWSERS, FOR_NODE = "npm's packages for browsers", "npm's packages for Node.js"
LEFT_OUT = {
    (True, True): {},
    (True, False): {
        PAGE: f"{FOR_BROWSERS} are",
        BROWSER: f"{FOR_BROWSERS} are",
        NODE: f"Node.js and {FOR_NODE} are",
    },
    (False, True): {PAGE: "Chromium is", BROWSER: "Chromium is"},
    (False, False): {
        PAGE: f"Chromium and {FOR_BROWSERS} are",
        BROWSER: f"Chromium and {FOR_BROWSERS} are",
        NODE: f"Node.js and {FOR_NODE} are",
    },
}
"""What is left out and what it lacks, by whether there is Chromium and whether there is npm."""


def programs(folder: Path, without: set[str]) -> Path:
    """A folder of links to the programs of this machine, but for some."""
    folder.mkdir()
    for place in os.get_exec_path():
        for program in Path(place).glob("*"):
            link = folder / program.name
            if program.name not in without and not link.is_symlink():
                link.symlink_to(program)
    return folder


def clone(folder: Path, *, npm: bool) -> Path:
    """The checkout as it was cloned, with this environment and perhaps with npm's packages."""
    folder.mkdir()
    for name in (*CHECKOUT, ".venv", "serving"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copytree(TESTS, folder / "tests", ignore=shutil.ignore_patterns(INSTALLED.name))
    if npm:
        (folder / INSTALLED.relative_to(ROOT)).symlink_to(INSTALLED)
    return folder


def make_test(tmp_path, *, chromium: bool, npm: bool, **variables: str):
    """Run some of the tests by the README's command, on a machine that lacks this or that."""
    absent = {"chromium"} if not chromium else set()
    absent |= OPTIONAL - {"chromium"} if not npm else set()
    path = programs(tmp_path / "bin", absent | INSTALLERS)
    chosen = f"ARGS=-p no:cacheprovider {' '.join(CHOSEN)}"
    # Nor is this the make of another make, which may be running these tests.
    ours = {"LPEL_RUNTIMES", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return subprocess.run(
        [path / "make", "--assume-old=.venv/ready", "test", chosen],
        cwd=clone(tmp_path / "clone", npm=npm),
        env=kept | {"PATH": str(path)} | variables,
        check=False,
        capture_output=True,
        text=True,
    )


def in_case(chromium: bool, npm: bool):
    """A case, which is left out itself where what it needs is not here."""
    needs = {need for area in AREAS for need in area.needs if area.place.startswith("runtimes/")}
    lacks = [
        need.name
        for need in needs
        if not need.is_here() and (chromium if need.name == "Chromium" else npm)
    ]
    return pytest.param(
        chromium, npm, marks=pytest.mark.skipif(bool(lacks), reason=f"{lacks} not here")
    )


@pytest.mark.parametrize(("chromium", "npm"), [in_case(*case) for case in LEFT_OUT])
def test_it_passes_and_says_once_what_it_left_out(tmp_path, chromium, npm):
    done = make_test(tmp_path, chromium=chromium, npm=npm)
    assert done.returncode == 0, done.stdout + done.stderr
    *lines, last = done.stdout.splitlines()
    expected = [
        f"1 test of the {area}: {lacking} not here (see scripts/runtimes)"
        for area, lacking in LEFT_OUT[chromium, npm].items()
    ]
    assert [line for line in lines if line.startswith("1 test of")] == expected
    assert done.stdout.count(HEADING) == bool(expected)
    assert f"{len(CHOSEN) + 3 - len(expected)} passed" in last
    assert "skipped" not in last


def test_where_all_must_be_there_nothing_is_left_out(tmp_path):
    done = make_test(tmp_path, chromium=False, npm=False, LPEL_RUNTIMES="required")
    assert done.returncode != 0
    assert "npm: is not here, and only Debian's root could install it" in done.stderr
    done = subprocess.run(
        [tmp_path / "clone/scripts/test", "-p", "no:cacheprovider", CHOSEN[0]],
        env=os.environ | {"PATH": str(tmp_path / "bin"), "LPEL_RUNTIMES": "required"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "the page in a browser: Chromium and npm's packages for browsers are not here" in (
        done.stdout + done.stderr
    )
