"""`lpel explain` by a method that embeds images of its own shows how far it is."""

import json
import os
import pty
import subprocess

import pytest

from support.command import lpel, read_terminal
from support.images import write_people
from support.process import LPEL


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    faces = write_people(tmp_path_factory.mktemp("progress") / "faces", people=2, each=1)
    return [faces / f"Person_0{place}/Person_0{place}_0001.png" for place in (0, 1)]


def explain(two, bundle, *options):
    """Run it with a terminal for standard error; return its document and what was shown."""
    screen, terminal = pty.openpty()
    process = subprocess.Popen(
        [LPEL, "explain", *two, "--bundle", bundle, "--json", *options],
        stdout=subprocess.PIPE,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(terminal)
    shown = b""
    while more := read_terminal(screen):
        shown += more
    stdout, _ = process.communicate(timeout=60)
    os.close(screen)
    assert process.returncode == 0, shown
    return json.loads(stdout), shown.decode()


def test_a_slow_method_shows_a_bar_on_a_terminal(two, responding_bundle):
    document, shown = explain(two, responding_bundle, "--method", "occlusion")
    assert document["method"] == "occlusion"
    assert "explaining" in shown
    assert "128/128" in shown


def test_a_method_that_is_done_at_once_shows_none(two, responding_bundle):
    document, shown = explain(two, responding_bundle)
    assert (document["method"], shown) == ("responses", "")


def test_where_there_is_no_terminal_nothing_is_shown(two, responding_bundle):
    done = lpel("explain", *two, "--bundle", responding_bundle, "--method", "occlusion")
    assert (done.returncode, done.stderr) == (0, "")
