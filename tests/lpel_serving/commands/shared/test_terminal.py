"""Terminals whose encoding lacks some of the characters that are written."""

import json
import os
import subprocess
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from support.images import write_people
from support.process import LPEL

TERMINALS = {
    "iso-8859-1": {"PYTHONIOENCODING": "iso-8859-1"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "the C locale": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
WITHOUT = {"LC_ALL", "LANG", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONCOERCECLOCALE"}
PAGES = [[], *([entry.name] for entry in entry_points(group="lpel.commands")), ["batch", "run"]]


def on(terminal: str, command: list[str], **options) -> subprocess.CompletedProcess[bytes]:
    kept = {name: value for name, value in os.environ.items() if name not in WITHOUT}
    environment = kept | TERMINALS[terminal]
    return subprocess.run(command, check=False, capture_output=True, env=environment, **options)


HELP = """
import sys
from lpel_serving.commands.main import main

for page in sys.argv[1].split(","):
    sys.argv[1:] = [*page.split(), "--help"]
    try:
        main()
    except SystemExit as stop:
        assert not stop.code, page
"""
"""Every page in one process, which takes a second less for each."""


@pytest.mark.parametrize("terminal", TERMINALS)
def test_every_help_is_shown(terminal):
    pages = ",".join(" ".join(page) for page in sorted(PAGES))
    done = on(terminal, [str(Path(LPEL).with_name("python")), "-c", HELP, pages])
    assert done.returncode == 0, done.stderr.decode("latin-1")
    assert done.stderr == b""
    assert done.stdout.count(b"Usage: ") == len(PAGES)
    shown = done.stdout.decode("cp1252" if terminal == "cp1252" else "ascii", "strict")
    assert ("…" in shown) == (terminal == "cp1252")
    assert r"\u" not in shown


SAID = r"""
from lpel_serving.commands.main import main
from lpel_serving.commands.shared.terminal import write_on_any_terminal
from lpel_serving.commands.shared.options import print_json, say
from lpel_serving.commands.shared.progress import progress_bar
import sys

write_on_any_terminal()
say("5 \N{MINUS SIGN} 3 \N{MULTIPLICATION SIGN} 2 \N{HORIZONTAL ELLIPSIS} \N{CHECK MARK}")
print_json({"name": "Jos\N{LATIN SMALL LETTER E WITH ACUTE} \N{MINUS SIGN}"})
sys.stderr.write("\N{MINUS SIGN}\n")
with progress_bar("working\N{HORIZONTAL ELLIPSIS}", 3) as advance:
    advance(3)
"""


@pytest.mark.parametrize("terminal", ["iso-8859-1", "ascii", "the C locale"])
def test_what_is_said_is_written_with_what_there_is(terminal):
    done = on(terminal, [str(Path(LPEL).with_name("python")), "-c", SAID])
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    times = b"\xd7" if terminal == "iso-8859-1" else b"x"
    assert first == b"5 - 3 " + times + rb" 2 ... \u2713"
    name = "Jos\N{LATIN SMALL LETTER E WITH ACUTE} \N{MINUS SIGN}"
    assert json.loads(b"\n".join(rest)) == {"name": name}
    assert done.stderr.splitlines()[0] == b"-"
    assert b"working... " in done.stderr


@pytest.mark.parametrize("terminal", ["ascii", "utf-8"])
def test_the_bytes_of_a_name_that_is_no_text_are_written_as_they_are(
    terminal, responding_bundle, tmp_path
):
    pictures = sorted(map(str, write_people(tmp_path / "faces", people=2, each=1).rglob("*.png")))
    out = os.fsencode(tmp_path) + b"/caf\xe9"
    words = ["explain", "--bundle", str(responding_bundle), "--crop", "none", *pictures, "--out"]
    environment = os.environ | {"PYTHONIOENCODING": terminal}
    command = [LPEL, *words, out]
    done = subprocess.run(command, check=False, capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert out + b"/explanation.npz" in done.stdout


def test_json_is_json_on_every_terminal(responding_bundle, tmp_path):
    pictures = sorted(map(str, write_people(tmp_path / "faces", people=2, each=1).rglob("*.png")))
    words = ["explain", "--bundle", str(responding_bundle), "--crop", "none", *pictures, "--json"]
    out = str(tmp_path / "caf\N{LATIN SMALL LETTER E WITH ACUTE}")
    done = on("ascii", [LPEL, *words, "--out", out])
    assert done.returncode == 0, done.stderr
    assert out in str(json.loads(done.stdout.decode("ascii")))
