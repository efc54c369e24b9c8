"""The container file, which cannot be built here: it names what there is, and runs as nobody."""

import re
import tomllib
from pathlib import Path

from typer.main import get_command

from lpel_serving.commands.main import build_app

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "serving" / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
LINES = [line for line in TEXT.splitlines() if line and not line.startswith("#")]


def of(instruction: str) -> list[str]:
    return [line.split(None, 1)[1] for line in LINES if line.split()[0] == instruction]


def test_it_copies_what_is_in_the_checkout_and_all_that_the_wheel_is_made_of():
    copied = {name for line in of("COPY") if "--from" not in line for name in line.split()[:-1]}
    assert all((ROOT / name).exists() for name in copied)
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    packages = {path.split("/")[0] for path in build["targets"]["wheel"]["packages"]}
    assert packages | {"pyproject.toml", "README.md", "LICENSE"} <= copied


def test_it_installs_extras_that_there_are_from_pinned_packages():
    (install,) = [line for line in of("RUN") if "pip install" in line]
    extras = re.search(r"\[([\w,]+)\]", install).group(1).split(",")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(extras) <= set(project["optional-dependencies"])
    assert "serve" in extras
    assert "--constraint" in install


def test_it_runs_as_nobody_in_particular():
    (user,) = of("USER")
    assert int(user) > 0
    assert LINES.index(f"USER {user}") < LINES.index('ENTRYPOINT ["lpel", "serve"]')


def test_its_settings_are_those_of_the_command():
    names = set(re.findall(r"(LPEL_\w+)=", " ".join(of("ENV"))))
    serve = get_command(build_app()).commands["serve"]
    known = {option.envvar for option in serve.params if option.envvar}
    assert names <= known
    assert {"LPEL_BUNDLE", "LPEL_HOST"} <= names


def test_no_secret_is_baked_in():
    assert not re.search(r"LPEL_API_KEY\s*=", TEXT)
