"""What some tests run on. Where it is not installed they are left out, an area at a time."""

import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
EXAMPLES = TESTS.parent / "serving" / "examples"
INSTALLED = TESTS / "runtimes" / ".installed"
"""Where scripts/runtimes puts the packages of npm."""
OLDEST = TESTS.parent / ".venv-oldest" / "bin" / "python"


@dataclass(frozen=True)
class Need:
    """Something that tests run on: what it is called, what brings it, and whether it is here."""

    name: str
    brought_by: str
    is_here: Callable[[], object]


@dataclass(frozen=True)
class Area:
    """Tests that run together or not at all: a folder or a module of them, and what they need."""

    name: str
    place: str
    needs: tuple[Need, ...]

    def holds(self, item: pytest.Item) -> bool:
        return item.path.is_relative_to(TESTS / self.place)

    def lacks(self) -> list[Need]:
        return [need for need in self.needs if not need.is_here()]


def _packages(name: str, wanted: Path) -> bool:
    """Whether the packages are installed that a package.json names, and no others."""
    found, ready = INSTALLED / name / "package.json", (INSTALLED / name / "ready").exists()
    return ready and found.read_bytes() == wanted.read_bytes()


def _example(name: str) -> bool:
    return _packages(name, EXAMPLES / name / "package.json")


def _access() -> bool:
    return _packages("access", TESTS / "support/page/package.json")


CHROMIUM = Need("Chromium", "scripts/runtimes", lambda: shutil.which("chromium"))
NODE = Need("Node.js", "scripts/runtimes", lambda: shutil.which("node"))
FOR_NODE = Need("npm's packages for Node.js", "scripts/runtimes", lambda: _example("node"))
FOR_BROWSERS = Need("npm's packages for browsers", "scripts/runtimes", lambda: _example("browser"))
FOR_ACCESS = Need("npm's axe-core", "scripts/runtimes", _access)
AREAS = (
    Area("the page in a browser", "lpel_serving/service/http/page", (CHROMIUM, FOR_BROWSERS)),
    Area("the page under axe-core", "lpel_serving/service/http/page/test_axe.py", (FOR_ACCESS,)),
    Area("the example for browsers", "runtimes/test_browser_example.py", (CHROMIUM, FOR_BROWSERS)),
    Area("the example for Node.js", "runtimes/test_node_example.py", (NODE, FOR_NODE)),
    Area(
        "the oldest packages",
        "versions",
        (Need(".venv-oldest", "scripts/oldest", OLDEST.exists),),
    ),
    Area(
        "batch jobs on Ray",
        "lpel_serving/batch/stages/test_runners_on_ray.py",
        (Need("ray", "scripts/setup", lambda: find_spec("ray")),),
    ),
)


def without_runtime(items: Iterable[pytest.Item]) -> dict[str, list[pytest.Item]]:
    """Find the tests that cannot run here, by a line that says what they are and what they lack.

    Raises
    ------
    pytest.UsageError
        If there are any, where the environment variable LPEL_RUNTIMES is ``required``.
    """
    items, found = list(items), {}
    for area in AREAS:
        cannot = [item for item in items if area.holds(item)]
        lacking = area.lacks() if cannot else []
        if lacking:
            names = " and ".join(need.name for need in lacking)
            remedy = " and ".join(dict.fromkeys(need.brought_by for need in lacking))
            verb = "are" if len(lacking) > 1 or names.startswith("npm's") else "is"
            found[f"{area.name}: {names} {verb} not here (see {remedy})"] = cannot
            items = [item for item in items if not area.holds(item)]  # they are counted once
    if found and os.environ.get("LPEL_RUNTIMES") == "required":
        raise pytest.UsageError(
            "LPEL_RUNTIMES=required lets no test be left out; these would be:\n  "
            + "\n  ".join(found)
        )
    return found


def write_left_out(terminal: pytest.TerminalReporter, counts: Mapping[str, int]) -> None:
    """Say, at the end and once, which areas were left out."""
    if counts:
        terminal.section("left out, for want of what they run on", sep="-")
    for line, count in counts.items():
        terminal.line(f"{count} {'test' if count == 1 else 'tests'} of {line}")
