"""Embedding networks made ready to train decoders for: exported, and agreeing with Keras."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lpel_export.adoption import Layout, adopt_embedder
from lpel_export.conversion import Exported, embedding_dimension, export_embedder
from lpel_export.parity import Parity, check_parity
from lpel_serving.crops import parse_crop, read_face
from lpel_serving.errors import ImageError, NoFaceError
from lpel_serving.faces import Face
from lpel_serving.files import write_atomically
from lpel_serving.images import Pixels
from lpel_serving.manifest import EMBEDDING, IMAGE, EmbedderRecord
from lpel_serving.passed_over import Unusable, note
from lpel_serving.progress import Progress, silent
from lpel_tf.cache import cache_folder, file_sha256
from lpel_tf.errors import TrainingDataError
from lpel_tf.facenet import IMAGE_SIZE, FaceNet, build
from lpel_tf.weights import fetch

PARITY_FACES = 33
_EXPORTERS = ("lpel-tf", "keras-facenet", "tensorflow", "keras", "tf2onnx", "onnx")


@dataclass(frozen=True)
class ExportedEmbedder:
    """An embedding network in ONNX.

    Attributes
    ----------
    model
        The serialised ONNX model.
    record
        What the bundle will say of it.
    parity
        How far it is from Keras.
    licence
        That of its weights, if it is known.
    """

    model: bytes
    record: EmbedderRecord
    parity: Parity
    licence: str | None = None

    @property
    def sha256(self) -> str:
        """Hash of the model, in hexadecimal."""
        return hashlib.sha256(self.model).hexdigest()


def from_keras(
    model: Any, *, name: str, image_size: int, standardisation: str, faces: NDArray[np.uint8]
) -> ExportedEmbedder:
    """Export any Keras model from images to vectors, and check that nothing was lost.

    Parameters
    ----------
    model
        A Keras model from float images, shape (batch, S, S, 3), to vectors, shape (batch, D).
    name
        What the bundle will call it.
    image_size
        The side S.
    standardisation
        What happens to uint8 pixels before the model, a key of
        `lpel_export.standardisation.STANDARDISATIONS`.
    faces
        Some real crops to compare on, uint8, shape (N, S, S, 3), N at least 2.

    Raises
    ------
    ConversionError, ModelShapeError, ParityError
        If the model cannot be exported faithfully.
    """
    record = EmbedderRecord(
        name, image_size, embedding_dimension(model, image_size), standardisation
    )
    metadata = {key: str(value) for key, value in asdict(record).items()}
    exported = export_embedder(model, image_size, standardisation, metadata)
    return _checked(exported, record, faces)


def from_onnx(
    model: bytes,
    *,
    name: str,
    image_size: int,
    mean: float,
    scale: float,
    faces: NDArray[np.uint8],
    layout: Layout = "NCHW",
    channels: Literal["RGB", "BGR"] = "RGB",
) -> ExportedEmbedder:
    """Take in an embedding network that is already in ONNX; see `lpel_export.adopt_embedder`.

    Parameters
    ----------
    model
        A serialised ONNX model with one float32 image input and one output of vectors.
    name
        What the bundle will call it.
    image_size, mean, scale, layout, channels
        How it wants its pixels: ``(pixel - mean) / scale``.
    faces
        Some real crops to compare on, uint8, shape (N, S, S, 3), N at least 2.

    Raises
    ------
    ConversionError, ModelShapeError, ParityError
        If the model cannot be taken in faithfully.
    """
    exported = adopt_embedder(
        model, image_size=image_size, mean=mean, scale=scale, layout=layout, channels=channels
    )
    dimension = exported.original(faces[:1]).shape[-1]
    standardisation = f"(pixel - {mean}) / {scale}, {channels}"
    record = EmbedderRecord(name, image_size, dimension, standardisation)
    return _checked(exported, record, faces)


def from_facenet(
    network: FaceNet,
    faces: Callable[[int], NDArray[np.uint8]],
    *,
    cache: Path | None = None,
    mirror: str | None = None,
    progress: Progress = silent,
) -> ExportedEmbedder:
    """Fetch, build and export a FaceNet, or take the export from the cache.

    Parameters
    ----------
    network
        Which one.
    faces
        Called for real crops of a given side if an export is needed: uint8, shape (N, S, S, 3).
    cache, mirror, progress
        See `lpel_tf.weights.fetch`.
    """
    weights = fetch(network, cache=cache, mirror=mirror, progress=progress)
    folder = cache_folder("exports", _export_key(weights), root=cache)
    kept = _load(folder)
    if kept is not None:
        return replace(kept, licence=network.licence)
    with progress("exporting FaceNet to ONNX", 1) as advance:
        embedder = from_keras(
            build(network, weights),
            name=f"FaceNet {network.key}",
            image_size=IMAGE_SIZE,
            standardisation=network.standardisation,
            faces=faces(IMAGE_SIZE),
        )
        _save(folder, embedder)
        advance(1)
    return replace(embedder, licence=network.licence)


def _checked(
    exported: Exported, record: EmbedderRecord, faces: NDArray[np.uint8]
) -> ExportedEmbedder:
    parity = check_parity(
        exported,
        faces,
        input_name=IMAGE,
        output_name=EMBEDDING,
        inputs=f"{len(np.unique(faces, axis=0))} different face crops",
    )
    return ExportedEmbedder(exported.model, record, parity)


def example_crops(
    faces: Sequence[Face], crop: str, size: int, unusable: Unusable | None = None
) -> NDArray[np.uint8]:
    """Cut the first faces out of photographs, to compare an exported network on.

    Parameters
    ----------
    faces
        Photographs.
    crop
        See `lpel_serving.crops.parse_crop`.
    size
        Side of the crops.
    unusable
        Gathers photographs that cannot be used; without it the first one is an error.

    Returns
    -------
    NDArray[np.uint8]
        Shape (33, size, size, 3).

    Raises
    ------
    TrainingDataError
        If no photograph shows a face.
    PhotographsError
        If none does and too many cannot be used.
    """
    cut = parse_crop(crop)
    crops: list[Pixels] = []
    for face in faces:
        try:
            crops.append(read_face(face.path, cut, size))
        except NoFaceError:
            continue
        except ImageError as error:
            note(unusable, face.path, error)
        if len(crops) == PARITY_FACES:
            break
    if not crops:
        if unusable is not None:
            unusable.check(face.path for face in faces)
        raise TrainingDataError("no photograph shows a face that the crop can find.")
    return repeat_crops(crops)


def repeat_crops(crops: Sequence[Pixels]) -> NDArray[np.uint8]:
    """Repeat crops until there are enough to compare networks at a large batch size."""
    return np.stack([crops[i % len(crops)] for i in range(PARITY_FACES)])


def _export_key(weights: Path) -> str:
    """Name an export after everything that its bytes hang on, our own code among it."""
    made_of = [file_sha256(weights), *(version(name) for name in _EXPORTERS)]
    code = files("lpel_export")
    made_of += [
        hashlib.sha256(code.joinpath(module).read_bytes()).hexdigest()
        for module in ("conversion.py", "naming.py", "standardisation.py")
    ]
    return hashlib.sha256("|".join(made_of).encode()).hexdigest()[:32]


def _save(folder: Path, embedder: ExportedEmbedder) -> None:
    write_atomically(folder / "embedder.onnx", embedder.model)
    about = {
        "sha256": embedder.sha256,
        "record": asdict(embedder.record),
        "parity": embedder.parity.to_json(),
    }
    write_atomically(folder / "embedder.json", json.dumps(about).encode())


def _load(folder: Path) -> ExportedEmbedder | None:
    """Read an export from the cache, or None if it is not there whole."""
    try:
        about = json.loads((folder / "embedder.json").read_bytes())
        parity = about["parity"] | {"batch_sizes": tuple(about["parity"]["batch_sizes"])}
        kept = ExportedEmbedder(
            (folder / "embedder.onnx").read_bytes(),
            EmbedderRecord(**about["record"]),
            Parity(**parity),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return kept if kept.sha256 == about["sha256"] else None
