"""Refuses plans of a bundle that cannot be carried out, before any work."""

from typing import get_args

from lpel_export.local_features.layers import choose_layers
from lpel_export.support.image_shape import ImageSize
from lpel_serving.support.errors import ParameterError
from lpel_tf.bundles.comparing import CompareBy
from lpel_tf.bundles.response_bundling import ResponsePlan
from lpel_tf.bundles.stages import DecoderBy
from lpel_tf.bundles.surrogate_bundling import SurrogatePlan
from lpel_tf.decoders.response_table import check_grid
from lpel_tf.networks.exported import ExportedEmbedder


def check_decoder(
    decoder: DecoderBy | None, responses: ResponsePlan | None, image_size: ImageSize | None
) -> None:
    """Raise `ParameterError` where a decoder is made in no known way, or is missing."""
    if decoder not in (None, *get_args(DecoderBy)):
        raise ParameterError(
            f"a decoder is {' or '.join(map(repr, get_args(DecoderBy)))}, or None for none; "
            f"received {decoder!r}."
        )
    if decoder is None and responses is None:
        raise ParameterError(
            "without a decoder something else has to explain: ask for responses too, or keep the "
            "decoder."
        )
    if decoder is None and image_size is not None:
        raise ParameterError(
            f"an image_size is that of the decoder's images, and there is to be no decoder; "
            f"received {image_size}: leave it out."
        )


def check_head(comparison: CompareBy, dimension: int) -> None:
    """Raise `ParameterError` if a Keras head takes something else than the network's embeddings."""
    taken = [tuple(one.shape[1:]) for one in getattr(comparison, "inputs", None) or ()]
    if len(taken) == 2 and taken != [(dimension,)] * 2:
        raise ParameterError(
            f"the head takes inputs of shape {taken[0]} and {taken[1]}, and the network gives "
            f"embeddings of {dimension} features: give the head that was trained with this "
            "network, a model of two embeddings; on the command line --embedder names the network, "
            "and without it a FaceNet is explained."
        )


def check_plans(
    embedder: ExportedEmbedder, responses: ResponsePlan | None, surrogate: SurrogatePlan | None
) -> None:
    """Raise before anything is embedded where a network has no such superpixels or layers."""
    if responses is not None:
        check_grid(responses.table, embedder.record.shape)
    if surrogate is not None:
        choose_layers(embedder.model, surrogate.table.side, surrogate.layers or None)
