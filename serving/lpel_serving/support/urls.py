"""Refuses URLs as paths, so that `s3://...` does not create a local folder named `s3:`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from lpel_serving.support.errors import ParameterError

_URL = re.compile(r"([a-z][a-z0-9+.-]+):/|(data):", re.IGNORECASE)
"""At least two letters, since one is a Windows drive; one slash, since paths collapse two."""


def scheme_of(text: str) -> str | None:
    """Return the scheme of a URL, such as ``s3``; None for a path."""
    found = _URL.match(text)
    return None if found is None else (found[1] or found[2]).lower()


def refuse_urls(given: Mapping[str, Any]) -> None:
    """Raise `ParameterError` if a path, or one of a list, is a URL.

    Parameters
    ----------
    given
        Parameters by name: paths and others. The URL itself may contain a key, and is not repeated.
    """
    for name, value in given.items():
        values = cast("list[Any]", value) if isinstance(value, list) else [value]
        for path in (one for one in values if isinstance(one, Path)):
            if (scheme := scheme_of(str(path))) and not path.exists():
                raise ParameterError(
                    f"{name.replace('_', '-')} is a URL ({scheme}:), and lpel reads and writes "
                    "files of this machine alone: name a path here, and copy what it holds from "
                    "the URL, or to it, with another program."
                )
