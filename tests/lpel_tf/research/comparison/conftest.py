"""A comparison so small that it takes seconds: the tiny networks, made-up people."""

from dataclasses import replace

import numpy as np
import pytest

from lpel_serving.engine.explainer import Explainer
from lpel_serving.support.progress import silent
from lpel_tf.research.comparison.setting import Setting
from lpel_tf.research.gradients.differentiable import Differentiable
from lpel_tf.research.harness.pairs import pairs_of_one_test
from lpel_tf.research.harness.people import embed_people
from support import reproduction, tiny, tiny_surrogate


def keras_network() -> Differentiable:
    """A convolution and a dense layer, of the tiny embedder's sizes."""
    import keras

    image = keras.Input((tiny.IMAGE_SIZE, tiny.IMAGE_SIZE, 3))
    features = keras.layers.Conv2D(4, 3, activation="relu", name="features")(image)
    dense = keras.layers.Dense(tiny.DIMENSION, use_bias=False)
    model = keras.Model(image, dense(keras.layers.Flatten()(features)))
    rng = np.random.default_rng(9)
    model.set_weights([rng.normal(size=one.shape) for one in model.get_weights()])
    return Differentiable(model, "unit")


@pytest.fixture(scope="package")
def setting(tmp_path_factory) -> Setting:
    folder = tmp_path_factory.mktemp("comparison")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "SIDE", 8)  # superpixels, as in the shipped bundle
        patch.setattr(tiny_surrogate, "K", 64)
        patch.setattr(tiny_surrogate, "_BLOCK", tiny.IMAGE_SIZE // 8)
        record = replace(tiny_surrogate.RECORD, side=8)
        explainer = Explainer.load(
            tiny_surrogate.write_bundle(folder / "bundle", surrogate_record=record)
        )
        model = tiny_surrogate.embedder_model().SerializeToString()
        surrogate = tiny_surrogate.graphs()
    exported = reproduction.embedder()
    faces = reproduction.list_faces(reproduction.write_faces(folder / "faces"))
    people = embed_people(
        explainer.embedder, exported, faces, "none", seed=0, cache=folder, progress=silent
    )
    rng = np.random.default_rng(0)
    drawn = pairs_of_one_test(people, 2, threshold=tiny.THRESHOLD, rng=rng)
    return Setting(explainer, exported, keras_network(), drawn, model, surrogate=surrogate)
