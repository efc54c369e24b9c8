"""What a job is going to do: its shards, and the distinct images that they are about."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lpel_serving.batch.folder.listed import LISTED, PAIR
from lpel_serving.batch.folder.places import Places
from lpel_serving.support.errors import OutputError

GIVEN = 1 << 40
"""Numbers from here on are those of embeddings that the rows brought themselves."""
NO_IMAGE = -1


@dataclass(frozen=True)
class Shard:
    """One file of the results to be: its rows, and the digest of all that goes into it."""

    rows: int
    inputs: str


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes
    ----------
    shards
        Of the results.
    images
        Distinct images.
    known
        How many of them were embedded in an earlier job.
    chunks
        Chunks of images, whether embedded or not.
    """

    shards: tuple[Shard, ...]
    images: int
    known: int
    chunks: int


@dataclass(frozen=True)
class Lists:
    """The lists that a job is about.

    Attributes
    ----------
    rows
        Pairs, or the probes of a search: see `lpel_serving.batch.input.rows.read_rows`.
    gallery
        What probes are searched in; None where pairs are listed.
    images
        Where relative paths begin.
    """

    rows: Path
    gallery: Path | None = None
    images: Path | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the list that hold images."""
        return PAIR if self.gallery is None else LISTED


def read_plan(places: Places) -> Plan | None:
    """Read the plan that the scratch files follow, if it is complete."""
    return _read(places.planned)


def read_shards(places: Places) -> Plan | None:
    """Read the plan that the results follow, which stays when the scratch files are gone."""
    return _read(places.shards)


def _read(path: Path) -> Plan | None:
    if not path.is_file():
        return None
    try:
        fields: dict[str, Any] = json.loads(path.read_bytes())
        shards = tuple(Shard(**shard) for shard in fields.pop("shards"))
        return Plan(shards, **fields)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise OutputError(
            f"{path} is damaged: delete {path.parent}, or write elsewhere, and begin anew."
        ) from error
