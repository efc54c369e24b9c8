"""The house: rooms, first lines of modules, and tests that stand where the code stands."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOME = {"lpel_serving": "serving", "lpel_export": "export", "lpel_tf": "."}
PACKAGES = {name: ROOT / folder / name for name, folder in HOME.items()}
OWN = {"lpel_serving/service/http/fuzz"}
"""Folders of tests that are about a whole room."""
packages = pytest.mark.parametrize("package", PACKAGES)


def folders(top: Path, pattern: str) -> set[str]:
    """Folders that hold such files, as paths from `top`."""
    return {path.parent.relative_to(top).as_posix() for path in top.rglob(pattern)}


@packages
def test_no_module_lies_at_the_top_of_a_package(package):
    assert {path.name for path in PACKAGES[package].glob("*.py")} == {"__init__.py"}


def test_the_engine_has_at_most_a_dozen_rooms():
    assert len(list(PACKAGES["lpel_serving"].glob("*/__init__.py"))) <= 12


@packages
def test_every_folder_of_modules_is_a_package(package):
    top = PACKAGES[package]
    assert folders(top, "*.py") == folders(top, "__init__.py")


@packages
def test_every_module_says_in_its_first_line_what_lives_there(package):
    silent = [
        path.relative_to(ROOT).as_posix()
        for path in PACKAGES[package].rglob("*.py")
        if not (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").strip()
    ]
    assert silent == []


@packages
def test_tests_stand_in_the_rooms_that_they_are_about(package):
    top = ROOT / "tests" / package
    rooms = {room for room in folders(top, "test_*.py") if f"{package}/{room}" not in OWN}
    assert sorted(room for room in rooms if not (PACKAGES[package] / room).is_dir()) == []


@packages
def test_no_folder_of_tests_hides_a_package(package):
    """As `tests` is on sys.path before the packages, an `__init__` there would be found first."""
    assert list((ROOT / "tests" / package).rglob("__init__.py")) == []
