"""Runs a job, from the beginning or from where it stopped."""

import json
import sqlite3
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from lpel_serving.batch.claiming import claim
from lpel_serving.batch.job import Job, PreparedJob, prepare
from lpel_serving.batch.output.commits import columns_begun
from lpel_serving.batch.output.result_table import Stamp
from lpel_serving.batch.output.shards import Explaining
from lpel_serving.batch.plan import Plan, make_plan, read_plan, read_shards
from lpel_serving.batch.stages.embedding import Embedding
from lpel_serving.batch.stages.keeping import Keeping
from lpel_serving.batch.stages.stage import StageRunner
from lpel_serving.batch.store.folder import Places, locked
from lpel_serving.batch.store.gathering import gather, keep
from lpel_serving.batch.store.kept import KeptEmbeddings, kept_embeddings
from lpel_serving.batch.summary import Summary, commits_of, summary_of
from lpel_serving.bundle.manifest import EMBEDDER_FILE
from lpel_serving.support.arrow import read_table
from lpel_serving.support.errors import OutputError
from lpel_serving.support.files import write_atomically
from lpel_serving.support.progress import ReportProgress

Watch = Callable[[str, int | None, int], AbstractContextManager[ReportProgress]]
"""Opened with the name of the stage, the total (None if unknown) and how many were done before."""


def unwatched(what: str, total: int | None, done: int) -> AbstractContextManager[ReportProgress]:  # noqa: ARG001
    """Show nothing."""
    return nullcontext(lambda done, errors: None)  # noqa: ARG005


def unannounced(asked: PreparedJob) -> None:
    """Say nothing."""
    del asked


def run(
    job: Job,
    engine: StageRunner,
    watch: Watch = unwatched,
    announce: Callable[[PreparedJob], None] = unannounced,
) -> Summary:
    """Run a job, or the rest of it.

    However a run ends, by an error, Ctrl-C or ``kill -9``, the same call resumes it: committed
    shards are kept, and at most the pieces in progress are repeated. Only an incomplete plan is
    made anew.

    Parameters
    ----------
    job
        The job.
    engine
        What runs its stages: `lpel_serving.batch.stages.runners.Local` or
        `lpel_serving.batch.stages.runners.OnRay`.
    watch
        Receives progress.
    announce
        Receives what is going to be done, with all defaults filled in, before anything is written.

    Raises
    ------
    BusyError
        If another process works in the folder.
    OutputError
        If the folder holds another job's results, or cannot be written.
    PairsError
        If a list cannot be used, or names images that changed since the job began.
    BundleError
        If the bundle cannot be used.
    """
    asked = prepare(job)
    announce(asked)
    places = Places(job.out)
    with locked(places.lock), _opened(engine):
        places.sweep()
        asked = claim(places, asked)
        places.adopt()
        done = read_shards(places)
        if done is not None and all(commits_of(places, asked, done.shards)):
            places.clear()
            return summary_of(places, asked, done, 0)
        with _kept(asked) as kept:
            plan = _plan(places, asked, kept, watch)
            embedded = _embed(places, asked, plan, engine, kept, watch)
        _explain(places, asked, plan, engine, watch)
        places.clear()
        return summary_of(places, asked, plan, embedded)


def _plan(places: Places, asked: PreparedJob, kept: KeptEmbeddings | None, watch: Watch) -> Plan:
    plan = read_plan(places)
    if plan is None:
        plan = _planned_anew(places, asked, kept, watch)
    before = read_shards(places)
    if before is not None and before.shards != plan.shards:
        places.clear()
        raise OutputError(
            f"images that the list names changed since the results in {places.out} were begun: "
            "write elsewhere, or delete it."
        )
    if before != plan:
        write_atomically(places.shards, json.dumps(asdict(plan)).encode())
    return plan


