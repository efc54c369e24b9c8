"""EMSNN's autoencoder (Eq. 3.1, Table 5.2), the rival of the thesis's decoder (section 5.5.1)."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.errors import ParameterError
from lpel_serving.support.extras import require
from lpel_serving.support.image_shape import ImageShape
from lpel_serving.support.progress import Progress, silent
from lpel_tf.data.dataset import FaceSet
from lpel_tf.decoders.decoder import LEARNING_RATE, mean_squared_error
from lpel_tf.decoders.least_squares import LinearDecoder
from lpel_tf.decoders.training import check_faces
from lpel_tf.support.policy import float32_layers

BALANCES = (1e-3, 1e4)
"""The least and the greatest mu / gamma that `match_reconstruction` looks between."""


@dataclass(frozen=True)
class AutoencoderRecipe:
    """How an autoencoder is trained.

    Attributes
    ----------
    gamma, mu, lam
        Weights in Eq. 3.1 of reconstruction, closeness and R, scaled as in `train_autoencoder`.
    epochs, batch_size, learning_rate
        Of Adamax; the rate is constant.
    seed
        Of the weights at the start and of the order of the faces.
    """

    gamma: float = 1.0
    mu: float = 1.0
    lam: float = 0.0
    epochs: int = 20
    batch_size: int = 128
    learning_rate: float = LEARNING_RATE
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.batch_size) < 1 or self.seed < 0:
            raise ParameterError(
                "epochs and batch size are 1 or more, the seed 0 or more; received "
                f"{self.epochs}, {self.batch_size} and {self.seed}."
            )
        weights = (self.gamma, self.mu, self.lam)
        positive = (self.gamma + self.mu, self.learning_rate)
        if not (all(0 <= w < np.inf for w in weights) and all(0 < p < np.inf for p in positive)):
            raise ParameterError(
                "gamma, mu and lambda are 0 or more, gamma or mu and the learning rate above 0, "
                f"all finite; received {weights} and {self.learning_rate}."
            )


@dataclass(frozen=True, eq=False)
class LinearEncoder:
    """The layer before the bottleneck: kernel (H * W * C, D) and bias (D,), both float32."""

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Autoencoder:
    """A trained autoencoder's two layers and how it came about; the history is Eq. 3.1 by epoch."""

    encoder: LinearEncoder
    decoder: LinearDecoder
    recipe: AutoencoderRecipe
    history: tuple[float, ...]

    def bottleneck(self, targets: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Encode images, uint8, shape (N, H, W, C), as ``h~``, float32, shape (N, D)."""
        return _unit(targets).reshape(len(targets), -1) @ self.encoder.kernel + self.encoder.bias


@dataclass(frozen=True)
class AutoencoderLoss:
    """The terms of Eq. 3.1 on some faces, unweighted.

    Attributes
    ----------
    reconstruction
        L_recon_a as a mean over images, pixels and channels, by way of the bottleneck.
    reconstruction_from_embedding
        The same when the decoder is given the true embeddings, as it is in an explanation.
    closeness, closeness_sum
        L_close as a mean over images, and over features or summed over them.
    closeness_of_mean
        What `closeness` is of one vector for all: the mean of these faces' embeddings.
    """

    reconstruction: float
    reconstruction_from_embedding: float
    closeness: float
    closeness_sum: float
    closeness_of_mean: float


@float32_layers()
def build_autoencoder(dimension: int, shape: ImageShape) -> Any:
    """Build Table 5.2, linear, from images, shape (batch, H, W, C), to both ``h~`` and ``x~``."""
    keras = require("keras", "train")
    image = keras.Input(tuple(shape), name="image")
    bottleneck = keras.layers.Dense(dimension, name="bottleneck")(keras.layers.Flatten()(image))
    pixels = keras.layers.Dense(math.prod(shape), name="pixels")(bottleneck)
    reconstruction = keras.layers.Reshape(tuple(shape), name="reconstruction")(pixels)
    return keras.Model(image, {"bottleneck": bottleneck, "reconstruction": reconstruction})


def train_autoencoder(
    train: FaceSet,
    recipe: AutoencoderRecipe,
    *,
    start: Autoencoder | None = None,
    progress: Progress = silent,
) -> Autoencoder:
    """Train the autoencoder with Adamax on Eq. 3.1.

    Both data terms are means, as where the thesis quotes its losses: for n images x in [0, 1],

        L(W) = gamma / (n H H 3) * sum_i ||x_i - x~_i||^2
             + mu / (n D)        * sum_i ||h_i - h~_i||^2  +  lambda * R(W),

    R(W) being the sum of the squares of both kernels, without the biases. A step of Adamax takes
    the n of its batch. When `start` is None, the weights start from Glorot's random ones.

    Raises
    ------
    TrainingDataError
        If there are no more faces than features, or an embedding is not finite.
    """
    check_faces(train, train)
    model = _starting(train, recipe, start)
    step = _stepper(model, recipe)
    history: list[float] = []
    with progress("training the autoencoder (epochs)", recipe.epochs) as advance:
        for epoch in range(recipe.epochs):
            history.append(_train_epoch(step, train, recipe, epoch=epoch))
            advance(1)
    encoder = LinearEncoder(*model.get_layer("bottleneck").get_weights())
    kernel, bias = model.get_layer("pixels").get_weights()
    decoder = LinearDecoder(kernel, bias, train.target_shape)
    return Autoencoder(encoder, decoder, recipe, tuple(history))


def losses(autoencoder: Autoencoder, faces: FaceSet) -> AutoencoderLoss:
    """Measure the terms of Eq. 3.1 on faces, at least one."""
    h, decoder = faces.embeddings, autoencoder.decoder
    bottleneck = autoencoder.bottleneck(faces.targets)
    closeness = float(np.square(bottleneck - h.astype(np.float64)).mean())
    return AutoencoderLoss(
        reconstruction=mean_squared_error(decoder(bottleneck), faces.targets),
        reconstruction_from_embedding=mean_squared_error(decoder(h), faces.targets),
        closeness=closeness,
        closeness_sum=closeness * h.shape[1],
        closeness_of_mean=float(h.var(axis=0, dtype=np.float64).mean()),
    )


def match_reconstruction(
    train: FaceSet,
    validation: FaceSet,
    wanted: float,
    recipe: AutoencoderRecipe,
    *,
    steps: int = 6,
    progress: Progress = silent,
) -> Autoencoder:
    """Find the mu that gives the reconstruction loss `wanted` on validation (section 5.5.1).

    The more closeness weighs, the worse the reconstruction, but for trainings cut short: mu / gamma
    is bisected, by its logarithm, between `BALANCES`. Each of the `steps` trainings starts afresh,
    so that what is returned is what its own recipe gives: the nearest loss, however far it is.

    Raises
    ------
    ParameterError
        If gamma is 0, `wanted` not above 0 and finite, or there are no steps.
    TrainingDataError
        If the faces cannot be trained or validated on.
    """
    if recipe.gamma == 0 or not 0 < wanted < np.inf or steps < 1:
        raise ParameterError(
            "gamma and the wanted loss are above 0 and finite, the steps 1 or more; received "
            f"{recipe.gamma}, {wanted} and {steps}."
        )
    check_faces(train, validation)
    low, high = map(math.log, BALANCES)
    tried: list[tuple[float, Autoencoder]] = []
    with progress("matching the reconstruction (trainings)", steps) as advance:
        for _ in range(steps):
            middle = (low + high) / 2
            found = train_autoencoder(train, replace(recipe, mu=recipe.gamma * math.exp(middle)))
            loss = losses(found, validation).reconstruction
            tried.append((abs(loss - wanted), found))
            low, high = (middle, high) if loss < wanted else (low, middle)
            advance(1)
    return min(tried, key=lambda one: one[0])[1]


def _starting(train: FaceSet, recipe: AutoencoderRecipe, start: Autoencoder | None) -> Any:
    keras = require("keras", "train")
    model = build_autoencoder(train.embeddings.shape[1], train.target_shape)
    layers = [model.get_layer(name) for name in ("bottleneck", "pixels")]
    for number, layer in enumerate(layers):
        # A seed for each: of the same one, both kernels would be the same numbers.
        glorot = keras.initializers.GlorotUniform(2 * recipe.seed + number)
        layer.set_weights([glorot(layer.kernel.shape), np.zeros(layer.bias.shape, np.float32)])
    if start is not None:
        for layer, weights in zip(layers, (start.encoder, start.decoder), strict=True):
            layer.set_weights([weights.kernel, weights.bias])
    return model


def _stepper(model: Any, recipe: AutoencoderRecipe) -> Any:
    # Keras' `train_on_batch` takes longer: it copies the pixels twice and waits for each loss.
    tf, keras = require("tensorflow", "train"), require("keras", "train")
    variables = model.trainable_variables
    kernels = [model.get_layer(name).kernel for name in ("bottleneck", "pixels")]
    adamax = keras.optimizers.Adamax(recipe.learning_rate)
    adamax.build(variables)

    def step(x: Any, h: Any) -> Any:
        with tf.GradientTape() as tape:
            made = model(x, training=True)
            loss = recipe.gamma * tf.reduce_mean(tf.square(x - made["reconstruction"]))
            loss += recipe.mu * tf.reduce_mean(tf.square(h - made["bottleneck"]))
            loss += recipe.lam * tf.add_n([tf.reduce_sum(tf.square(kernel)) for kernel in kernels])
        adamax.apply(tape.gradient(loss, variables), variables)
        return loss

    tensors = (model.input, model.output["bottleneck"])
    signature = [tf.TensorSpec(tensor.shape, tf.float32) for tensor in tensors]
    return tf.function(step, input_signature=signature, autograph=False)


def _train_epoch(step: Any, train: FaceSet, recipe: AutoencoderRecipe, *, epoch: int) -> float:
    order = np.random.default_rng((recipe.seed, epoch)).permutation(len(train))
    batches = np.split(order, range(recipe.batch_size, len(order), recipe.batch_size))
    steps = [step(_unit(train.targets[chosen]), train.embeddings[chosen]) for chosen in batches]
    return float(np.average(np.array(steps), weights=[len(batch) for batch in batches]))


def _unit(targets: NDArray[np.uint8]) -> NDArray[np.float32]:
    return targets.astype(np.float32) / np.float32(255)
