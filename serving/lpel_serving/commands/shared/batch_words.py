"""What `lpel batch run` says: by which method, what was done, and remarks on the rows."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lpel_serving.batch.job import PreparedJob
    from lpel_serving.batch.summary import Summary


UNSEEN = (
    "The surrogate does not see the photographs of embeddings that the list gives: it predicts "
    "less well what hiding their parts would do (docs/surrogate.md)."
)
"""The caveat of templates."""


def announce(asked: "PreparedJob") -> None:
    """Say by which method the pairs are explained, from what, and what it does not see."""
    source = asked.job.settings.source
    alone = ", from embeddings alone" if source == "embeddings" else ""
    unseen = f" {UNSEEN}" if asked.templates and source in ("simulations", "local features") else ""
    sys.stderr.write(f"Each pair is explained by {asked.job.settings.method}{alone}.{unseen}\n")


def remarks(
    summary: "Summary", several: int | None, implausible: int | None, *, regions: bool = True
) -> Iterator[str]:
    """Remarks on the rows: implausible pictures, several faces, errors."""
    if implausible:
        lacking = "no confidence and no regions" if regions else "no confidence"
        yield (
            f"{implausible:,} rows have a picture that is not of the kind that this bundle knows: "
            f"they have {lacking} (reference_plausible, test_plausible)."
        )
    if several:
        yield (
            f"{several:,} rows are about photographs that show several faces: their columns say "
            "how many there were, and which was taken."
        )
    if summary.left_out:
        yield f"{summary.left_out:,} images of the gallery cannot be used."
    if summary.in_gallery:
        yield (
            f"{summary.in_gallery:,} probes are in the gallery themselves: that is no result for "
            "them."
        )
    if summary.errors:
        yield f"{summary.errors:,} rows are errors: see their column message."


def in_words(summary: "Summary", out: Path) -> str:
    """Say what a finished job did."""
    images = f"{summary.images:,} distinct images"
    known = f", {summary.known:,} of them known from before" if summary.known else ""
    return (
        f"{summary.rows:,} rows in {summary.shards:,} shards in {out}, {summary.errors:,} of them "
        f"errors\n{images}{known}; {summary.embedded:,} embedded in this run"
    )
