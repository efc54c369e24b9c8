"""Claims a folder for a job, so that results of different jobs are never mixed."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from lpel_serving.batch.job import SEARCH, PreparedJob
from lpel_serving.batch.store.folder import Places
from lpel_serving.support.errors import OutputError
from lpel_serving.support.files import write_atomically


def claim(places: Places, asked: PreparedJob) -> PreparedJob:
    """Claim the folder for this job, or check that it is this job's.

    Returns
    -------
    PreparedJob
        With the unused settings taken from the job that began the folder: they are in its identity.

    Raises
    ------
    OutputError
        If it holds another job, or something else.
    """
    if not places.job.is_file():
        ours = (places.lock, places.own)
        strangers = [one.name for one in places.out.iterdir() if one not in ours]
        if strangers:
            raise OutputError(
                f"{places.out} is not empty ({strangers[0]}): name a folder that is, or one that "
                "`lpel batch` wrote."
            )
        _write_about(places, asked.about)
        return asked
    before = read_about(places)
    if SEARCH not in before:
        asked = replace(asked, about={n: one for n, one in asked.about.items() if n != SEARCH})
    asked = _as_begun(asked, before)
    changed = [
        _named(name, before.get(name), value)
        for name, value in asked.about.items()
        if before.get(name) != value
    ]
    is_planned = places.shards.is_file() or before.keys() != asked.about.keys()
    if changed and not is_planned:  # no results yet: its list may be corrected
        places.clear()
        _write_about(places, asked.about)
    elif changed:
        raise OutputError(
            f"{places.out} holds the results of another job: {', '.join(changed)} changed since. "
            "Write elsewhere, or delete it."
        )
    return asked


def _as_begun(asked: PreparedJob, before: Mapping[str, Any]) -> PreparedJob:
    """Take over settings without effect from the begun job: the results are the same."""
    begun, job = before.get("the settings"), asked.job
    old = cast("dict[str, Any]", begun) if isinstance(begun, dict) else {}
    names = job.settings.unused(search=job.lists.gallery is not None)
    if not all(isinstance(old.get(name), int) for name in names):
        return asked
    settings = replace(job.settings, **{name: old[name] for name in names})
    about = {**asked.about, "the settings": json.loads(json.dumps(settings.described()))}
    return replace(asked, job=replace(job, settings=settings), about=about)


def _named(name: str, before: Any, now: Any) -> str:
    """Name what changed, with its fields, and the methods: nobody need have named those."""
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return name
    old, new = cast("dict[str, Any]", before), cast("dict[str, Any]", now)
    fields = sorted(field for field in old.keys() | new.keys() if old.get(field) != new.get(field))
    methods = {"method": f"method from {old.get('method')} to {new.get('method')}"}
    return f"{name} ({', '.join(methods.get(field, field) for field in fields)})"


def _write_about(places: Places, about: Mapping[str, Any]) -> None:
    write_atomically(places.job, json.dumps(about, indent=2).encode() + b"\n")


def read_about(places: Places) -> Mapping[str, Any]:
    """Read what determines the results in a folder.

    Raises
    ------
    OutputError
        If it is no folder of a job.
    """
    try:
        return dict(json.loads(places.job.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise OutputError(
            f"{places.out} holds no results of `lpel batch`: its {places.job.name} cannot be read."
        ) from error
