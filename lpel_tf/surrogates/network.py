"""The surrogate's network in Keras: superpixels' changes are added up before two dense layers.

Each superpixel becomes a token of its local features, the embedding and its place; what hiding it
does to the state is the difference of two linear functions of the token, one for it as it is, one
for each fill (of the donor's token, for a transplant). Two neighbours that are hidden both change
it once more: a hole is more than its squares. So the state of a coalition costs one product of its
members and of its pairs of neighbours with these changes, and what two dense layers make of it is
not additive. What they give is a vector, a share of the image's own embedding that is lost, and for
a transplant a share of the donor's that takes its place. The predicted loss is that of the state
less that of no coalition: exactly 0 where none is hidden.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.manifest import (
    COALITION,
    DONOR_EMBEDDING,
    DONOR_FEATURES,
    EMBEDDING,
    LOCAL_FEATURES,
)
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.extras import require
from lpel_tf.support.errors import TrainingDataError
from lpel_tf.support.policy import float32_layers


@dataclass(frozen=True)
class Sizes:
    """The sizes of a surrogate's network.

    Attributes
    ----------
    dimension
        Length D of the embeddings.
    side
        Superpixels along one side, K in all.
    channels
        Numbers C of the local features of a superpixel.
    fills
        Fills that it knows, F, the last one transplants.
    token, state, dense
        Numbers of a token, of a coalition's state, and of the dense layer after it.
    """

    dimension: int
    side: int
    channels: int
    fills: int = 4
    token: int = 96
    state: int = 256
    dense: int = 256

    def __post_init__(self) -> None:
        least = min(self.dimension, self.side, self.channels, self.token, self.state, self.dense)
        if least < 1 or self.fills < 2:
            raise ParameterError(
                f"the sizes of a surrogate are 1 or more, its fills 2 or more; received {self}."
            )

    @property
    def superpixels(self) -> int:
        """K."""
        return self.side**2


def neighbours(side: int) -> NDArray[np.int64]:
    """List the pairs of superpixels that share an edge on a square grid, shape (2, E)."""
    places = np.arange(side * side).reshape(side, side)
    across = np.stack([places[:, :-1].ravel(), places[:, 1:].ravel()])
    down = np.stack([places[:-1].ravel(), places[1:].ravel()])
    return np.concatenate([across, down], axis=1)


@dataclass(frozen=True, eq=False)
class SurrogateNetwork:
    """A surrogate's sizes and weights, without Keras.

    Attributes
    ----------
    sizes
        Of its layers.
    weights
        By layer and variable, such as ``local/kernel``.
    """

    sizes: Sizes
    weights: Mapping[str, NDArray[np.float32]]


@float32_layers()
def build_network(sizes: Sizes, seed: int = 0) -> Any:
    """Build the network with random weights; at first it predicts that nothing is lost.

    Parameters
    ----------
    sizes
        Of its layers.
    seed
        Of its weights at the start.

    Returns
    -------
    keras.Model
        From `embedding`, unit length, (batch, D), `local_features`, (batch, K, C), those of a
        donor, and `coalition`, 1 where a superpixel is replaced, (batch, F, M, K), as many
        coalitions for each fill, to the unit embedding's predicted loss, (batch, F, M, D).
    """
    keras = require("keras", "train")
    ops = keras.ops
    vector, local = (sizes.dimension,), (sizes.superpixels, sizes.channels)
    h, features = keras.Input(vector, name=EMBEDDING), keras.Input(local, name=LOCAL_FEATURES)
    donor_h = keras.Input(vector, name=DONOR_EMBEDDING)
    donor_features = keras.Input(local, name=DONOR_FEATURES)
    coalition = keras.Input((sizes.fills, None, sizes.superpixels), name=COALITION)
    random = _initializers(keras, seed)
    tokens = _tokens(keras, sizes, random, seed)
    own, others = tokens(features, h), tokens(donor_features, donor_h)
    changes = _changes(keras, sizes, random, own, others)
    none = keras.layers.Dense(sizes.state, kernel_initializer=random(), name="none")
    start = ops.reshape(none(ops.mean(own, axis=1)), (-1, 1, 1, sizes.state))
    one, other = neighbours(sizes.side)
    adjacent = _of_pairs(keras, sizes, ops.take(own, one, axis=1) + ops.take(own, other, axis=1))
    pairs = ops.take(coalition, one, axis=-1) * ops.take(coalition, other, axis=-1)
    changed = ops.matmul(coalition, changes) + ops.matmul(pairs, adjacent)
    lost = _read_out(keras, sizes, random)
    loss = lost(start + sizes.superpixels**-0.5 * changed) - lost(start)
    along, of_donor = (ops.reshape(one, (-1, 1, 1, sizes.dimension)) for one in (h, donor_h))
    transplant = np.eye(sizes.fills, dtype=np.float32)[-1].reshape(1, -1, 1, 1)
    loss = loss[..., :-2] + loss[..., -2:-1] * along - loss[..., -1:] * of_donor * transplant
    return keras.Model([h, features, donor_h, donor_features, coalition], loss, name="surrogate")


def _tokens(keras: Any, sizes: Sizes, random: Any, seed: int) -> Callable[[Any, Any], Any]:
    """From local features, (batch, K, C), and embeddings to tokens, (batch, K, token)."""
    place = keras.layers.EinsumDense(
        "bkc,ct->bkt",
        (sizes.superpixels, sizes.token),
        bias_axes="kt",
        kernel_initializer=random(),
        bias_initializer=keras.initializers.RandomNormal(stddev=0.3, seed=seed),
        name="local",
    )
    whole = keras.layers.Dense(sizes.token, kernel_initializer=random(), name="whole")
    normalise = keras.layers.LayerNormalization(epsilon=1e-3, name="normalise")

    def tokens(of_features: Any, of_h: Any) -> Any:
        together = place(of_features) + keras.ops.expand_dims(whole(of_h), 1)
        return keras.ops.gelu(normalise(together), approximate=False)

    return tokens


def _changes(keras: Any, sizes: Sizes, random: Any, own: Any, others: Any) -> Any:
    """What hiding each superpixel does to the state, by fill, (batch, F, K, state)."""

    def changed(name: str, fills: int) -> Any:
        return keras.layers.EinsumDense(
            "bkt,tfs->bfks",
            (fills, sizes.superpixels, sizes.state),
            bias_axes="fks",
            kernel_initializer=random((6 / (sizes.token + sizes.state)) ** 0.5),
            name=name,
        )

    visible = keras.layers.Dense(sizes.state, kernel_initializer=random(), name="visible")(own)
    hidden = changed("hidden", sizes.fills - 1)(own)
    transplanted = changed("transplanted", 1)(others)
    together = keras.ops.concatenate([hidden, transplanted], axis=1)
    return together - keras.ops.expand_dims(visible, 1)


def _of_pairs(keras: Any, sizes: Sizes, tokens: Any) -> Any:
    """What hiding two neighbours does besides, of their tokens' sum, (batch, F, E, state)."""
    return keras.layers.EinsumDense(
        "bet,tfs->bfes",
        (sizes.fills, tokens.shape[1], sizes.state),
        bias_axes="fes",
        kernel_initializer="zeros",
        name="adjacent",
    )(tokens)


