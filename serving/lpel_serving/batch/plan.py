"""The plan of a job: its rows, cut into shards, and its distinct images, numbered."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.input.lists import Lists, read_rows
from lpel_serving.batch.input.rows import LISTED, Column, Rows
from lpel_serving.batch.store.by_number import NO_IMAGE, GivenEmbeddings
from lpel_serving.batch.store.catalogue import Catalogue
from lpel_serving.batch.store.chunk_arrays import ChunkArrays
from lpel_serving.batch.store.folder import Places
from lpel_serving.batch.store.image_chunks import ImageChunks
from lpel_serving.batch.store.kept import KeptEmbeddings
from lpel_serving.equations.comparison import ComparisonKind
from lpel_serving.equations.direction import comparable
from lpel_serving.support.arrow import Table, growing_table, pa, write_table
from lpel_serving.support.errors import OutputError, PairsError
from lpel_serving.support.files import write_atomically
from lpel_serving.support.progress import Advance

Part = tuple[Table, bytes]
"""The table of some rows, and the digest of their content."""

_GALLERY_ROWS = 10_000
"""Rows that are read at a time."""


@dataclass(frozen=True)
class Shard:
    """A planned file of the results: its rows, and the digest of all its inputs."""

    rows: int
    inputs: str


@dataclass(frozen=True)
class Plan:
    """The plan of a job.

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


def read_plan(places: Places) -> Plan | None:
    """Read the plan of the scratch files, if it is complete."""
    return _read(places.planned)


def read_shards(places: Places) -> Plan | None:
    """Read the plan of the results, which is kept when the scratch files are deleted."""
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


def make_plan(
    lists: Lists,
    places: Places,
    rows_in_shard: int,
    dimension: int,
    kept: KeptEmbeddings | None,
    advance: Advance,
    *,
    needs_images: bool,
    kind: ComparisonKind = "cosine",
    detects: bool = False,
    local: ChunkArrays | None = None,
) -> Plan:
    """Read the lists and the files that they name, and write the plan.

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
        Called after every batch of rows, with their number.
    needs_images
        Whether explaining pairs needs the images, not only their embeddings.
    kind
        How the network compares: which embeddings can be compared hangs on it.
    detects
        Whether the crop detects faces, so that lists may choose among them.
    local
        Where to write local features of earlier jobs, if this one needs them.

    Raises
    ------
    PairsError
        If a list cannot be used.
    """
    shutil.rmtree(places.work, ignore_errors=True)
    places.work.mkdir(parents=True)
    with ExitStack() as stack:
        images = ImageChunks(places, kept, local)
        catalogue = stack.enter_context(Catalogue(places.work / "distinct.sqlite", images.add))
        given = GivenEmbeddings(stack.enter_context(places.given.open("wb")))
        equal = None
        if lists.gallery is not None:
            equal = stack.enter_context(Catalogue(places.work / "given.sqlite", given.add))
        planner = _Planner(catalogue, given, equal, dimension, needs_images, kind, detects)
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
    """Concatenate tables, and their digests, into parts of so many rows."""
    tables: list[Table] = []
    whole = hashlib.sha256()
    for table, digest in parts:
        tables.append(table)
        whole.update(digest)
        if sum(one.num_rows for one in tables) >= rows:
            yield pa.concat_tables(tables), whole.digest()
            tables, whole = [], hashlib.sha256()
    if tables:
        yield pa.concat_tables(tables), whole.digest()


def _plan_gallery(lists: Lists, planner: "_Planner", places: Places, advance: Advance) -> bytes:
    """Plan the gallery, if there is one; return the digest of its content."""
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


@dataclass(frozen=True)
class _Planner:
    """Turns rows into tables of numbers."""

    catalogue: Catalogue
    given: GivenEmbeddings
    equal: Catalogue | None
    dimension: int
    needs_images: bool
    kind: ComparisonKind
    detects: bool

    def plan(self, rows: Rows) -> Part:
        """Make the table of some rows, and the digest of their content."""
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
        """Raise `PairsError` if the rows choose faces, and none are detected."""
        if self.detects and column.embeddings is None:
            return
        why = "this crop looks for none" if column.embeddings is None else "it holds embeddings"
        raise PairsError(
            f"the column {name}_face asks for faces of the column {name}, and {why}: leave it out, "
            "or give photographs and a crop that finds faces, such as mtcnn."
        )

    def _column(
        self, name: str, column: Column, faces: Sequence[int | None] | None, digest: Any
    ) -> Mapping[str, Any]:
        if column.embeddings is None:  # an image that cannot be read is digested as zeros
            entries = self.catalogue.entries(column.images, faces)
            digest.update(
                b"".join(bytes(32) if isinstance(one, str) else one[1] for one in entries)
            )
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
        """Store embeddings that the rows hold; those without a direction are errors."""
        if self.needs_images:
            raise PairsError(
                f"the column {name} holds embeddings, and curves and this method look at the "
                "images themselves: choose a method that does not, such as responses, surrogate, "
                "surrogate-order or lpel, without curves."
            )
        if embeddings.shape[1] not in (0, self.dimension):
            raise PairsError(
                f"the embeddings in the column {name} have {embeddings.shape[1]} features; those "
                f"of this bundle have {self.dimension}."
            )
        usable = comparable(self.kind, embeddings)
        numbers = np.full(len(embeddings), NO_IMAGE)
        numbers[usable] = self.given.take(embeddings[usable], self.equal)
        complaint = "there is no embedding in this row, or it holds NaN, infinity or zeros alone."
        return numbers, [None if good else complaint for good in usable]
