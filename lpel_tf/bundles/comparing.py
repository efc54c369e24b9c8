"""Makes a bundle's comparison: by cosine, by Euclidean distance, or by a learned head."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lpel_export.comparison.head import ExportedHead, export_head
from lpel_serving.bundle.comparison_record import BY_COSINE, ComparisonRecord
from lpel_serving.engine.comparing import open_head
from lpel_serving.equations.comparison import (
    COSINE,
    Comparison,
    ComparisonKind,
    Euclidean,
    spread_of,
)
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import ParameterError
from lpel_tf.networks.network_file import KERAS_SUFFIXES, ONNX_SUFFIX, load_keras
from lpel_tf.support.errors import TrainingDataError

CompareBy = Any
"""What a network compares by: ``cosine``, ``euclidean``, or a learned head, as a Keras model of two
inputs, as ONNX in bytes, or as the path of a file of either."""

_HEAD_EXAMPLES = 64
_NAMES = ("cosine", "euclidean")
_SUFFIXES = (ONNX_SUFFIX, *KERAS_SUFFIXES)
_TINY_SPREAD = 1e-30
"""Beside which no distance above 0 is too small."""


@dataclass(frozen=True, eq=False)
class Compared:
    """How a network compares, for its trainings and its bundle.

    Attributes
    ----------
    record
        For the manifest.
    comparison
        The same, to be run.
    head
        The learned head, if it is one.
    """

    record: ComparisonRecord = BY_COSINE
    comparison: Comparison = COSINE
    head: ExportedHead | None = None

    @property
    def key(self) -> str:
        """What stores of scaled embeddings are named by besides; nothing for a cosine."""
        if self.record == BY_COSINE:
            return ""
        # Scaled embeddings depend on the spread alone, whatever compares them.
        return "-" + hashlib.sha256(repr(self.record.needed_spread).encode()).hexdigest()[:8]

    @property
    def sha256(self) -> str:
        """Hash of all that makes the comparison, in hexadecimal; nothing for a cosine."""
        if self.record == BY_COSINE:
            return ""
        head = b"" if self.head is None else self.head.model
        return hashlib.sha256(repr(self.record).encode() + head).hexdigest()


BY_THEIR_COSINE = Compared()


def check_wanted(wanted: CompareBy, threshold: float | None) -> None:
    """Raise `ParameterError` where a comparison or its threshold is none, before any work.

    What a head computes, and whether a distance is too small, is known only later.
    """
    path = _file_of(wanted)
    if path is not None and path.suffix.lower() not in _SUFFIXES:
        raise ParameterError(
            "embeddings are compared by cosine, euclidean, or a learned head (a Keras model, or a "
            f"file of one, {', '.join(_SUFFIXES)}); received {str(path)!r}."
        )
    if path is not None and not path.is_file():
        raise ParameterError(f"there is no file {path} of a learned head.")
    if threshold is not None:
        ComparisonRecord(kind_of(wanted), _TINY_SPREAD).similarity_of(threshold)


def opened(wanted: CompareBy) -> CompareBy:
    """Load a head from its Keras file; leave anything else as it is.

    Raises
    ------
    ModelShapeError
        If Keras cannot load it in its safe mode, in which nothing of the file is executed.
    """
    path = _file_of(wanted)
    if path is None or path.suffix.lower() == ONNX_SUFFIX:
        return wanted
    return load_keras(path)


def _file_of(wanted: CompareBy) -> Path | None:
    """The path of a head's file, where it is given by one."""
    given: Any = wanted
    if isinstance(given, Path) or (isinstance(given, str) and given not in _NAMES):
        return Path(given)
    return None


def kind_of(wanted: CompareBy) -> ComparisonKind:
    """Name the kind of a comparison: whatever has no name is a head."""
    if isinstance(wanted, str) and wanted == "cosine":
        return "cosine"
    return "euclidean" if isinstance(wanted, str) and wanted == "euclidean" else "head"


def compare_by(wanted: CompareBy, embeddings: Floats) -> Compared:
    """Make a comparison, its spread measured on embeddings.

    Parameters
    ----------
    wanted
        ``cosine``, ``euclidean``, or a learned head.
    embeddings
        Of the photographs trained on, as the embedder gives them, float32, shape (N, D).

    Raises
    ------
    ParameterError
        If there is no such comparison.
    TrainingDataError
        If all embeddings are one.
    ModelShapeError, ConversionError, ParityError
        If the head cannot be exported: see `lpel_export.comparison.head`.
    """
    check_wanted(wanted, None)
    kind = kind_of(wanted)
    if kind == "cosine":
        return BY_THEIR_COSINE
    try:
        spread = spread_of(embeddings)
    except ParameterError as error:
        raise TrainingDataError(
            f"the network gives the same embedding for every photograph: {error}"
        ) from error
    if kind == "euclidean":
        return Compared(ComparisonRecord(kind, spread), Euclidean(spread))
    exported = export_head(opened(wanted), embeddings[:_HEAD_EXAMPLES], spread)
    comparison = open_head(exported.model, embeddings.shape[1], spread)
    return Compared(ComparisonRecord(kind, spread), comparison, exported)
