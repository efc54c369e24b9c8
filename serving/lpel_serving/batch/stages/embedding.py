"""The first stage: every distinct image of a job passes through the embedder once."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lpel_serving.batch.input.rows import legible
from lpel_serving.batch.stages.keeping import NOTHING, Keeping
from lpel_serving.batch.stages.stage import BundleSource, Done, Stopped, Work, give_up_if
from lpel_serving.batch.store.by_number import (
    CHANGED,
    NO_EMBEDDING,
    NO_FACE,
    OTHER_FACES,
    UNUSABLE,
    Failure,
)
from lpel_serving.batch.store.folder import IMAGES_IN_CHUNK, Places
from lpel_serving.batch.store.image_chunks import embedding_table
from lpel_serving.engine.explainer import Explainer
from lpel_serving.engine.store.keys import content_digest
from lpel_serving.equations.comparison import ComparisonKind
from lpel_serving.equations.direction import comparable, lack_of
from lpel_serving.images.crops import CutFace
from lpel_serving.images.found import nothing, numbers_of
from lpel_serving.images.reading import read_bytes
from lpel_serving.methods.networks import ImageFeatures
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.arrow import Table, from_vectors, read_table, write_table
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
    keeping
        What is kept of each image beside its embedding.
    """

    out: Path
    networks: BundleSource
    batch_size: int
    keeping: Keeping = NOTHING

    def open(self) -> Work:
        """Load the bundle."""
        places = Places(self.out)
        explainer = self.networks.open()

        def embed(chunk: int, stopped: Stopped) -> Done:
            images = read_table(places.images(chunk))
            if self.keeping.is_done(places, chunk):  # by a worker that was believed lost
                return Done(chunk, len(images), 0)
            if places.embeddings(chunk).is_file():  # known from an earlier job
                _simulate_chunk(explainer, places, chunk, self.batch_size, self.keeping, stopped)
                return Done(chunk, len(images), 0)
            return self._embed_chunk(explainer, chunk, images, stopped)

        return embed

    def _embed_chunk(
        self, explainer: Explainer, chunk: int, images: Table, stopped: Stopped
    ) -> Done:
        digests = images["digest"].to_pylist()
        found = np.zeros((len(digests), explainer.manifest.embedder.dimension), np.float32)
        faces = nothing(len(digests))
        failures: dict[int, Failure] = {}
        embedded = 0
        run = _network(explainer, self.batch_size, self.keeping)
        with self.keeping.writing(chunk, len(digests), explainer) as keep:
            for crops in _batches(explainer, images, digests, self.batch_size, failures):
                give_up_if(stopped)
                features = run([crop.pixels for crop in crops.values()])
                faces[list(crops)] = [numbers_of(crop.found) for crop in crops.values()]
                lacking = _lacking(features, explainer.comparison.kind)
                failures |= {i: one for i, one in zip(crops, lacking, strict=True) if one}
                good = [row for row, one in enumerate(lacking) if one is None]
                places = [list(crops)[row] for row in good]
                found[places] = features.embeddings[good]
                if good:
                    keep(places, features[good])
                embedded += len(crops)
        of = [failures.get(i) for i in range(len(digests))]
        codes = [None if one is None else one.code for one in of]
        messages = [None if one is None else one.message for one in of]
        table = embedding_table(digests, found, codes, messages, faces)
        write_table(Places(self.out).embeddings(chunk), table)  # last: all is there
        return Done(chunk, len(digests), len(failures), embedded)


def _network(
    explainer: Explainer, batch_size: int, keeping: Keeping
) -> Callable[[Sequence[Pixels]], ImageFeatures]:
    """What a batch of crops passes through; without local features where a job needs none."""
    if keeping.local is not None:
        return explainer.embedder.fixed_features(batch_size)
    embed = explainer.embedder.fixed(batch_size)

    def run(crops: Sequence[Pixels]) -> ImageFeatures:
        return ImageFeatures(embed(crops), np.empty((len(crops), 0, 0), np.float32))

    return run


def _lacking(features: ImageFeatures, kind: ComparisonKind) -> list[Failure | None]:
    """Why some images cannot be compared, or None."""
    found: list[Failure | None] = []
    for embedding, local in zip(features.embeddings, features.local, strict=True):
        if not comparable(kind, embedding):
            found.append(Failure(NO_EMBEDDING, f"its embedding {lack_of(embedding)}."))
        elif not np.isfinite(local).all():
            found.append(Failure(NO_EMBEDDING, "its local features hold NaN or infinity."))
        else:
            found.append(None)
    return found


def _simulate_chunk(
    explainer: Explainer,
    places: Places,
    chunk: int,
    batch_size: int,
    keeping: Keeping,
    stopped: Stopped,
) -> None:
    """Simulate images whose features are known: none passes through the embedder."""
    table = read_table(places.embeddings(chunk))
    embeddings = from_vectors(table["embedding"], explainer.manifest.embedder.dimension)
    first = chunk * IMAGES_IN_CHUNK
    with keeping.simulating(chunk, len(table), explainer) as keep:
        for start in range(0, len(table), batch_size):
            give_up_if(stopped)
            some = np.arange(start, min(start + batch_size, len(table)))
            keep(some.tolist(), keeping.features(first + some, embeddings[some]))


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
