"""An embedding network as it was exported, and where exports are kept for the next time."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from lpel_export.conversion.parity import Parity
from lpel_serving.bundle.manifest import EmbedderRecord
from lpel_serving.support.files import write_atomically
from lpel_serving.support.image_shape import ImageShape
from lpel_tf.support.cache import cache_folder, file_sha256

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


def export_key(weights: Sequence[Path]) -> str:
    """Name an export of some files of weights after what determines its bytes, our code too."""
    made_of = [*(file_sha256(path) for path in weights), *(version(name) for name in _EXPORTERS)]
    for package in ("lpel_export", "lpel_tf.networks"):
        made_of += map(file_sha256, sorted(Path(str(files(package))).rglob("*.py")))
    return hashlib.sha256("|".join(made_of).encode()).hexdigest()[:32]


def kept_or_made(
    key: str, make: Callable[[], ExportedEmbedder], cache: Path | None
) -> ExportedEmbedder:
    """Read an export from the cache, or make it and keep it; its licence is not kept.

    Raises
    ------
    CacheError, OutputError
        If it cannot be kept.
    """
    folder = cache_folder("exports", key, root=cache)
    kept = _load(folder)
    if kept is not None:
        return kept
    made = make()
    _save(folder, made)
    return made


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
            EmbedderRecord(**about["record"] | {"shape": ImageShape(*about["record"]["shape"])}),
            Parity(**parity),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return kept if kept.sha256 == about["sha256"] else None
