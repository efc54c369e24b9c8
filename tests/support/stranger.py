"""Programs run by a user whom the system does not know, as containers run them."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

UID = 12345
_AS_STRANGER = [
    *("setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups"),
    # The interpreter may lie in a folder of root's: it may be read, and nothing more.
    *("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"),
]


def need_stranger() -> None:
    """Skip where no such user can be had."""
    if not _can_be():
        pytest.skip("only root may run programs as another user, by setpriv")


@cache
def _can_be() -> bool:
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("setpriv") is None:
        return False
    return subprocess.run([*_AS_STRANGER, "true"], check=False, capture_output=True).returncode == 0


def as_stranger(
    command: list[str], folder: Path, **variables: str | None
) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, which becomes the stranger's; a variable of None is not set."""
    os.chown(folder, UID, UID)
    return subprocess.run(
        [*_AS_STRANGER, *command],
        cwd=folder,
        env=environment(**variables),
        check=False,
        capture_output=True,
        text=True,
    )


def environment(**variables: str | None) -> dict[str, str]:
    """Ours, without what names a folder of ours, and with variables."""
    ours = {"HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR", "KERAS_HOME", "TMPDIR"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return kept | {name: value for name, value in variables.items() if value is not None}
