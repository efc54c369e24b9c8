"""`lpel explain` by a method that embeds images of its own shows how far it is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.images import write_people

LPEL = str(Path(sys.executable).with_name("lpel"))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    faces = write_people(tmp_path_factory.mktemp("progress") / "faces", people=2, each=1)
    return [faces / f"Person_0{place}/Person_0{place}_0001.png" for place in (0, 1)]


def explain(two, bundle, *options):
    command = [LPEL, "explain", *two, "--bundle", bundle, "--json", *options]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)


def test_a_slow_method_shows_a_bar_on_standard_error(two, responding_bundle):
    done = explain(two, responding_bundle, "--method", "occlusion")
    assert json.loads(done.stdout)["method"] == "occlusion"
    assert "explaining" in done.stderr
    assert "128/128" in done.stderr


def test_a_method_that_is_done_at_once_shows_none(two, responding_bundle):
    done = explain(two, responding_bundle)
    assert json.loads(done.stdout)["method"] == "responses"
    assert done.stderr == ""
