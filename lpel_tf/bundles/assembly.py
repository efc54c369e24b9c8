"""Puts trained networks together: exports them, checks their parity, writes the bundle."""

from pathlib import Path

import numpy as np

from lpel_export.bundle.writer import DecoderModel, write_bundle
from lpel_export.conversion.keras_to_onnx import export_decoder
from lpel_export.conversion.parity import Parity, check_parity
from lpel_serving.bundle.confidence_record import ConfidenceRecord
from lpel_serving.bundle.manifest import (
    EMBEDDING,
    RECONSTRUCTION,
    DecoderRecord,
    Manifest,
    ThresholdRecord,
)
from lpel_serving.bundle.plausibility_record import FittedPlausibility
from lpel_serving.bundle.usual_record import UsualRecord
from lpel_serving.images.subject import FACES, Subject
from lpel_serving.support.arrays import Floats
from lpel_tf.bundles.comparing import BY_THEIR_COSINE, Compared
from lpel_tf.bundles.decoder_training import FinishedDecoder
from lpel_tf.bundles.response_bundling import FinishedResponses, export_responses
from lpel_tf.bundles.surrogate_export import ExportedSurrogate
from lpel_tf.decoders.decoder import to_keras
from lpel_tf.networks.exported import ExportedEmbedder


def assemble(
    embedder: ExportedEmbedder,
    decoder: FinishedDecoder | None,
    out: Path,
    *,
    crop: str,
    threshold: ThresholdRecord,
    examples: Floats,
    responses: FinishedResponses | None = None,
    surrogate: ExportedSurrogate | None = None,
    confidence: ConfidenceRecord | None = None,
    plausibility: FittedPlausibility | None = None,
    usual: UsualRecord | None = None,
    compared: Compared = BY_THEIR_COSINE,
    subject: Subject = FACES,
) -> Manifest:
    """Export decoders, check their parity on real embeddings, and write the bundle."""
    parity: dict[str, Parity] = {"embedder": embedder.parity}
    decoder_model = response_model = None
    if decoder is not None:
        decoder_model, parity["decoder"] = _exported(decoder, embedder.record.name, examples)
    if responses is not None:
        response_model, parity["responses"] = export_responses(
            responses, embedder.record.name, examples
        )
    if surrogate is not None:
        parity |= {"surrogate": surrogate.parity, "local_features": surrogate.local_parity}
    if compared.head is not None:
        parity["head"] = compared.head.parity
    return write_bundle(
        out,
        embedder=embedder.model if surrogate is None else surrogate.embedder,
        decoder=decoder_model,
        embedder_record=embedder.record,
        crop=crop,
        threshold=threshold,
        parity=parity,
        responses=response_model,
        surrogate=None if surrogate is None else surrogate.surrogate,
        licence=embedder.licence,
        confidence=confidence,
        plausibility=plausibility,
        usual=usual,
        comparison=compared.record,
        head=None if compared.head is None else compared.head.model,
        subject=subject,
    )


def _exported(
    decoder: FinishedDecoder, embedder: str, examples: Floats
) -> tuple[DecoderModel, Parity]:
    """Export a decoder and check its parity on real embeddings, shape (N, D)."""
    exported = export_decoder(to_keras(decoder.decoder), {"lpel": "decoder", "embedder": embedder})
    parity = check_parity(
        exported,
        np.resize(examples, (max(2, len(examples)), examples.shape[1])),
        input_name=EMBEDDING,
        output_name=RECONSTRUCTION,
        inputs=f"embeddings of {len(examples)} faces",
    )
    return DecoderModel(
        exported.model, DecoderRecord(decoder.decoder.shape, decoder.training)
    ), parity
