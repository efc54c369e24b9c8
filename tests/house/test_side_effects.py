"""Importing the engine brings nothing else with it and changes nothing."""

import json
import os
import subprocess
import sys

import pytest

ABSENT = (
    "tensorflow",
    "keras",
    "onnx",
    "matplotlib",
    "typer",
    "rich",
    "starlette",
    "uvicorn",
    "pydantic",
    "orjson",
    "prometheus_client",
    "lpel_tf",
    "lpel_export",
)

PROGRAM = """
import json, logging, sys, threading, warnings
import numpy, PIL.Image  # numpy adds filters of its own
before = (list(warnings.filters), threading.active_count())
import lpel_serving
loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
handlers = [str(h) for logger in loggers for h in getattr(logger, "handlers", [])]
print(json.dumps({
    "modules": sorted(sys.modules),
    "handlers": handlers,
    "level": logging.getLogger().level,
    "same": before == (list(warnings.filters), threading.active_count()),
}))
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """What a new interpreter looks like once the engine is imported, and what it wrote."""
    home = tmp_path_factory.mktemp("home")
    environment = {
        **os.environ,
        "HOME": str(home),
        "TMPDIR": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=home,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout), done.stderr, sorted(home.rglob("*"))


@pytest.mark.parametrize("module", ABSENT)
def test_importing_the_engine_does_not_load(imported, module):
    assert "lpel_serving" in imported[0]["modules"]
    assert module not in imported[0]["modules"]


def test_importing_the_engine_makes_no_files(imported):
    assert imported[2] == []


def test_importing_the_engine_sets_up_no_logging_warnings_or_threads(imported):
    assert imported[0]["handlers"] == []
    assert imported[0]["level"] == 30
    assert imported[0]["same"]


def test_importing_the_engine_says_nothing(imported):
    assert imported[1] == ""
