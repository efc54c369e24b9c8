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

from collections.abc import Mapping
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
    ops, layers = keras.ops, keras.layers
    k, vector, local = sizes.superpixels, (sizes.dimension,), (sizes.superpixels, sizes.channels)
    h, features = keras.Input(vector, name=EMBEDDING), keras.Input(local, name=LOCAL_FEATURES)
    donor_h = keras.Input(vector, name=DONOR_EMBEDDING)
    donor_features = keras.Input(local, name=DONOR_FEATURES)
    coalition = keras.Input((sizes.fills, None, k), name=COALITION)
    random = _initializers(keras, seed)
    place = layers.EinsumDense(
        "bkc,ct->bkt",
        (k, sizes.token),
        bias_axes="kt",
        kernel_initializer=random(),
        bias_initializer=keras.initializers.RandomNormal(stddev=0.3, seed=seed),
        name="local",
    )
    whole = layers.Dense(sizes.token, kernel_initializer=random(), name="whole")
    normalise = layers.LayerNormalization(epsilon=1e-3, name="normalise")

    def tokens(of_features: Any, of_h: Any) -> Any:
        together = place(of_features) + ops.expand_dims(whole(of_h), 1)
        return ops.gelu(normalise(together), approximate=False)

    def changed(name: str, fills: int) -> Any:
        return layers.EinsumDense(
            "bkt,tfs->bfks",
            (fills, k, sizes.state),
            bias_axes="fks",
            kernel_initializer=random((6 / (sizes.token + sizes.state)) ** 0.5),
            name=name,
        )

    own = tokens(features, h)
    visible = layers.Dense(sizes.state, kernel_initializer=random(), name="visible")(own)
    hidden = changed("hidden", sizes.fills - 1)(own)
    transplanted = changed("transplanted", 1)(tokens(donor_features, donor_h))
    changes = ops.concatenate([hidden, transplanted], axis=1) - ops.expand_dims(visible, 1)
    none = layers.Dense(sizes.state, kernel_initializer=random(), name="none")(
        ops.mean(own, axis=1)
    )
    none = ops.reshape(none, (-1, 1, 1, sizes.state))
    one, other = neighbours(sizes.side)
    adjacent = layers.EinsumDense(
        "bet,tfs->bfes",
        (sizes.fills, len(one), sizes.state),
        bias_axes="fes",
        kernel_initializer="zeros",
        name="adjacent",
    )(ops.take(own, one, axis=1) + ops.take(own, other, axis=1))
    pairs = ops.take(coalition, one, axis=-1) * ops.take(coalition, other, axis=-1)
    state = none + k**-0.5 * (ops.matmul(coalition, changes) + ops.matmul(pairs, adjacent))
    dense = layers.Dense(sizes.dense, "gelu", kernel_initializer=random(), name="dense")
    zero = {"kernel_initializer": "zeros", "use_bias": False}  # a bias would cancel out
    deep = layers.Dense(sizes.dimension + 2, name="deep", **zero)
    shallow = layers.Dense(sizes.dimension + 2, name="shallow", **zero)

    def lost(of_state: Any) -> Any:
        active = ops.gelu(of_state, approximate=False)
        return deep(dense(active)) + shallow(active)

    loss = lost(state) - lost(none)
    along, of_donor = (ops.reshape(one, (-1, 1, 1, sizes.dimension)) for one in (h, donor_h))
    transplant = np.eye(sizes.fills, dtype=np.float32)[-1].reshape(1, -1, 1, 1)
    loss = loss[..., :-2] + loss[..., -2:-1] * along - loss[..., -1:] * of_donor * transplant
    return keras.Model([h, features, donor_h, donor_features, coalition], loss, name="surrogate")


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
