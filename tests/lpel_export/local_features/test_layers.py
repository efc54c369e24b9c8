"""The layers of an embedder that local features are computed from: by rule, or by name."""

import onnx
import pytest

from lpel_export.local_features.layer import Layer
from lpel_export.local_features.layers import choose_layers, cut_layers
from lpel_export.local_features.patches import PATCHES
from lpel_export.support.errors import ModelShapeError
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.image_shape import square
from support import convolutional, tiny

FINE = Layer("block1/out", *convolutional.FINE, "NCHW")
COARSE = Layer("block2/out", *convolutional.COARSE, "NCHW")


def test_cut_tensors_are_those_that_everything_goes_through():
    names = [layer.name for layer in cut_layers(convolutional.embedder())]
    assert names == [
        "c1", "r1", "a1", "block1/out", "c2", "r2", "a2", "block2/out", "pooled"
    ]  # fmt: skip


def test_the_rule_takes_the_last_of_the_grid_and_the_last_twice_as_fine():
    model = convolutional.embedder()
    assert choose_layers(model, 8) == (COARSE, FINE)
    assert choose_layers(model, 4) == (COARSE,)  # as fine as both are asked to be
    assert choose_layers(model, 9) == (FINE,)  # no layer is twice as fine


def test_axes_may_stand_in_either_order():
    found = choose_layers(convolutional.embedder("NHWC"), 8)
    assert found == (
        Layer("block2/last", *convolutional.COARSE, "NHWC"),
        Layer("block1/back", *convolutional.FINE, "NCHW"),
    )


def test_a_network_that_hides_its_layers_is_given_patches_of_its_images():
    model = convolutional.embedder()
    pixels = convolutional.SIZE
    assert choose_layers(model, 18) == (Layer(PATCHES, 3 * 3**2, 18, 18, "NCHW", square(pixels)),)
    hidden = tiny.embedder_model().SerializeToString()  # pixels alone are no layer
    image = square(tiny.IMAGE_SIZE)
    assert choose_layers(hidden, 4) == (Layer(PATCHES, 3 * 12**2, 4, 4, "NCHW", image),)
    hidden = convolutional.embedder(widest=True)
    assert [layer.name for layer in choose_layers(hidden, 8)] == [PATCHES]
    assert [layer.name for layer in choose_layers(model, 8, [PATCHES])] == [PATCHES]


def test_a_grid_finer_than_the_image_is_refused():
    with pytest.raises(ParameterError, match=r"no layer of 40 by 40.*along one side"):
        choose_layers(convolutional.embedder(), 40)


def test_layers_can_be_named():
    model = convolutional.embedder()
    assert choose_layers(model, 8, ["block2/out", "block1"]) == (COARSE, FINE)
    assert choose_layers(model, 8, ["b1"])[0].name == "b1"  # any layer, also within a block
    hidden = convolutional.embedder(widest=True)
    assert choose_layers(hidden, 8, ["block2/out"]) == (COARSE,)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["block3"], "'block3' names no layer of this network.*block2/out"),
        (["block"], "'block' names 2 layers"),
        (["pooled"], "expected different layers of 8 by 8 places or more.*pooled"),
        (["a1", "a1"], "expected different layers"),
        ([], "at least one; received none"),
    ],
)
def test_wrong_names_are_refused_with_those_that_fit(names, words):
    with pytest.raises(ParameterError, match=words):
        choose_layers(convolutional.embedder(), 8, names)


def test_what_is_no_embedder_is_refused():
    with pytest.raises(ModelShapeError, match="expected an embedder from 'image' to 'embedding'"):
        cut_layers(tiny.decoder_model().SerializeToString())
    with pytest.raises(ModelShapeError, match="not an ONNX model"):
        cut_layers(b"nothing")


def test_layers_of_unknown_sizes_are_passed_over():
    model = onnx.load_from_string(convolutional.embedder())
    for axis in (1, 2):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = f"any{axis}"
    with pytest.raises(ParameterError, match=r"no layer of 8 by 8.*unknown numbers of pixels"):
        choose_layers(model.SerializeToString(), 8)
