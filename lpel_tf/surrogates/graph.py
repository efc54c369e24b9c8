"""The surrogate as a bundle's graph has it: any number of coalitions, one fill at a time."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.extras import require
from lpel_tf.support.errors import TrainingDataError
from lpel_tf.surrogates.network import Sizes, SurrogateNetwork, neighbours

_OWN, _DONORS, _BOTH, _PAIRS = "hidden", "transplanted", "changed", "adjacent"
"""Layers of the network that become one in the graph, with a kernel and a bias for each fill."""


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
    stacked = _stacked({variable.path: np.asarray(variable) for variable in model.weights})
    one, other = neighbours(sizes.side)

    def of_fill(name: str, part: str, fill: Any) -> Any:
        return tf.gather(tf.constant(stacked[f"{name}/{part}"]), fill)

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
        changes = tf.matmul(source, of_fill(_BOTH, "kernel", fill)) + of_fill(_BOTH, "bias", fill)
        changes -= times("visible", own)
        pairs = tf.gather(own, one, axis=1) + tf.gather(own, other, axis=1)
        adjacent = tf.matmul(pairs, of_fill(_PAIRS, "kernel", fill)) + of_fill(_PAIRS, "bias", fill)
        hidden_both = tf.gather(coalition, one, axis=-1) * tf.gather(coalition, other, axis=-1)
        none = times("none", tf.reduce_mean(own, axis=1))[:, tf.newaxis]
        changed = tf.matmul(coalition, changes) + tf.matmul(hidden_both, adjacent)
        state = none + sizes.superpixels**-0.5 * changed
        loss = lost(state) - lost(none)
        h, donor_h = h[:, tf.newaxis], donor_h[:, tf.newaxis]
        taken = tf.where(transplant, loss[..., -1:] * donor_h, tf.zeros_like(loss[..., :-2]))
        return h - loss[..., :-2] - loss[..., -2:-1] * h + taken

    return masked


def constants(network: SurrogateNetwork) -> dict[str, NDArray[np.float32]]:
    """Name the constants of the graph: the weights, those of all fills together."""
    apart = {name: array for name, array in network.weights.items() if not _of_fills(name)}
    return apart | _stacked(network.weights)


def from_constants(found: Mapping[str, NDArray[np.float32]], sizes: Sizes) -> SurrogateNetwork:
    """Make a network of the constants of its graph: what `constants` does, undone.

    Raises
    ------
    TrainingDataError
        If they are not those of a surrogate.
    """
    weights = {name: array for name, array in found.items() if not name.startswith(f"{_BOTH}/")}
    try:
        kernels, biases = found[f"{_BOTH}/kernel"].swapaxes(0, 1), found[f"{_BOTH}/bias"]
    except KeyError as error:
        raise TrainingDataError(
            f"expected the constants of a surrogate; received {sorted(found)}."
        ) from error
    own = sizes.fills - 1
    weights |= {f"{_OWN}/kernel": kernels[:, :own], f"{_DONORS}/kernel": kernels[:, own:]}
    weights |= {f"{_OWN}/bias": biases[:own], f"{_DONORS}/bias": biases[own:]}
    weights[f"{_PAIRS}/kernel"] = found[f"{_PAIRS}/kernel"].swapaxes(0, 1)
    return SurrogateNetwork(sizes, weights)


def _of_fills(name: str) -> bool:
    return name.split("/", maxsplit=1)[0] in {_OWN, _DONORS, _PAIRS}


def _stacked(weights: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Kernels, shape (F, token, state), and biases, (F, K, state), of all fills."""
    kernels = [weights[f"{name}/kernel"] for name in (_OWN, _DONORS)]
    biases = [weights[f"{name}/bias"] for name in (_OWN, _DONORS)]
    return {
        f"{_BOTH}/kernel": np.concatenate(kernels, axis=1).swapaxes(0, 1),
        f"{_BOTH}/bias": np.concatenate(biases),
        f"{_PAIRS}/kernel": weights[f"{_PAIRS}/kernel"].swapaxes(0, 1),
        f"{_PAIRS}/bias": weights[f"{_PAIRS}/bias"],
    }
