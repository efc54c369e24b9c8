"""Decoders and surrogates that come with the package, trained by it; see `MODEL_CARD.md` here."""

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from lpel_export.local_features.layers import choose_layers
from lpel_export.local_features.second_output import Reduction
from lpel_serving.bundle.confidence_record import ConfidenceRecord
from lpel_serving.bundle.manifest import ThresholdRecord
from lpel_serving.bundle.plausibility_record import FittedPlausibility
from lpel_serving.bundle.usual_record import UsualRecord
from lpel_serving.support.image_shape import square
from lpel_serving.verification.plausibility import Plausibility
from lpel_tf.bundles.response_bundling import FinishedResponses
from lpel_tf.bundles.surrogate_bundling import FinishedSurrogate
from lpel_tf.decoders.decoder import IMAGE_SIZE
from lpel_tf.decoders.least_squares import LinearDecoder
from lpel_tf.decoders.response_decoder import ResponseDecoder
from lpel_tf.support.errors import UnknownNetworkError
from lpel_tf.surrogates.network import Sizes, SurrogateNetwork


@dataclass(frozen=True)
class Pretrained:
    """A decoder with the facts of its training.

    Attributes
    ----------
    decoder
        The weights.
    crop
        The crop that it was trained on.
    threshold
        Chosen on LFW's development pairs.
    confidence
        Fitted on them.
    training
        Data, split, recipe, losses; it goes into the manifest.
    responses
        The response decoder of the same training.
    plausibility
        Fitted on the same photographs, its limit on people held out.
    usual
        The usual shares of the maps, measured on people held out.
    """

    decoder: LinearDecoder
    crop: str
    threshold: ThresholdRecord
    confidence: ConfidenceRecord
    training: dict[str, Any]
    responses: FinishedResponses
    plausibility: FittedPlausibility
    usual: UsualRecord


def load_pretrained(key: str) -> Pretrained:
    """Load the shipped decoder for a FaceNet.

    Raises
    ------
    UnknownNetworkError
        If none is shipped for that key.
    """
    folder = files(__name__)
    about, weights = folder / f"{key}.json", folder / f"{key}.npz"
    if not about.is_file():
        raise UnknownNetworkError(
            f"no decoder is shipped for FaceNet {key}: train one with `lpel train --network {key}`."
        )
    facts = json.loads(about.read_text(encoding="utf-8"))
    with weights.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        decoder = LinearDecoder(arrays["kernel"], arrays["bias"], square(IMAGE_SIZE))
        # float16 keeps the package small: three digits of a response are more than it is worth.
        responses = ResponseDecoder.of_full_rank(
            arrays["response_kernel"].astype(np.float32), arrays["response_bias"].astype(np.float32)
        )
        known = facts["plausibility"]
        check = Plausibility(arrays["known_mean"], arrays["known_whitening"], known["limit"])
    return Pretrained(
        decoder,
        facts["crop"],
        ThresholdRecord(**facts["threshold"]),
        ConfidenceRecord(**facts["confidence"]),
        facts["training"] | {"command": facts["command"]},
        FinishedResponses(responses, facts["responses"] | {"command": facts["command"]}),
        FittedPlausibility(check, known["fitted"]),
        UsualRecord(**facts["usual"]),
    )


def load_pretrained_surrogate(key: str, embedder: bytes) -> FinishedSurrogate | None:
    """Load the shipped surrogate for a FaceNet; None if none is shipped.

    Parameters
    ----------
    key
        The FaceNet's.
    embedder
        Its ONNX model, as this installation exported it: the layers that the local features come
        from are chosen by the same rule as in the training, whatever they are called in it.

    Raises
    ------
    UnknownNetworkError
        If the rule chooses layers of other sizes than in the training.
    """
    folder = files(__name__)
    about, weights = folder / f"{key}-surrogate.json", folder / f"{key}-surrogate.npz"
    if not (about.is_file() and weights.is_file()):
        return None
    facts = json.loads(about.read_text(encoding="utf-8"))
    sizes = Sizes(**facts["sizes"])
    layers = choose_layers(embedder, sizes.side)
    chosen = [[layer.channels, layer.height] for layer in layers]
    if chosen != facts["layer_sizes"]:
        raise UnknownNetworkError(
            f"the surrogate shipped for FaceNet {key} was trained on layers of (channels, side) "
            f"{facts['layer_sizes']}, and of this embedder the rule chooses {chosen}: train one "
            "for it with `lpel train --method surrogate`."
        )
    with weights.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    reduction = Reduction(found.pop("reduction_matrix"), found.pop("reduction_bias"))
    return FinishedSurrogate(
        SurrogateNetwork(sizes, {name.replace(".", "/"): one for name, one in found.items()}),
        reduction,
        layers,
        tuple(facts["fills"]),
        facts["training"] | {"command": facts["command"]},
    )
