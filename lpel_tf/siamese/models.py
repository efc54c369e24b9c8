"""Siamese models in Keras, from a tower: for training, and for what the network then says."""

from typing import Any, Literal

from lpel_serving.support.errors import ParameterError
from lpel_serving.support.extras import require
from lpel_serving.support.image_shape import ImageShape
from lpel_tf.siamese.losses import TINY, center_loss
from lpel_tf.support.policy import float32_layers

_SMALLEST, _FILTERS = 7, (32, 64, 96, 128)


@float32_layers()
def small_tower(
    shape: ImageShape, dimension: int, *, unit_length: bool = False, seed: int = 0
) -> Any:
    """Build a small convolutional tower, for images such as digits and characters.

    Parameters
    ----------
    shape
        Of the images, whose pixels it takes as they are, 0 to 255: its first layer scales them, so
        that it is exported with the standardisation ``none``.
    dimension
        Length D of the embeddings.
    unit_length
        Whether embeddings are divided by their length, as FaceNet's are.
    seed
        Of the weights at the start.

    Returns
    -------
    keras.Model
        From images, shape (batch, H, W, C), to embeddings, shape (batch, D).
    """
    keras = require("keras", "train")
    seeds = iter(range(10 * seed, 10 * seed + 10))

    def start() -> Any:
        return keras.initializers.HeNormal(next(seeds))

    image = keras.Input(tuple(shape), name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(image)
    for filters in _FILTERS:
        x = keras.layers.Conv2D(filters, 3, padding="same", kernel_initializer=start())(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.Activation("relu")(x)
        if min(x.shape[1:3]) <= _SMALLEST:
            break
        x = keras.layers.MaxPooling2D()(x)
    x = keras.layers.Flatten()(x)
    h = keras.layers.Dense(dimension, kernel_initializer=start(), name="embedding")(x)
    if unit_length:
        h = keras.layers.UnitNormalization(name="unit_length")(h)
    return keras.Model(image, h, name="tower")


def side_by_side(tower: Any, count: int) -> Any:
    """Apply a tower to images side by side: 2 for `ContrastiveLoss`, 3 for `TripletLoss`.

    Parameters
    ----------
    tower
        A Keras model from images, shape (batch, H, W, C), to embeddings, shape (batch, D).
    count
        Of the images.

    Returns
    -------
    keras.Model
        From so many inputs to embeddings, shape (batch, count, D).
    """
    keras = require("keras", "train")
    images = [keras.Input(tower.input_shape[1:]) for _ in range(count)]
    return keras.Model(images, keras.ops.stack([tower(one) for one in images], axis=1))


def siamese(tower: Any, comparison: Literal["cosine", "euclidean"] | Any) -> Any:
    """Build a siamese model: two images in, the number that they are compared by out.

    Parameters
    ----------
    tower
        See `side_by_side`.
    comparison
        ``cosine``, ``euclidean``, or a learned head: a Keras model of two embeddings.

    Returns
    -------
    keras.Model
        Its output has shape (batch, 1).

    Raises
    ------
    ParameterError
        If there is no such comparison.
    """
    keras = require("keras", "train")
    ops = keras.ops
    images = [keras.Input(tower.input_shape[1:], name=name) for name in ("reference", "test")]
    h_r, h_t = (tower(one) for one in images)
    match comparison:
        case "cosine":
            number = keras.layers.Dot(1, normalize=True)([h_r, h_t])
        case "euclidean":
            squared = ops.sum(ops.square(h_r - h_t), axis=1, keepdims=True)
            number = ops.sqrt(squared + TINY)
        case str():
            raise ParameterError(
                "a siamese model compares by cosine, euclidean, or a Keras model of two "
                f"embeddings; received {comparison!r}."
            )
        case _:
            number = comparison([h_r, h_t])
    return keras.Model(images, number, name="siamese")


@float32_layers()
def learned_head(dimension: int) -> Any:
    """Build the head of Koch et al. (2015): a weighted sum of the features' distances, squashed.

    Returns
    -------
    keras.Model
        From two embeddings, shape (batch, D), to a score in [0, 1], shape (batch, 1): the same for
        the two exchanged.
    """
    keras = require("keras", "train")
    h_r, h_t = (keras.Input((dimension,), name=name) for name in ("h_r", "h_t"))
    # Near 1 for equal embeddings, and falling with every distance, from the start.
    score = keras.layers.Dense(
        1,
        "sigmoid",
        kernel_initializer=keras.initializers.Constant(-1 / dimension),
        bias_initializer=keras.initializers.Constant(1),
        name="score",
    )
    return keras.Model([h_r, h_t], score(keras.ops.abs(h_r - h_t)), name="head")


@float32_layers()
def classifier(tower: Any, classes: int, weight: float, rate: float = 0.5, *, seed: int = 0) -> Any:
    """Put classes onto a tower, for the softmax loss with centers (Eq. 2.4 to 2.7).

    Both layers are for the training alone: the tower is what is kept.

    Parameters
    ----------
    tower
        See `side_by_side`.
    classes
        How many there are.
    weight, rate
        See `lpel_tf.siamese.losses.center_loss`; with the weight 0 the softmax loss is left.
    seed
        Of the classes' weights at the start.

    Returns
    -------
    keras.Model
        From images and their classes, whole numbers, to scores, shape (batch, classes). Compile it
        with ``keras.losses.SparseCategoricalCrossentropy(from_logits=True)``.
    """
    keras = require("keras", "train")
    image, label = keras.Input(tower.input_shape[1:]), keras.Input((), dtype="int32")
    h = center_loss(classes, weight, rate)([tower(image), label])
    start = keras.initializers.GlorotUniform(seed)
    return keras.Model([image, label], keras.layers.Dense(classes, kernel_initializer=start)(h))
