"""Checks and calls Keras embedding networks, whatever class or layout they come in."""

from collections.abc import Mapping, Sequence
from typing import Any

from lpel_export.support.errors import CONVERTERS_ERRORS, ModelShapeError, reason_of
from lpel_serving.support.extras import require

_PACKED = "model.output"
_Shape = tuple[int | None, ...]


def embedding_dimension(model: Any, image_size: int) -> int:
    """Return D of a Keras model from images, shape (batch, S, S, 3), to vectors, (batch, D).

    Vectors may be packed as (batch, 1, 1, D), or be the one output in a list or a dictionary; and
    the model may be a subclass of `keras.Model`, once it has weights.

    Raises
    ------
    ModelShapeError
        If the model is of another kind.
    """
    _check_kind(model)
    _check_inputs(model, image_size)
    outputs = _outputs(model, image_size)
    shapes = [tuple(tensor.shape) for tensor in outputs.values()]
    if len(outputs) != 1:
        raise _no_embedder(model, f"images to {shapes}", _choice(model, outputs, image_size))
    sides = shapes[0][1:]
    if not sides or None in sides or sum(side != 1 for side in sides) > 1:
        raise _no_embedder(
            model,
            f"images to {shapes}",
            "End it in a layer that makes one vector of a feature map, such as "
            "keras.layers.GlobalAveragePooling2D or Flatten.",
        )
    return max(int(side) for side in sides if side is not None)


def embed(model: Any, images: Any) -> Any:
    """Call a network that `embedding_dimension` takes.

    Parameters
    ----------
    model
        The network.
    images
        A tensor of standardised images, float, shape (batch, S, S, 3).

    Returns
    -------
    tf.Tensor
        Its vectors, float32, shape (batch, D).
    """
    return as_vectors(_call(model, images))


def as_vectors(output: Any) -> Any:
    """Unpack what such a network gives: see `embed`."""
    keras, tf = require("keras", "train"), require("tensorflow", "train")
    (vectors,) = keras.tree.flatten(output)
    if vectors.shape.rank > 2:
        vectors = tf.reshape(vectors, (-1, vectors.shape[1:].num_elements()))
    return tf.cast(vectors, tf.float32)


def _call(model: Any, images: Any) -> Any:
    tree = require("keras", "train").tree
    given = getattr(model, "input", None)
    if given is None:
        return model(images, training=False)
    return model(tree.pack_sequence_as(given, [images]), training=False)


def _check_kind(model: Any) -> None:
    keras = require("keras", "train")
    if not isinstance(model, keras.Layer):
        raise ModelShapeError(
            f"an embedder is a Keras model; received {type(model).__name__}: load or build the "
            "model first, as keras.models.load_model does with a file, and give that."
        )
    if not model.built:
        raise ModelShapeError(
            f"an embedder is a trained Keras model; {model.name!r} has no weights yet: build it, "
            "and train it or load its weights, then export it."
        )


def _check_inputs(model: Any, image_size: int) -> None:
    given: Sequence[Any] | None = getattr(model, "inputs", None)
    if given is None:  # a subclass of keras.Model: what it takes shows when it is called
        return
    shapes = [tuple(tensor.shape) for tensor in given]
    reason = _tower(model) if len(shapes) != 1 else _unfit(shapes[0], image_size)
    if reason:
        outputs = [tuple(tensor.shape) for tensor in model.outputs]
        raise _no_embedder(model, f"{shapes} to {outputs}", reason)


def _tower(model: Any) -> str:
    parts = [layer.name for layer in model.layers if hasattr(layer, "layers")]
    such = f", such as model.get_layer({parts[0]!r})" if parts else ""
    return f"Give the part of it that maps one image to a vector{such}."


def _unfit(shape: _Shape, image_size: int) -> str:
    """Say why a network of one input does not take images, or nothing if it does."""
    if len(shape) != 4:
        return "Put a layer before it that takes images, such as keras.layers.Flatten or Reshape."
    _, height, width, channels = shape
    if channels not in (None, 3):
        return (
            "Images have three channels, the last axis: networks of one channel are not taken yet; "
            "put a layer before it that makes one of three, or a keras.layers.Permute if its "
            "channels come first."
        )
    if height != width:
        return "Images are square: networks of other formats are not taken yet."
    if height not in (None, image_size):
        return f"image_size is {image_size}: give that of the model, {height}."
    return ""


def _outputs(model: Any, image_size: int) -> dict[str, Any]:
    """What a network gives for images, each by the expression that picks it out."""
    keras, tf = require("keras", "train"), require("tensorflow", "train")
    known: list[Any] = getattr(model, "outputs", None) or []
    if known and all(None not in tuple(tensor.shape)[1:] for tensor in known):
        packed = getattr(model, "output", None)  # a Sequential that was never called has none
        return _by_expression(*(("model.outputs", known) if packed is None else (_PACKED, packed)))
    images = keras.KerasTensor((None, image_size, image_size, 3))
    try:
        given = _call(model, images)
    except (*CONVERTERS_ERRORS, tf.errors.OpError) as error:
        raise ModelShapeError(
            f"an embedder takes images, shape (None, {image_size}, {image_size}, 3); "
            f"{model.name!r} does not: {reason_of(error)}"
        ) from error
    return _by_expression(_PACKED if known else "model(images)", given)


def _by_expression(whole: str, given: Any) -> dict[str, Any]:
    """Flatten what a network gives; Keras sorts a dictionary by its keys."""
    found = require("keras", "train").tree.flatten_with_path(given)
    return {whole + "".join(f"[{step!r}]" for step in path): tensor for path, tensor in found}


def _choice(model: Any, outputs: Mapping[str, Any], image_size: int) -> str:
    """Say how to make a network of one output from one of several."""
    names = getattr(model, "output_names", None) or [""] * len(outputs)
    each = ", ".join(
        f"{place} ({name and f'{name}, '}{tuple(tensor.shape)})"
        for (place, tensor), name in zip(outputs.items(), names, strict=True)
    )
    if getattr(model, "outputs", None):
        way = "keras.Model(model.inputs, OUTPUT)"
    else:
        side = (image_size, image_size, 3)
        way = f"images = keras.Input({side}); keras.Model(images, OUTPUT)"
    return (
        f"It has the {len(outputs)} outputs {each}. Give a model of the OUTPUT among them that is "
        f"the embedding: {way}."
    )


def _no_embedder(model: Any, maps: str, reason: str) -> ModelShapeError:
    return ModelShapeError(
        "an embedder maps images, shape (None, S, S, 3), to vectors, shape (None, D); "
        f"{model.name!r} maps {maps}. {reason}"
    )
