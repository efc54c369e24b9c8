"""Sums up a finished job, from the records of its committed shards."""

from collections.abc import Sequence
from dataclasses import dataclass

from lpel_serving.batch.job import PreparedJob
from lpel_serving.batch.output.commits import Commit, read_commit
from lpel_serving.batch.plan import Plan, Shard
from lpel_serving.batch.store.folder import Places


@dataclass(frozen=True)
class Summary:
    """The summary of a finished job.

    Attributes
    ----------
    rows, errors
        Of the results.
    shards
        Files of the results.
    images
        Distinct images.
    known
        Images that an earlier job had embedded.
    embedded
        Images that were embedded in this run.
    left_out
        Members of a gallery that could not be used.
    in_gallery
        Probes that are in the gallery themselves, where they are excluded from their own results.
    method
        The name of the method that explained them.
    """

    rows: int
    errors: int
    shards: int
    images: int
    known: int
    embedded: int
    left_out: int
    in_gallery: int
    method: str


def commits_of(places: Places, asked: PreparedJob, shards: Sequence[Shard]) -> list[Commit | None]:
    """Read the record of each shard of a job, None where it is not committed."""
    return [
        read_commit(places, asked.identity, shard, one.inputs) for shard, one in enumerate(shards)
    ]


def summary_of(places: Places, asked: PreparedJob, plan: Plan, embedded: int) -> Summary:
    """Sum up a job whose last run embedded so many images."""
    found = [record for record in commits_of(places, asked, plan.shards) if record is not None]
    return Summary(
        rows=sum(record.rows for record in found),
        errors=sum(record.errors for record in found),
        shards=len(found),
        images=plan.images,
        known=plan.known,
        embedded=embedded,
        left_out=max((record.left_out for record in found), default=0),
        in_gallery=sum(record.in_gallery for record in found),
        method=asked.job.settings.method or "",
    )
