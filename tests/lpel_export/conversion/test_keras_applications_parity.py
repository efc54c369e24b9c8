"""All of `keras.applications` goes in, each with its own preprocessing.

A few here; every member with
`scripts/test --family tests/lpel_export/conversion/test_keras_applications_parity.py`,
in half an hour on two quiet cores.
"""

import gc
import inspect
import os

import keras
import numpy as np
import pytest

from lpel_export.support.errors import ParityError
from lpel_serving.engine.embedder import Embedder
from lpel_serving.equations.similarity import unit
from lpel_serving.images.crops import CentreCrop
from lpel_tf import from_keras

pytestmark = pytest.mark.parity

QUICK = {
    "ConvNeXtTiny",
    "DenseNet121",
    "EfficientNetV2B0",
    "MobileNetV2",
    "MobileNetV3Small",
    "ResNet50",
    "VGG16",
}
"""Each preprocessing and each kind of block, but NASNet's and the Inceptions', whose many layers
take long to trace."""

REFUSED = {"EfficientNetV2L": "The original differs from itself by"}
"""Untrained, it turns 1e-6 of the pixels into 0.1 of the embedding, in Keras alone."""

BYTES_A_WEIGHT = 100
"""What converting takes, measured; TensorFlow copies all weights again and again."""

MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

SIDES = (32, 71, 75, 224)
"""The smallest that all members take; not all take the first."""


def members():
    """Every network that this version of Keras has, found by looking."""
    public = inspect.getmembers(keras.applications, inspect.isfunction)
    names = [name for name, build in public if "include_top" in inspect.signature(build).parameters]
    marks = {name: [] if name in QUICK else [pytest.mark.family] for name in names}
    return [pytest.param(name, marks=marks[name]) for name in names]


def preprocessing(name):
    module = getattr(keras.applications, name).__module__.rpartition(".")[2]
    return getattr(keras.applications, module).preprocess_input


def smallest(name):
    """The network with random weights, at the smallest side that it takes."""
    build = getattr(keras.applications, name)
    for side in SIDES:
        keras.utils.set_random_seed(0)
        try:
            options = {"include_top": False, "weights": None, "pooling": "avg"}
            return build(input_shape=(side, side, 3), **options), side
        except ValueError as error:
            refused = error
    raise refused


def faces_of(side):
    """Noise, darker and lighter, so that even untrained networks see a difference."""
    rng = np.random.default_rng(0)
    lights = np.array([40, 120, 255]).reshape(3, 1, 1, 1)
    return (rng.random((3, side, side, 3)) * lights).astype(np.uint8)


@pytest.fixture(autouse=True)
def _alone():
    """Forget each network before the next: they are large."""
    yield
    keras.backend.clear_session()
    gc.collect()


def test_the_quick_ones_exist_and_the_family_is_found():
    names = {member.values[0] for member in members()}
    assert names > QUICK
    assert len(names) >= 40  # Keras 3.15 has 40; later versions may have more


@pytest.mark.parametrize("name", members())
def test_a_network_of_the_family_goes_in_with_its_own_preprocessing(name):
    model, side = smallest(name)
    if BYTES_A_WEIGHT * model.count_params() > MEMORY:
        pytest.skip(f"{model.count_params():,} weights need more memory than there is")
    faces = faces_of(side)
    preprocess = preprocessing(name)
    if name in REFUSED:
        with pytest.raises(ParityError, match=REFUSED[name]):
            from_keras(model, name=name, image_size=side, standardisation=preprocess, faces=faces)
        return
    exported = from_keras(
        model, name=name, image_size=side, standardisation=preprocess, faces=faces
    )
    report = exported.parity
    print(f"{name}, {side}: {report.max_difference / report.scale:.1e} of norm {report.scale:.2g}")
    assert 0 < report.max_difference <= 1e-5 * report.scale
    # Keras' own preprocessing in numpy, and its own network: neither is ours.
    expected = model(preprocess(faces.astype(np.float32)), training=False).numpy()
    given = Embedder(exported.model, exported.record, CentreCrop()).embed(faces)
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5 * report.scale)
    directions = unit(expected)
    apart = np.abs(directions[0] - directions[2]).max()
    assert apart > 1e-3, "a network that sees no difference would prove nothing"
