"""Writes the distinct images of a job in chunks, each embedded as one piece of work."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lpel_serving.batch.input.rows import legible
from lpel_serving.batch.store.chunk_arrays import ChunkArrays
from lpel_serving.batch.store.folder import IMAGES_IN_CHUNK, Places
from lpel_serving.batch.store.kept import KeptFace, Vector
from lpel_serving.engine.store.embedding_store import EmbeddingStore
from lpel_serving.engine.store.keys import split_key
from lpel_serving.images.found import FaceNumbers
from lpel_serving.support.arrow import Table, pa, vectors, write_table

_BYTES_IN_CHUNK = 64 * 2**20


@dataclass(frozen=True, eq=False)
class _Chunk:
    """A chunk of images that is being filled."""

    number: int
    digests: list[bytes] = field(default_factory=list[bytes])
    sources: list[Path | bytes] = field(default_factory=list[Path | bytes])
    faces: list[int] = field(default_factory=list[int])
    embeddings: list[Vector] = field(default_factory=list[Vector])
    found: list[FaceNumbers] = field(default_factory=list[FaceNumbers])
    local: list[Vector] = field(default_factory=list[Vector])

    @property
    def is_full(self) -> bool:
        """Whether it has all its images, or as many bytes as should be held in memory."""
        held = sum(len(one) for one in self.sources if isinstance(one, bytes))
        return len(self.digests) == IMAGES_IN_CHUNK or held > _BYTES_IN_CHUNK


class ImageChunks:
    """Writes distinct images in chunks, new ones separately from those with a known embedding.

    Parameters
    ----------
    places
        Where to write.
    kept
        Embeddings of earlier jobs.
    local
        Where to write their local features, if `kept` has them and they are needed.
    """

    def __init__(
        self,
        places: Places,
        kept: EmbeddingStore[KeptFace] | None,
        local: ChunkArrays | None = None,
    ) -> None:
        self._places = places
        self._kept = kept
        self._local = local
        self._filling: dict[bool, _Chunk] = {}
        self.chunks = self.images = self.known = 0

    def add(self, key: bytes, source: Path | bytes) -> int:
        """Add a face of an image, which is new, by its key; return its number."""
        digest, face = split_key(key)
        known = None if self._kept is None else self._kept.get([key]).get(key)
        is_known = known is not None
        self.images += 1
        self.known += is_known
        if is_known not in self._filling:
            self._filling[is_known] = _Chunk(self.chunks)
            self.chunks += 1
        chunk = self._filling[is_known]
        number = chunk.number * IMAGES_IN_CHUNK + len(chunk.digests)
        chunk.digests.append(digest)
        chunk.sources.append(source)
        chunk.faces.append(face)
        if known is not None:
            chunk.embeddings.append(known.embedding)
            chunk.found.append(known.found)
            if known.local is not None:
                chunk.local.append(known.local)
        if chunk.is_full:
            self._write(self._filling.pop(is_known))
        return number

    def end(self) -> None:
        """Write the chunks that are not full."""
        while self._filling:
            self._write(self._filling.popitem()[1])

    def _write(self, chunk: _Chunk) -> None:
        images = image_table(chunk.digests, chunk.sources, chunk.faces)
        write_table(self._places.images(chunk.number), images)
        if chunk.embeddings:
            self._write_local(chunk)
            none = [None] * len(chunk.embeddings)
            write_table(
                self._places.embeddings(chunk.number),
                embedding_table(
                    chunk.digests, np.stack(chunk.embeddings), none, none, np.stack(chunk.found)
                ),
            )

    def _write_local(self, chunk: _Chunk) -> None:
        if self._local is not None:
            with self._local.writing(chunk.number, len(chunk.local)) as put:
                for place, one in enumerate(chunk.local):
                    put(place, one)


def image_table(
    digests: Sequence[bytes], sources: Sequence[Path | bytes], faces: Sequence[int]
) -> Table:
    """The table of a chunk of images: path or bytes of each, and which face is meant."""
    paths = [None if isinstance(one, bytes) else os.fsencode(one) for one in sources]
    return pa.table(
        {
            "digest": pa.array(digests, pa.binary(32)),
            "path": pa.array(paths, pa.binary()),
            "data": pa.array(
                [one if isinstance(one, bytes) else None for one in sources], pa.binary()
            ),
            "face": pa.array(faces, pa.int32()),
        }
    )


def embedding_table(
    digests: Sequence[bytes],
    embeddings: Vector,
    codes: Sequence[str | None],
    messages: Sequence[str | None],
    found: FaceNumbers,
) -> Table:
    """The table of the results of a chunk of images."""
    return pa.table(
        {
            "digest": pa.array(digests, pa.binary(32)),
            "embedding": vectors(embeddings),
            "code": pa.array(codes, pa.string()),
            "message": pa.array(
                [None if one is None else legible(one) for one in messages], pa.string()
            ),
            "found": vectors(found),
        }
    )
