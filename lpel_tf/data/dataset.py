"""Training data of the decoder: embeddings, and the faces that they were computed from."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.store.recall import recall
from lpel_serving.engine.store.sqlite import Row, SqliteStore
from lpel_serving.equations.comparison import ComparisonKind
from lpel_serving.equations.direction import comparable, lack_of
from lpel_serving.images.crops import CutFace, DetectingCrop
from lpel_serving.images.datasets.labelled import Labelled
from lpel_serving.images.datasets.passed_over import Unusable
from lpel_serving.images.resizing import decoder_target
from lpel_serving.methods.measured.stream import DEFAULT_BATCH
from lpel_serving.support.errors import EmbeddingError
from lpel_serving.support.image_shape import ImageShape
from lpel_serving.support.progress import Progress, silent
from lpel_tf.data.store import open_face_store
from lpel_tf.support.errors import TrainingDataError


@dataclass(frozen=True, eq=False)
class FaceSet:
    """Faces as a decoder sees them.

    Attributes
    ----------
    embeddings
        ``h = f(x)``, float32, shape (N, D).
    targets
        ``x``, uint8, shape (N, H, W, C); empty, (N, 0, 0, C), where no decoder learns to draw them.
    identities
        Who each is, N of them.
    without_face
        The photographs that were left out, since the crop found no face in them.
    unusable
        Those that were left out, since they cannot be used.
    several_faces
        Those that show several faces, of which the largest was taken; None where the crop looks
        for none.
    photographs
        The images themselves, N of them; empty where only their embeddings are known.
    """

    embeddings: NDArray[np.float32]
    targets: NDArray[np.uint8]
    identities: tuple[str, ...]
    without_face: tuple[Labelled, ...] = ()
    unusable: tuple[Labelled, ...] = ()
    several_faces: tuple[Labelled, ...] | None = None
    photographs: tuple[Labelled, ...] = ()

    def __len__(self) -> int:
        return len(self.identities)

    @property
    def target_shape(self) -> ImageShape:
        """Height, width and channels of the targets."""
        return ImageShape(*self.targets.shape[1:])

    def select(self, chosen: NDArray[np.bool_]) -> "FaceSet":
        """Keep the faces that a mask of shape (N,) chooses."""
        return FaceSet(
            self.embeddings[chosen],
            self.targets[chosen],
            tuple(compress(self.identities, chosen)),
            photographs=tuple(compress(self.photographs, chosen)),
        )

    def joined(self, other: "FaceSet") -> "FaceSet":
        """These faces, then others."""
        return FaceSet(
            np.concatenate([self.embeddings, other.embeddings]),
            np.concatenate([self.targets, other.targets]),
            self.identities + other.identities,
            photographs=self.photographs + other.photographs,
        )


def embed_faces(
    embedder: Embedder,
    faces: Sequence[Labelled],
    target: ImageShape | None,
    store_path: Path,
    *,
    kind: ComparisonKind = "cosine",
    unusable: Unusable | None = None,
    progress: Progress = silent,
) -> FaceSet:
    """Embed photographs, those that the store does not hold yet.

    Those in which the crop finds no face are left out, and listed in the result.

    Parameters
    ----------
    embedder
        The network ``f`` with its crop.
    faces
        The photographs.
    target
        The shape of the images that the decoder will reconstruct; without a decoder None, and no
        images are kept.
    store_path
        Where embeddings are kept; one file for one network, crop and target shape.
    kind
        How the network compares: which embeddings can be compared hangs on it.
    unusable
        Gathers photographs that cannot be used; they are left out and listed in the result.
    progress
        Reports how far it is.

    Raises
    ------
    ImageError
        If a photograph cannot be used and there is no `unusable` to gather it; it is named.
    TrainingDataError
        If its embedding is not finite or zero all over; it is named.
    PhotographsError
        If too many cannot be used.
    CacheError
        If the store cannot be used.
    """
    embeddings = np.empty((len(faces), embedder.record.dimension), np.float32)
    nothing = ImageShape(0, 0, embedder.record.shape.channels)
    targets = np.empty((len(faces), *(target or nothing)), np.uint8)
    found = np.zeros(len(faces), np.bool_)
    detects = isinstance(embedder.crop, DetectingCrop)
    several: list[Labelled] = []
    store = open_face_store(store_path, embedder.record.dimension, target, counts=detects)
    with closing(store), progress("embedding images", len(faces)) as advance:
        for start in range(0, len(faces), DEFAULT_BATCH):
            batch = faces[start : start + DEFAULT_BATCH]
            recalled = _recall(embedder, batch, store, target, unusable, kind)
            for i, row in enumerate(recalled, start):
                if row is not None:
                    embeddings[i], found[i] = row["embedding"], True
                    if target is not None:
                        targets[i] = row["target"]
                    several += [faces[i]] if detects and row["faces"] > 1 else []
            advance(len(batch))
    everyone = FaceSet(
        embeddings,
        targets,
        tuple(face.identity for face in faces),
        several_faces=tuple(several) if detects else None,
        photographs=tuple(faces),
    )
    if found.all():
        return everyone
    missing = tuple(face for face, seen in zip(faces, found, strict=True) if not seen)
    kept = replace(everyone.select(found), several_faces=everyone.several_faces)
    if unusable is None:
        return replace(kept, without_face=missing)
    unusable.check(face.source for face in faces)
    return replace(
        kept,
        without_face=tuple(face for face in missing if face.source not in unusable),
        unusable=tuple(face for face in missing if face.source in unusable),
    )


def _recall(
    embedder: Embedder,
    batch: Sequence[Labelled],
    store: SqliteStore,
    target: ImageShape | None,
    unusable: Unusable | None,
    kind: ComparisonKind,
) -> list[Row | None]:
    """Embed a batch of photographs, or say which of them have no embedding to train on."""
    paths = ", ".join(str(face.source) for face in batch)
    try:
        compute = partial(_embed, embedder, target)
        photographs = [face.source for face in batch]
        recalled = recall(embedder, photographs, store, compute, unusable=unusable)
    except EmbeddingError as error:
        raise TrainingDataError(f"{error} It did so for one of {paths}.") from error
    lost = [
        f"{face.source} {lack_of(one['embedding'])}"
        for face, one in zip(batch, recalled, strict=True)
        if one is not None and not comparable(kind, one["embedding"])
    ]
    if lost:
        raise TrainingDataError(
            f"the embedding of {'; that of '.join(lost)}. Leave these photographs out; if they are "
            "not at fault, look whether the network has its trained weights, and gets its pixels "
            "as it was trained with them (the standardisation, or mean and scale)."
        )
    return recalled


def _embed(
    embedder: Embedder, target: ImageShape | None, crops: Mapping[bytes, CutFace]
) -> dict[bytes, Row]:
    vectors = embedder.embed([crop.pixels for crop in crops.values()])
    rows: dict[bytes, Row] = {}
    for (key, crop), vector in zip(crops.items(), vectors, strict=True):
        faces = np.array(0 if crop.found is None else crop.found.count)
        rows[key] = {"embedding": vector, "faces": faces}
        if target is not None:
            rows[key]["target"] = decoder_target(crop.pixels, target)
    return rows
