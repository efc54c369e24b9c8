"""The surrogate as a bundle's graph has it: any number of coalitions, one fill at a time."""

from collections.abc import Callable
from typing import Any

from lpel_serving.support.extras import require
from lpel_tf.surrogates.network import Sizes


def masked_embeddings(model: Any, sizes: Sizes) -> Callable[..., Any]:
    """Turn a trained network into the function of a bundle's surrogate, with the same weights.

    Parameters
    ----------
    model
        See `lpel_tf.surrogates.network.build_network`.
    sizes
        Of its layers.

    Returns
    -------
    Callable
        Of TensorFlow's tensors: `embedding`, (N, D), `local_features`, (N, K, C), those of a
        donor, `coalition`, (N or 1, M, K), and `fill`, (), to `masked_embedding`, (N, M, D), as
        `lpel_serving.bundle.manifest.SurrogateRecord` has them.
    """
    tf = require("tensorflow", "train")
    layer = model.get_layer
    kinds = [layer("hidden"), layer("transplanted")]
    kernels = tf.transpose(tf.concat([kind.kernel for kind in kinds], axis=1), (1, 0, 2))
    biases = tf.concat([kind.bias for kind in kinds], axis=0)

    def times(name: str, values: Any) -> Any:  # Keras' own layers would reshape, again and again
        product = tf.matmul(values, layer(name).kernel)
        return product if layer(name).bias is None else product + layer(name).bias

    def tokens(features: Any, h: Any) -> Any:
        together = times("local", features) + times("whole", h)[:, tf.newaxis]
        normalise = layer("normalise")
        apart = together - tf.reduce_mean(together, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(apart), axis=-1, keepdims=True)
        scaled = apart / tf.sqrt(variance + normalise.epsilon)
        return tf.nn.gelu(scaled * normalise.gamma + normalise.beta)

    def lost(state: Any) -> Any:
        active = tf.nn.gelu(state)
        return times("deep", tf.nn.gelu(times("dense", active))) + times("shallow", active)

    def masked(
        h: Any, features: Any, donor_h: Any, donor_features: Any, coalition: Any, fill: Any
    ) -> Any:
        own = tokens(features, h)
        transplant = tf.equal(fill, sizes.fills - 1)
        source = tf.where(transplant, tokens(donor_features, donor_h), own)
        changes = tf.matmul(source, tf.gather(kernels, fill)) + tf.gather(biases, fill)
        changes -= times("visible", own)
        none = times("none", tf.reduce_mean(own, axis=1))[:, tf.newaxis]
        state = none + sizes.superpixels**-0.5 * tf.matmul(coalition, changes)
        loss = lost(state) - lost(none)
        h = h[:, tf.newaxis]
        return h - loss[..., :-1] - loss[..., -1:] * h

    return masked
