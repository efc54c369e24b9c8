"""Optional packages, imported where they are used."""

import importlib
import os
from typing import Any

from lpel_serving.support.errors import MissingExtraError
from lpel_serving.support.home import settle


def require(module: str, extra: str) -> Any:
    """Import an optional module, or say which extra installs it.

    Parameters
    ----------
    module
        Dotted name of the module, such as ``"matplotlib.figure"``.
    extra
        The extra of ``lpel-tf`` that installs it.

    Raises
    ------
    MissingExtraError
        If the module is not installed.
    """
    package = module.split(".", maxsplit=1)[0]
    _keep_quiet(package)
    settle(package)
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or package != error.name.split(".")[0]:
            raise
        raise MissingExtraError(missing(module, extra)) from error


def _keep_quiet(package: str) -> None:
    """Disable onnxruntime's telemetry, unless the user has enabled it.

    From the first session on it records models' names and metadata in the user's cache, to send
    them as telemetry (seen in 1.32). They may contain the user's file names.
    """
    if package == "onnxruntime":
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def missing(module: str, extra: str) -> str:
    """Say in one sentence that an extra is not installed."""
    package = module.split(".", maxsplit=1)[0]
    return f"This needs {package}, which is not installed: pip install 'lpel-tf[{extra}]'."