def _read_out(keras: Any, sizes: Sizes, random: Any) -> Callable[[Any], Any]:
    """From states to D + 2 numbers: a vector, and the shares of the embedding and the donor's."""
    dense = keras.layers.Dense(sizes.dense, "gelu", kernel_initializer=random(), name="dense")
    zero = {"kernel_initializer": "zeros", "use_bias": False}  # a bias would cancel out
    deep = keras.layers.Dense(sizes.dimension + 2, name="deep", **zero)
    shallow = keras.layers.Dense(sizes.dimension + 2, name="shallow", **zero)

    def read_out(state: Any) -> Any:
        active = keras.ops.gelu(state, approximate=False)
        return deep(dense(active)) + shallow(active)

    return read_out


def to_keras(network: SurrogateNetwork) -> Any:
    """Put weights into the Keras network.

    Raises
    ------
    TrainingDataError
        If they are not those of such a network.
    """
    model = build_network(network.sizes)
    places = {variable.path: variable for variable in model.weights}
    shapes = {path: tuple(variable.shape) for path, variable in places.items()}
    received = {path: array.shape for path, array in network.weights.items()}
    if received != shapes:
        raise TrainingDataError(
            f"expected the weights of a surrogate, {shapes}; received {received}."
        )
    for path, variable in places.items():
        variable.assign(network.weights[path])
    return model


def to_numpy(model: Any, sizes: Sizes) -> SurrogateNetwork:
    """Take the weights out of a Keras network of such sizes."""
    return SurrogateNetwork(
        sizes, {variable.path: np.asarray(variable) for variable in model.weights}
    )


def _initializers(keras: Any, seed: int) -> Any:
    """Make initialisers with seeds of their own, so that weights depend on the seed alone."""
    seeds = iter(np.random.SeedSequence(seed).generate_state(16).tolist())

    def random(limit: float | None = None) -> Any:
        own = int(next(seeds))
        if limit is None:
            return keras.initializers.GlorotUniform(seed=own)
        return keras.initializers.RandomUniform(-limit, limit, seed=own)

    return random
