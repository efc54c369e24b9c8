"""No command takes a URL for a path: nothing is written to a folder called `s3:`."""

import inspect
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from lpel_serving.commands.main import build_app
from lpel_serving.support.errors import ParameterError

ACTION = {"bundle": ["check"]}
URL = "s3://bucket/models?key=secret"


def functions():
    """The functions behind all commands, each with the words that call it."""
    for entry in entry_points(group="lpel.commands"):
        run = entry.load().run
        if isinstance(run, typer.Typer):
            for command in run.registered_commands:
                yield [entry.name, command.name], command.callback
        else:
            yield [entry.name, *ACTION.get(entry.name, [])], run


def parameters(run):
    """The names of its paths, and words that give it what it needs."""
    paths, needed = [], []
    for one in inspect.signature(run, eval_str=True).parameters.values():
        text = str(one.annotation)
        if "Path" not in text:
            continue
        (about,) = (note for note in one.annotation.__metadata__ if hasattr(note, "param_decls"))
        is_option = type(about).__name__ == "OptionInfo"
        flag = next((name for name in about.param_decls or () if name.startswith("--")), None)
        words = [flag or f"--{one.name.replace('_', '-')}"] if is_option else []
        paths.append((one.name, words))
        if one.default is inspect.Parameter.empty:
            needed.append((one.name, words))
    return paths, needed


def calls():
    for words, run in functions():
        paths, needed = parameters(run)
        for name, flag in paths:
            line = [*words]
            for other, of in needed:
                line += [*of, URL if other == name else "here"]
            if name not in dict(needed):
                line += [*flag, URL]
            yield pytest.param(line, id=" ".join([*words, name]))


@pytest.mark.parametrize("line", list(calls()))
def test_urls_are_refused_wherever_a_command_takes_a_path(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(build_app(), line)
    assert isinstance(done.exception, ParameterError), (done.exception, done.output)
    assert "is a URL (s3:), and lpel reads and writes files of this machine" in str(done.exception)
    assert "secret" not in str(done.exception)
    assert done.exception.exit_status == 2
    assert not list(Path().iterdir())


def test_all_commands_that_take_paths_are_looked_at():
    names = {" ".join(call.values[0][:1]) for call in calls()}
    assert {"batch", "bundle", "explain", "export", "train", "verify", "serve"} <= names
    assert len(list(calls())) > 40
