"""The first stage: embeds every distinct image of a job once."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lpel_serving.batch.input.rows import legible
from lpel_serving.batch.stages.stage import BundleSource, Done, Stopped, Work, give_up_if
from lpel_serving.batch.store.by_number import (
    CHANGED,
    NO_EMBEDDING,
    NO_FACE,
    OTHER_FACES,
    UNUSABLE,
    Failure,
)
from lpel_serving.batch.store.folder import Places
from lpel_serving.batch.store.image_chunks import embedding_table
from lpel_serving.engine.explainer import Explainer
from lpel_serving.engine.store.keys import content_digest
from lpel_serving.equations.direction import has_direction, lack_of
from lpel_serving.images.crops import CutFace
from lpel_serving.images.found import nothing, numbers_of
from lpel_serving.images.reading import read_bytes
from lpel_serving.support.arrow import Table, read_table, write_table
from lpel_serving.support.errors import FaceChoiceError, ImageError, NoFaceError


@dataclass(frozen=True)
class Embedding:
    """Embeds a chunk of images.

    Attributes
    ----------
    out
        The folder of the job.
    networks
        What embeds.
    batch_size
        Images in one inference; the last batch is padded.
    """

    out: Path
    networks: BundleSource
    batch_size: int

    def open(self) -> Work:
        """Load the bundle."""
        places = Places(self.out)
        explainer = self.networks.open()

        def embed(chunk: int, stopped: Stopped) -> Done:
            return _embed_chunk(explainer, places, chunk, self.batch_size, stopped)

        return embed


def _embed_chunk(
    explainer: Explainer, places: Places, chunk: int, batch_size: int, stopped: Stopped
) -> Done:
    images = read_table(places.images(chunk))
    if places.embeddings(chunk).is_file():  # by a worker that was believed lost
        return Done(chunk, len(images), 0)
    digests = images["digest"].to_pylist()
    found = np.zeros((len(digests), explainer.manifest.embedder.dimension), np.float32)
    faces = nothing(len(digests))
    failures: dict[int, Failure] = {}
    embedded = 0
    run = explainer.embedder.fixed(batch_size)
    for crops in _batches(explainer, images, digests, batch_size, failures):
        give_up_if(stopped)
        rows = run([crop.pixels for crop in crops.values()])
        faces[list(crops)] = [numbers_of(crop.found) for crop in crops.values()]
        for i, row in zip(crops, rows, strict=True):
            if has_direction(row):
                found[i] = row
            else:
                failures[i] = Failure(NO_EMBEDDING, f"its embedding {lack_of(row)}.")
        embedded += len(crops)
    of = [failures.get(i) for i in range(len(digests))]
    codes = [None if one is None else one.code for one in of]
    messages = [None if one is None else one.message for one in of]
    table = embedding_table(digests, found, codes, messages, faces)
    write_table(places.embeddings(chunk), table)
    return Done(chunk, len(digests), len(failures), embedded)


def _batches(
    explainer: Explainer,
    images: Table,
    digests: Sequence[bytes],
    batch_size: int,
    failures: dict[int, Failure],
) -> Iterator[dict[int, CutFace]]:
    """Read images in batches of usable ones, by their positions; note why others are unusable."""
    crops: dict[int, CutFace] = {}
    for i, digest in enumerate(digests):
        face = read_image(explainer, images, i, digest)
        if isinstance(face, Failure):
            failures[i] = face
            continue
        crops[i] = face
        if len(crops) == batch_size:
            yield crops
            crops = {}
    if crops:
        yield crops


def read_image(explainer: Explainer, images: Table, place: int, digest: bytes) -> CutFace | Failure:
    """Read an image of a chunk and crop the face, or say why that cannot be done."""
    path, data = images["path"][place].as_py(), images["data"][place].as_py()
    name = None if path is None else os.fsdecode(path)
    try:
        content = read_bytes(Path(name)) if name is not None else data
        if content_digest(content) != digest:
            changed = f"{legible(str(name))} has changed since the job was planned."
            return Failure(CHANGED, changed)
        face = images["face"][place].as_py() if "face" in images.column_names else 0
        return explainer.embedder.cut(content, name, face or None)
    except NoFaceError as error:
        return Failure(NO_FACE, legible(str(error)))
    except FaceChoiceError as error:
        return Failure(OTHER_FACES, legible(str(error)))
    except ImageError as error:
        return Failure(UNUSABLE, legible(str(error)))
