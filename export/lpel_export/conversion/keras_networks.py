"""Checks and calls Keras embedding networks, whatever class or layout they come in."""

from collections.abc import Mapping, Sequence
from typing import Any

from lpel_export.support.errors import CONVERTERS_ERRORS, ModelShapeError, reason_of
from lpel_export.support.image_shape import ImageSize, as_shape
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.extras import require
from lpel_serving.support.image_shape import ImageShape

_PACKED = "model.output"
_Shape = tuple[int | None, ...]


def find_shape(model: Any, image_size: ImageSize | None = None) -> ImageShape:
    """Return the shape of the images that a Keras model takes.

    Parameters
    ----------
    model
        The model. If its input has no axis of channels, (batch, H, W), its images are grey.
    image_size
        A side, (H, W) or (H, W, C), for models of any size; the model's own when None.

    Raises
    ------
    ParameterError
        If it is none of these, or it is left out and the model takes images of any size.
    ModelShapeError
        If it is left out and the model takes no images.
    """
    given: Sequence[Any] = getattr(model, "inputs", None) or []
    known = [_as_image(tuple(tensor.shape)) for tensor in given]
    own = known[0][1:] if len(known) == 1 and len(known[0]) == 4 else ()
    if image_size is not None:
        channels = own[2] if own else None
        return as_shape(image_size, channels if channels in (1, 3) else 3)
    _check_kind(model)
    if own and None not in own and own[2] in (1, 3):
        return ImageShape(*(int(size) for size in own if size is not None))
    if len(known) > 1 or (known and not own) or (own and own[2] not in (None, 1, 3)):
        _check_inputs(model, ImageShape(1, 1))  # refuses
    raise ParameterError(
        f"{model.name!r} does not say of what size its images are: give image_size, a side, "
        "(height, width), or (height, width, channels)."
    )


def embedding_dimension(model: Any, shape: ImageShape) -> int:
    """Return D of a Keras model from images, shape (batch, H, W, C), to vectors, (batch, D).

    Vectors may be packed as (batch, 1, 1, D), or be the one output in a list or a dictionary; and
    the model may be a subclass of `keras.Model`, once it has weights.

    Raises
    ------
    ModelShapeError
        If the model is of another kind.
    """
    _check_kind(model)
    _check_inputs(model, shape)
    outputs = _outputs(model, shape)
    shapes = [tuple(tensor.shape) for tensor in outputs.values()]
    if len(outputs) != 1:
        raise _no_embedder(model, f"images to {shapes}", _choice(model, outputs, shape))
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
        A tensor of standardised images, float, shape (batch, H, W, C).

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
    keras = require("keras", "train")
    given = getattr(model, "input", None)
    if given is None:
        return model(images, training=False)
    (taken,) = keras.tree.flatten(given)
    if len(taken.shape) == 3:  # grey images without an axis of channels
        images = keras.ops.squeeze(images, -1)
    return model(keras.tree.pack_sequence_as(given, [images]), training=False)


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


def _check_inputs(model: Any, shape: ImageShape) -> None:
    given: Sequence[Any] | None = getattr(model, "inputs", None)
    if given is None:  # a subclass of keras.Model: what it takes shows when it is called
        return
    shapes = [tuple(tensor.shape) for tensor in given]
    reason = _tower(model) if len(shapes) != 1 else _unfit(shapes[0], shape)
    if reason:
        outputs = [tuple(tensor.shape) for tensor in model.outputs]
        raise _no_embedder(model, f"{shapes} to {outputs}", reason)


def _tower(model: Any) -> str:
    parts = [layer.name for layer in model.layers if hasattr(layer, "layers")]
    such = f", such as model.get_layer({parts[0]!r})" if parts else ""
    return (
        f"Give the part of it that maps one image to a vector{such}; what compares two vectors is "
        "given apart, as the comparison: 'cosine', 'euclidean', or a model of two embeddings."
    )


def _as_image(taken: _Shape) -> _Shape:
    """The shape of an input with the channels that grey images may lack."""
    return (*taken, 1) if len(taken) == 3 else taken


def _unfit(taken: _Shape, shape: ImageShape) -> str:
    """Say why a network of one input does not take images of a shape, or nothing if it does."""
    sizes = _as_image(taken)[1:]
    if len(sizes) != 3:
        return "Put a layer before it that takes images, such as keras.layers.Flatten or Reshape."
    if sizes[2] not in (None, 1, 3):
        return (
            "Images have three channels or one, the last axis: put a keras.layers.Permute before "
            "it if its channels come first, or a layer that makes as many as it takes."
        )
    if any(size not in (None, one) for size, one in zip(sizes, shape, strict=True)):
        own = tuple(size or one for size, one in zip(sizes, shape, strict=True))
        return f"image_size is {tuple(shape)}: give that of the model, {own}."
    return ""


def _outputs(model: Any, shape: ImageShape) -> dict[str, Any]:
    """What a network gives for images, each by the expression that picks it out."""
    keras, tf = require("keras", "train"), require("tensorflow", "train")
    known: list[Any] = getattr(model, "outputs", None) or []
    if known and all(None not in tuple(tensor.shape)[1:] for tensor in known):
        packed = getattr(model, "output", None)  # a Sequential that was never called has none
        return _by_expression(*(("model.outputs", known) if packed is None else (_PACKED, packed)))
    images = keras.KerasTensor((None, *shape))
    try:
        given = _call(model, images)
    except (*CONVERTERS_ERRORS, tf.errors.OpError) as error:
        raise ModelShapeError(
            f"an embedder takes images, shape {(None, *shape)}; "
            f"{model.name!r} does not: {reason_of(error)}"
        ) from error
    return _by_expression(_PACKED if known else "model(images)", given)


def _by_expression(whole: str, given: Any) -> dict[str, Any]:
    """Flatten what a network gives; Keras sorts a dictionary by its keys."""
    found = require("keras", "train").tree.flatten_with_path(given)
    return {whole + "".join(f"[{step!r}]" for step in path): tensor for path, tensor in found}


def _choice(model: Any, outputs: Mapping[str, Any], shape: ImageShape) -> str:
    """Say how to make a network of one output from one of several."""
    names = getattr(model, "output_names", None) or [""] * len(outputs)
    each = ", ".join(
        f"{place} ({name and f'{name}, '}{tuple(tensor.shape)})"
        for (place, tensor), name in zip(outputs.items(), names, strict=True)
    )
    if getattr(model, "outputs", None):
        way = "keras.Model(model.inputs, OUTPUT)"
    else:
        way = f"images = keras.Input({tuple(shape)}); keras.Model(images, OUTPUT)"
    return (
        f"It has the {len(outputs)} outputs {each}. Give a model of the OUTPUT among them that is "
        f"the embedding: {way}."
    )


def _no_embedder(model: Any, maps: str, reason: str) -> ModelShapeError:
    return ModelShapeError(
        "an embedder maps images, shape (None, H, W, C), to vectors, shape (None, D); "
        f"{model.name!r} maps {maps}. {reason}"
    )
