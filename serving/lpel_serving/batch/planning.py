"""From a list of rows to shards and to the distinct images that they are about."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.folder.arrow import Table, growing_table, pa, write_table
from lpel_serving.batch.folder.listed import LISTED, Column, Rows
from lpel_serving.batch.folder.places import Places
from lpel_serving.batch.folder.plan import NO_IMAGE, Lists, Plan, Shard
from lpel_serving.batch.given import GivenEmbeddings
from lpel_serving.batch.input.rows import read_rows
from lpel_serving.batch.store.catalogue import Catalogue, Entry
from lpel_serving.batch.store.image_chunks import ImageChunks
from lpel_serving.batch.store.kept import KeptEmbeddings
from lpel_serving.equations.direction import has_direction
from lpel_serving.support.errors import PairsError
from lpel_serving.support.files import write_atomically
from lpel_serving.support.progress import Advance

Part = tuple[Table, bytes]
"""The table of some rows, and the digest of everything that is in them."""

_GALLERY_ROWS = 10_000
"""Read at a time."""


def make_plan(
    lists: Lists,
    places: Places,
    rows_in_shard: int,
    dimension: int,
    kept: KeptEmbeddings | None,
    advance: Advance,
    *,
    needs_images: bool,
    detects: bool = False,
) -> Plan:
    """Read the lists and the files that they name, and write down the plan.

    Parameters
    ----------
    lists
        What to read.
    places
        Where to write.
    rows_in_shard
        Rows of the list in one shard.
    dimension
        Length D of embeddings.
    kept
        Embeddings of earlier jobs.
    advance
        ReportProgress of every so many rows.
    needs_images
        Whether embeddings are not enough to explain pairs.
    detects
        Whether the crop looks for faces, so that lists may ask for certain ones.

    Raises
    ------
    PairsError
        If a list cannot be used.
    """
    shutil.rmtree(places.work, ignore_errors=True)
    places.work.mkdir(parents=True)
    with ExitStack() as stack:
        images = ImageChunks(places, kept)
        catalogue = stack.enter_context(Catalogue(places.work / "distinct.sqlite", images.add))
        file = stack.enter_context(places.given.open("wb"))
        equal = None if lists.gallery is None else places.work / "given.sqlite"
        given = stack.enter_context(GivenEmbeddings(file, equal))
        planner = _Planner(catalogue, given, dimension, needs_images=needs_images, detects=detects)
        in_gallery = _plan_gallery(lists, planner, places, advance)
        shards: list[Shard] = []
        rows = read_rows(lists.rows, lists.columns, lists.images, rows_in_shard)
        for table, digest in _together((planner.plan(some) for some in rows), rows_in_shard):
            write_table(places.rows(len(shards)), table)
            shards.append(Shard(table.num_rows, hashlib.sha256(in_gallery + digest).hexdigest()))
            advance(table.num_rows)
        images.end()
    for scratch in places.work.glob("*.sqlite"):
        scratch.unlink()
    plan = Plan(tuple(shards), images.images, images.known, images.chunks)
    write_atomically(places.planned, json.dumps(asdict(plan)).encode())
    return plan


def _together(parts: Iterable[Part], rows: int) -> Iterator[Part]:
    """Put tables together that add up to so many rows, and their digests."""
    waiting: list[Part] = []
    for part in parts:
        waiting.append(part)
        if sum(table.num_rows for table, _ in waiting) >= rows:
            yield _joined(waiting)
            waiting = []
    if waiting:
        yield _joined(waiting)


def _joined(parts: Sequence[Part]) -> Part:
    whole = hashlib.sha256(b"".join(digest for _, digest in parts))
    return pa.concat_tables([table for table, _ in parts]), whole.digest()


def _plan_gallery(lists: Lists, planner: "_Planner", places: Places, advance: Advance) -> bytes:
    """Plan the gallery, if there is one; return the digest of all that is in it."""
    if lists.gallery is None:
        return b""
    whole = hashlib.sha256()
    with growing_table(places.gallery) as add:
        for some in read_rows(lists.gallery, LISTED, lists.images, _GALLERY_ROWS):
            table, digest = planner.plan(some)
            whole.update(digest)
            add(table)
            advance(table.num_rows)
    return whole.digest()


class _Planner:
    """Turns rows into tables of numbers."""

    def __init__(
        self,
        catalogue: Catalogue,
        given: GivenEmbeddings,
        dimension: int,
        *,
        needs_images: bool,
        detects: bool,
    ) -> None:
        self._detects = detects
        self._catalogue = catalogue
        self._needs_images = needs_images
        self._given = given
        self._dimension = dimension

    def plan(self, rows: Rows) -> Part:
        """Make the table of some rows, and the digest of everything that is in them."""
        digest = hashlib.sha256("\0".join(rows.identifiers).encode("utf-8", "surrogatepass"))
        planned: dict[str, Any] = {"identifier": pa.array(rows.identifiers, pa.string())}
        for name, column in rows.columns.items():
            faces = rows.faces.get(name)
            if faces is not None:
                self._check_faces(name, column)
                digest.update(repr(faces).encode())
            planned |= self._column(name, column, faces, digest)
        return pa.table(planned), digest.digest()

    def _check_faces(self, name: str, column: Column) -> None:
        """Raise `PairsError` if faces are asked for where none are looked for."""
        if self._detects and column.embeddings is None:
            return
        why = "this crop looks for none" if column.embeddings is None else "it holds embeddings"
        raise PairsError(
            f"the column {name}_face asks for faces of the column {name}, and {why}: leave it out, "
            "or give photographs and a crop that finds faces, such as mtcnn."
        )

    def _column(
        self, name: str, column: Column, faces: Sequence[int | None] | None, digest: Any
    ) -> Mapping[str, Any]:
        if column.embeddings is None:
            entries = self._catalogue.entries(column.images, faces)
            digest.update(b"".join(_told(entry) for entry in entries))
            numbers = [NO_IMAGE if isinstance(entry, str) else entry[0] for entry in entries]
            errors = [entry if isinstance(entry, str) else None for entry in entries]
        else:
            digest.update(column.embeddings.tobytes())
            numbers, errors = self._take(column.embeddings, name)
        return {
            name: pa.array(column.names, pa.string()),
            f"{name}_number": pa.array(numbers, pa.int64()),
            f"{name}_error": pa.array(errors, pa.string()),
        }

    def _take(self, embeddings: NDArray[np.float32], name: str) -> tuple[Any, list[str | None]]:
        """Keep embeddings that the rows brought; those that have no direction are errors."""
        if self._needs_images:
            raise PairsError(
                f"the column {name} holds embeddings, and curves and this method look at the "
                "images themselves: choose the method responses or lpel, without curves."
            )
        if embeddings.shape[1] not in (0, self._dimension):
            raise PairsError(
                f"the embeddings in the column {name} have {embeddings.shape[1]} features; those "
                f"of this bundle have {self._dimension}."
            )
        usable = has_direction(embeddings)
        numbers = np.full(len(embeddings), NO_IMAGE)
        numbers[usable] = self._given.take(embeddings[usable])
        complaint = "there is no embedding in this row, or it holds NaN, infinity or zeros alone."
        return numbers, [None if good else complaint for good in usable]


def _told(entry: Entry | str) -> bytes:
    """What a digest is told of an image: its own, or that there is none, wherever it is sought."""
    return entry[1] if isinstance(entry, tuple) else bytes(32)
