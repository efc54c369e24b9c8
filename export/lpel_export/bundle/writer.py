"""Assembles a bundle and its manifest from exported networks; `lpel_serving` puts it on disk."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lpel_export.bundle.retelling import retold
from lpel_export.conversion.parity import Parity
from lpel_export.local_features.second_output import has_local_features
from lpel_export.support.errors import ModelShapeError
from lpel_serving.bundle.comparison_record import BY_COSINE, COMPARISON_FILE, ComparisonRecord
from lpel_serving.bundle.confidence_record import ConfidenceRecord
from lpel_serving.bundle.folder import put_bundle
from lpel_serving.bundle.loading import Bundle
from lpel_serving.bundle.manifest import (
    DECODER_FILE,
    EMBEDDER_FILE,
    EXPLAINER_FILE,
    PLAUSIBILITY_FILE,
    RESPONSE_FILE,
    DecoderRecord,
    EmbedderRecord,
    FileRecord,
    Manifest,
    ResponseRecord,
    SurrogateRecord,
    ThresholdRecord,
)
from lpel_serving.bundle.plausibility_record import FittedPlausibility, to_bytes
from lpel_serving.bundle.surrogate_graphs import SurrogateGraphs
from lpel_serving.bundle.usual_record import UsualRecord
from lpel_serving.images.subject import FACES, Subject


@dataclass(frozen=True)
class DecoderModel:
    """A decoder: its serialised ONNX model, and what the manifest says of it."""

    model: bytes
    record: DecoderRecord


@dataclass(frozen=True)
class ResponseModel:
    """A response decoder: its serialised ONNX model, and what the manifest says of it."""

    model: bytes
    record: ResponseRecord


@dataclass(frozen=True)
class SurrogateModel:
    """A surrogate: its two graphs, and what the manifest says of them."""

    graphs: SurrogateGraphs
    record: SurrogateRecord


def write_bundle(
    folder: Path,
    *,
    embedder: bytes,
    decoder: DecoderModel | None,
    embedder_record: EmbedderRecord,
    crop: str,
    threshold: ThresholdRecord,
    parity: Mapping[str, Parity],
    responses: ResponseModel | None = None,
    surrogate: SurrogateModel | None = None,
    licence: str | None = None,
    confidence: ConfidenceRecord | None = None,
    plausibility: FittedPlausibility | None = None,
    usual: UsualRecord | None = None,
    comparison: ComparisonRecord = BY_COSINE,
    head: bytes | None = None,
    subject: Subject = FACES,
) -> Manifest:
    """Write the models and their manifest into a new folder, verify it, and put it in place.

    Parameters
    ----------
    folder
        Where the bundle goes. A bundle that stands there is replaced; any other folder is left
        alone.
    embedder
        A serialised ONNX model.
    decoder
        A decoder; None only where there is a response decoder.
    embedder_record, crop, threshold
        See `lpel_serving.bundle.manifest.Manifest`.
    parity
        The reports, by model.
    responses
        A response decoder, if the bundle is to have one.
    surrogate
        A surrogate, if the bundle is to have one; the embedder has to give its local features.
    licence
        That of the weights, if it is known.
    confidence
        How likely a similarity means one person, if that was fitted.
    plausibility
        Whether an image is of the kind that the bundle knows, if that was fitted.
    usual
        What is usual of its maps, if that was measured.
    comparison, head
        How the network compares, and its learned head if it is one: a serialised ONNX model.
    subject
        What it compares: the records of its making are put into these words.

    Raises
    ------
    OutputError
        If the folder holds something else than a bundle, or cannot be written.
    ModelShapeError
        If there is a surrogate, and the embedder gives no local features.
    """
    contents = {EMBEDDER_FILE: embedder}
    if decoder is not None:
        contents[DECODER_FILE] = decoder.model
    if responses is not None:
        contents[RESPONSE_FILE] = responses.model
    if surrogate is not None:
        _check_local_features(embedder)
        contents |= surrogate.graphs.files
    if plausibility is not None:
        contents[PLAUSIBILITY_FILE] = to_bytes(plausibility.check)
    if head is not None:
        contents[COMPARISON_FILE] = head
    manifest = Manifest(
        files=_records(contents),
        embedder=embedder_record,
        decoder=None if decoder is None else decoder.record,
        crop=crop,
        threshold=threshold,
        parity={name: report.to_json() for name, report in parity.items()},
        created_by=f"lpel-tf {version('lpel-tf')}",
        responses=None if responses is None else responses.record,
        surrogate=None if surrogate is None else surrogate.record,
        licence=licence,
        confidence=confidence,
        plausibility=None if plausibility is None else plausibility.record,
        usual=usual,
        comparison=comparison,
        subject=subject,
    )
    manifest = retold(manifest)
    put_bundle(folder, manifest, contents)
    return manifest


def with_embedder(
    bundle: Bundle,
    embedder: bytes,
    record: EmbedderRecord,
    parity: Mapping[str, Any],
    *,
    keep_plausibility: bool = True,
) -> Bundle:
    """Put another embedder of the same embeddings into a bundle: the same one in other numbers.

    Like the threshold, the confidence stays: what was fitted to similarities holds for those that
    hardly differ. It says from then on which embedder it was fitted with. What is usual of the maps
    stays too.

    Parameters
    ----------
    bundle
        The bundle, which stays as it is.
    embedder
        A serialised ONNX model.
    record
        What the manifest says of it.
    parity
        How far it is from the one that it replaces.
    keep_plausibility
        Whether the check of plausibility holds for the new embeddings.
    """
    files = {**bundle.manifest.files, **_records({EMBEDDER_FILE: embedder})}
    files.pop(EXPLAINER_FILE, None)  # it was made of the other one
    manifest = replace(
        bundle.manifest,
        files=files,
        embedder=record,
        parity={**bundle.manifest.parity, "embedder": dict(parity)},
        confidence=_of_former(bundle.manifest),
    )
    changed = replace(bundle, manifest=manifest, embedder=embedder)
    return changed if keep_plausibility else _without_plausibility(changed)


def write_with_explainer(folder: Path, bundle: Bundle, explainer: bytes) -> Manifest:
    """Write a bundle with its one-file explainer, whole or not at all: see `write_bundle`.

    Raises
    ------
    OutputError
        If the folder holds something else than a bundle, or cannot be written.
    """
    contents = {EMBEDDER_FILE: bundle.embedder}
    if bundle.decoder is not None:
        contents[DECODER_FILE] = bundle.decoder
    if bundle.responses is not None:
        contents[RESPONSE_FILE] = bundle.responses
    if bundle.surrogate is not None:
        contents |= bundle.surrogate.files
    if bundle.plausibility is not None:
        contents[PLAUSIBILITY_FILE] = bundle.plausibility
    if bundle.comparison is not None:
        contents[COMPARISON_FILE] = bundle.comparison
    contents[EXPLAINER_FILE] = explainer
    manifest = replace(bundle.manifest, files=_records(contents))
    put_bundle(folder, manifest, contents)
    return manifest


def _check_local_features(embedder: bytes) -> None:
    if not has_local_features(embedder):
        raise ModelShapeError(
            "a bundle with a surrogate needs an embedder with the output local_features, which "
            "this one lacks: see lpel_export.local_features."
        )


def _without_plausibility(bundle: Bundle) -> Bundle:
    files = {n: file for n, file in bundle.manifest.files.items() if n != PLAUSIBILITY_FILE}
    manifest = replace(bundle.manifest, files=files, plausibility=None)
    return replace(bundle, manifest=manifest, plausibility=None)


def _of_former(manifest: Manifest) -> ConfidenceRecord | None:
    """The confidence, for a bundle whose embedder is replaced."""
    record = manifest.confidence
    if record is None:
        return None
    how = f"{record.fitted['how']}; by the similarities of {manifest.embedder.name}"
    return replace(record, fitted={**record.fitted, "how": how})


def _records(contents: Mapping[str, bytes]) -> dict[str, FileRecord]:
    return {
        name: FileRecord(hashlib.sha256(data).hexdigest(), len(data))
        for name, data in contents.items()
    }
