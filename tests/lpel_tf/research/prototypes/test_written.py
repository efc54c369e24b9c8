"""What `lpel emsnn` says of its autoencoder."""

import numpy as np
import pytest

from lpel_serving.support.image_shape import ImageShape
from lpel_tf.decoders.least_squares import LinearDecoder
from lpel_tf.research.emsnn.autoencoder import (
    Autoencoder,
    AutoencoderLoss,
    AutoencoderRecipe,
    LinearEncoder,
)
from lpel_tf.research.harness.decoders import TrainedDecoder
from lpel_tf.research.prototypes.classes import Classes
from lpel_tf.research.prototypes.nearest import shortened
from lpel_tf.research.prototypes.written import (
    compared_in_words,
    reconstruction_in_json,
    reconstruction_in_words,
)


def classes(from_embedding: float = 0.06, without_face: int = 0, small: int = 0) -> Classes:
    kernel, bias = np.zeros((3, 12), np.float32), np.zeros(12, np.float32)
    weights = LinearDecoder(kernel, bias, ImageShape(2, 2, 3))
    encoder = LinearEncoder(kernel.T, np.zeros(3, np.float32))
    return Classes(
        ("a", "b"),
        np.eye(2, 3, dtype=np.float32),
        12,
        without_face,
        small,
        Autoencoder(encoder, weights, AutoencoderRecipe(mu=2.5), ()),
        TrainedDecoder(weights, weights, None),
        AutoencoderLoss(0.04, from_embedding, 0.01, 0.03, 0.02),
        0.05,
    )


@pytest.mark.parametrize(("from_embedding", "distrusted"), [(0.06, False), (0.08, True)])
def test_it_says_how_well_decoders_reconstruct_and_where_features_are_others(
    from_embedding, distrusted
):
    said = reconstruction_in_words(classes(from_embedding))
    assert "0.0400 from its own features" in said
    assert f"{from_embedding:.4f} from the network's" in said
    assert "decoder of 0.0500" in said
    assert ("do not trust EMSNN's maps here" in said) == distrusted


def test_the_same_in_json():
    assert reconstruction_in_json(classes(0.06)) == {
        "mu": 2.5,
        "error": 0.04,
        "error_from_embedding": 0.06,
        "decoder_error": 0.05,
    }


def test_what_was_left_out_is_said():
    assert compared_in_words(classes()) == "Each was compared with 2 classes of 12 images."
    said = compared_in_words(classes(without_face=3, small=4))
    assert "4 classes of fewer than 6 images were left out" in said
    assert "In 3 images no face was found" in said


def test_long_names_are_cut_off():
    assert shortened("Bush") == "Bush"
    assert shortened("Arnold_Schwarzenegger") == "Arnold_Schwarzene…"