def _planned_anew(
    places: Places, asked: PreparedJob, kept: KeptEmbeddings | None, watch: Watch
) -> Plan:
    with watch("planning", None, 0) as report:
        try:
            return make_plan(
                asked.job.lists,
                places,
                asked.job.rows_in_shard,
                asked.manifest.embedder.dimension,
                kept,
                lambda rows: report(rows, 0),
                needs_images=asked.job.settings.needs_images,
                detects=asked.networks.detects,
                local=asked.keeping.local,
            )
        except sqlite3.OperationalError as error:  # such as a full disk
            raise OutputError(f"cannot write {places.work}: {error}.") from error


def _embed(
    places: Places,
    asked: PreparedJob,
    plan: Plan,
    engine: StageRunner,
    kept: KeptEmbeddings | None,
    watch: Watch,
) -> int:
    """Embed the remaining images; return their number."""
    dimension, keeping = asked.manifest.embedder.dimension, _keeping(asked, plan)
    if places.embedded.is_file():
        if kept is not None:  # missing until now, perhaps
            keep(plan.chunks, places, dimension, kept, keeping.local)
        return 0
    stage = Embedding(asked.job.out, asked.networks, asked.job.batch_size, keeping)
    left = [chunk for chunk in range(plan.chunks) if not keeping.is_done(places, chunk)]
    embedded = 0
    images_left = sum(len(read_table(places.images(chunk))) for chunk in left)
    with (
        watch("embedding", plan.images, plan.images - images_left) as report,
        closing(engine.run(stage, left)) as pieces,
    ):
        for done in pieces:
            report(done.rows, done.errors)
            embedded += done.embedded
    gather(plan.chunks, plan.images, places, dimension, kept, keeping.local)
    return embedded


def _keeping(asked: PreparedJob, plan: Plan) -> Keeping:
    """What is kept of each image, now that it is known how many there are."""
    in_row = 2 if asked.job.lists.gallery is None else 1 + asked.job.settings.top
    uses = in_row * sum(shard.rows for shard in plan.shards)
    return asked.keeping.suited(uses=uses, images=plan.images)


def _explain(
    places: Places, asked: PreparedJob, plan: Plan, engine: StageRunner, watch: Watch
) -> None:
    job = asked.job
    method = job.settings.method or ""
    stamp = Stamp(version("lpel-tf"), method, asked.networks.sha256, asked.config_sha256)
    committed = commits_of(places, asked, plan.shards)
    stage = Explaining(
        out=job.out,
        job=asked.identity,
        networks=asked.networks,
        settings=job.settings,
        shards=plan.shards,
        stamp=stamp,
        search=job.lists.gallery is not None,
        apart=asked.apart,
        keeping=_keeping(asked, plan),
        columns=columns_begun(places, committed),
    )
    left = [shard for shard, record in enumerate(committed) if record is None]
    rows = sum(shard.rows for shard in plan.shards)
    rows_left = sum(plan.shards[shard].rows for shard in left)
    with (
        watch("explaining", rows, rows - rows_left) as report,
        closing(engine.run(stage, left)) as pieces,
    ):
        for done in pieces:
            report(done.rows, done.errors)


def _opened(engine: StageRunner) -> AbstractContextManager[Any]:
    """Enter an engine that is a context manager for the duration of the job."""
    return engine if isinstance(engine, AbstractContextManager) else nullcontext()


@contextmanager
def _kept(asked: PreparedJob) -> Generator[KeptEmbeddings | None]:
    """Open the file of embeddings, if one is named."""
    job, manifest = asked.job, asked.manifest
    if job.kept is None:
        yield None
        return
    # Embeddings of different providers differ in their last bits, and are not mixed.
    crop = f"{asked.networks.crop}, on {job.provider}"
    embedder = manifest.files[EMBEDDER_FILE].sha256
    dimension, detects = manifest.embedder.dimension, asked.networks.detects
    local = None if asked.keeping.local is None else asked.keeping.local.shape
    with kept_embeddings(
        job.kept, embedder, crop, dimension, detects=detects, local_shape=local
    ) as kept:
        yield kept
