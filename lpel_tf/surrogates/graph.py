"""The surrogate as a bundle's two graphs have it: what hiding does to an image, then coalitions."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.conversion.surrogate_to_onnx import export_surrogate
from lpel_serving.bundle.surrogate_graphs import SurrogateGraphs
from lpel_serving.support.extras import require
from lpel_tf.support.errors import TrainingDataError
from lpel_tf.surrogates.network import Sizes, SurrogateNetwork, neighbours

_OWN, _DONORS, _BOTH, _PAIRS = "hidden", "transplanted", "changed", "adjacent"
"""Layers of the network that become one in a graph, with a kernel and a bias for each fill."""


def to_graphs(network: SurrogateNetwork, model: Any, embedder: str) -> SurrogateGraphs:
    """Export a surrogate as the two graphs of a bundle.

    Parameters
    ----------
    network
        Sizes and weights.
    model
        The same in Keras: see `lpel_tf.surrogates.network.to_keras`.
    embedder
        The name of the network that it was trained for.
    """
    sizes = network.sizes
    return export_surrogate(
        hiding(model, sizes),
        masked_embeddings(model, sizes),
        sizes.dimension,
        (sizes.superpixels, sizes.channels),
        constants(network),
        {"lpel": "surrogate", "embedder": embedder},
    )


def hiding(model: Any, sizes: Sizes) -> Callable[..., Any]:
    """Turn a trained network into the first graph of a bundle's surrogate, with the same weights.

    Parameters
    ----------
    model
        See `lpel_tf.surrogates.network.build_network`.
    sizes
        Of its layers.

    Returns
    -------
    Callable
        Of TensorFlow's tensors, one fill at a time: `embedding`, (N, D), `local_features`,
        (N, K, C), those of a donor, and `fill`, (), to `shown_state`, (N, state), and `effects`,
        (N, K + E, state), as `lpel_serving.bundle.manifest.SurrogateRecord` has them.
    """
    tf = require("tensorflow", "train")
    layer, times = model.get_layer, _products(model)
    stacked = _stacked({variable.path: np.asarray(variable) for variable in model.weights})
    one, other = neighbours(sizes.side)

    def of_fill(name: str, values: Any, fill: Any) -> Any:
        kernel, bias = (tf.constant(stacked[f"{name}/{part}"]) for part in ("kernel", "bias"))
        return tf.matmul(values, tf.gather(kernel, fill)) + tf.gather(bias, fill)

    def tokens(features: Any, h: Any) -> Any:
        together = times("local", features) + tf.expand_dims(times("whole", h), 1)
        normalise = layer("normalise")
        apart = together - tf.reduce_mean(together, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(apart), axis=-1, keepdims=True)
        scaled = apart / tf.sqrt(variance + normalise.epsilon)
        return tf.nn.gelu(scaled * normalise.gamma + normalise.beta)

    def hidden(
        h: Any, features: Any, donor_h: Any, donor_features: Any, fill: Any
    ) -> tuple[Any, Any]:
        own = tokens(features, h)
        transplant = tf.equal(fill, sizes.fills - 1)
        source = tf.where(transplant, tokens(donor_features, donor_h), own)
        changes = of_fill(_BOTH, source, fill) - times("visible", own)
        pairs = tf.gather(own, one, axis=1) + tf.gather(own, other, axis=1)
        effects = tf.concat([changes, of_fill(_PAIRS, pairs, fill)], axis=1)
        # A product: onnxruntime's mean adds in another order for several images than for one.
        mean = tf.matmul(tf.fill((1, 1, sizes.superpixels), 1 / sizes.superpixels), own)
        return times("none", mean)[:, 0], sizes.superpixels**-0.5 * effects

    return hidden


def masked_embeddings(model: Any, sizes: Sizes) -> Callable[..., Any]:
    """Turn a trained network into the second graph of a bundle's surrogate: see `hiding`.

    Parameters
    ----------
    model, sizes
        The same.

    Returns
    -------
    Callable
        Of TensorFlow's tensors: `shown_state` and `effects`, as `hiding` gives them, `embedding`,
        (N, D), `donor_embedding`, (N, D), 0 where the fill is no transplant, and `coalition`,
        (N or 1, M, K), to `masked_embedding`, (N, M, D).
    """
    tf = require("tensorflow", "train")
    times = _products(model)
    one, other = neighbours(sizes.side)

    def lost(state: Any) -> Any:
        active = tf.nn.gelu(state)
        return times("deep", tf.nn.gelu(times("dense", active))) + times("shallow", active)

    def masked(shown: Any, effects: Any, h: Any, donor_h: Any, coalition: Any) -> Any:
        # Rows are gathered several times as fast as columns.
        members = tf.transpose(coalition, (0, 2, 1))
        pairs = tf.gather(members, one, axis=1) * tf.gather(members, other, axis=1)
        changed = tf.matmul(tf.concat([members, pairs], axis=1), effects, transpose_a=True)
        shown, h, donor_h = (tf.expand_dims(one, 1) for one in (shown, h, donor_h))
        losses = lost(tf.concat([shown, shown + changed], axis=1))
        loss = losses[:, 1:] - losses[:, :1]
        return h - loss[..., :-2] - loss[..., -2:-1] * h + loss[..., -1:] * donor_h

    return masked


def _products(model: Any) -> Callable[[str, Any], Any]:
    """The product of values with a layer's kernel, plus its bias."""
    tf = require("tensorflow", "train")

    def times(name: str, values: Any) -> Any:  # Keras' own layers would reshape, again and again
        layer = model.get_layer(name)
        product = tf.matmul(values, layer.kernel)
        return product if layer.bias is None else product + layer.bias

    return times


def constants(network: SurrogateNetwork) -> dict[str, NDArray[np.float32]]:
    """Name the constants of the graphs: the weights, those of all fills together."""
    apart = {name: array for name, array in network.weights.items() if not _of_fills(name)}
    return apart | _stacked(network.weights)


def from_constants(found: Mapping[str, NDArray[np.float32]], sizes: Sizes) -> SurrogateNetwork:
    """Make a network of the constants of its graphs: what `constants` does, undone.

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
