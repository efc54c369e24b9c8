"""The TensorFlow functions of `Differentiable`, traced once with fixed signatures."""

from collections.abc import Callable
from typing import Any

from lpel_export.conversion.keras_networks import as_vectors, embed, embedding_dimension
from lpel_export.conversion.standardisation import Standardisation, find_standardisation
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.extras import require
from lpel_serving.support.image_shape import ImageShape


def embedding_function(
    model: Any, standardisation: str | Standardisation, shape: ImageShape
) -> Callable[[Any], Any]:
    """Trace crops, uint8, shape (N, H, W, C), to unit embeddings, shape (N, D)."""
    tf = require("tensorflow", "train")

    def unit_embeddings(crops: Any) -> Any:
        standardised = find_standardisation(standardisation, shape.channels)(crops)
        return tf.math.l2_normalize(embed(model, standardised), axis=-1)

    signature = [tf.TensorSpec((None, *shape), tf.uint8)]
    return tf.function(unit_embeddings, input_signature=signature, autograph=False)


def gradient_function(
    model: Any, standardisation: str | Standardisation, shape: ImageShape
) -> Callable[[Any, Any], Any]:
    """Trace a crop and vectors u, shape (N, D), to ``d(u . e) / dx``, shape (N, H, W, C)."""
    tf = require("tensorflow", "train")

    def gradient(crop: Any, upstream: Any) -> Any:
        # One image under each vector: a batch costs less than as many calls.
        images = tf.repeat(crop[tf.newaxis], tf.shape(upstream)[0], axis=0)
        pixels = tf.cast(images, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(pixels)
            standardised = find_standardisation(standardisation, shape.channels)(pixels)
            embeddings = tf.math.l2_normalize(embed(model, standardised), axis=-1)
        return tape.gradient(embeddings, pixels, output_gradients=upstream)

    signature = [
        tf.TensorSpec(tuple(shape), tf.uint8),
        tf.TensorSpec((None, embedding_dimension(model, shape)), tf.float32),
    ]
    return tf.function(gradient, input_signature=signature, autograph=False)


def layer_function(
    model: Any, standardisation: str | Standardisation, shape: ImageShape, layer: str
) -> Callable[[Any, Any], Any]:
    """Trace a crop and one vector u, shape (D,), to a layer's output and ``d(u . e)`` by it.

    Raises
    ------
    ParameterError
        If the model has no such layer, or uses it more than once; the traced function raises it
        if the embedding does not depend on the layer.
    """
    tf, keras = require("tensorflow", "train"), require("keras", "train")
    both = keras.Model(model.inputs, [_output(model, layer), model.outputs[0]])

    def gradient(crop: Any, upstream: Any) -> Any:
        standardised = find_standardisation(standardisation, shape.channels)(crop[tf.newaxis])
        with tf.GradientTape() as tape:
            tape.watch(standardised)
            activation, vector = both(standardised, training=False)
            embedding = tf.math.l2_normalize(as_vectors(vector), axis=-1)
        found = tape.gradient(embedding, activation, output_gradients=upstream[tf.newaxis])
        if found is None:
            raise ParameterError(
                f"the embedding does not depend on the layer {layer!r}: choose a later one."
            )
        return activation, found

    signature = [
        tf.TensorSpec(tuple(shape), tf.uint8),
        tf.TensorSpec((embedding_dimension(model, shape),), tf.float32),
    ]
    return tf.function(gradient, input_signature=signature, autograph=False)


def _output(model: Any, layer: str) -> Any:
    outputs = {one.name: getattr(one, "output", None) for one in model.layers}
    if outputs.get(layer) is None:
        raise ParameterError(
            f"expected a layer that the model has, and uses once; received {layer!r}; the last of "
            f"its {len(outputs)} are: {', '.join(list(outputs)[-5:])}."
        )
    return outputs[layer]
