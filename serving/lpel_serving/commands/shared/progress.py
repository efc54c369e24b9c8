"""Progress bars on standard error."""

from collections.abc import Generator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from lpel_serving.support.progress import Advance, ReportProgress


@contextmanager
def progress_bar(what: str, total: int) -> Generator[Advance]:
    """Show a bar during work; yields a function to call with the amount done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)


@contextmanager
def batch_bar(what: str, total: int | None, done: int) -> Generator[ReportProgress]:
    """Show a bar with the rate, the time left and the number of errors."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[words]}"),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[errors]} errors"),
    )
    failed = 0
    begun = monotonic()
    with Progress(*columns, console=Console(stderr=True)) as bar:

        def words(completed: float) -> str:
            rate = (completed - done) / max(1e-9, monotonic() - begun)
            of = "" if total is None else f" of {total:,}"
            return f"{completed:,.0f}{of}, {rate:,.0f}/s"

        task = bar.add_task(what, total=total, completed=done, errors=0, words=words(done))

        def report(more: int, errors: int) -> None:
            nonlocal failed
            failed += errors
            completed = bar.tasks[0].completed + more
            bar.update(task, completed=completed, errors=failed, words=words(completed))

        yield report
