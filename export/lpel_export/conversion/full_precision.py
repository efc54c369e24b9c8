"""Exports networks in mixed or non-float32 precision as float32.

Mixed precision is how a network is trained fast on a graphics card: its weights are float32, and
each layer rounds what it computes to 16 bits. The export computes the same in float32 throughout.
"""

import contextlib
from collections.abc import Generator
from typing import Any

from lpel_export.support.errors import ConversionError
from lpel_serving.support.extras import require

_FLOATS = ("float16", "bfloat16", "float64")


def other_floats(model: Any) -> tuple[str, ...]:
    """Name the number formats, float32 apart, that layers of a Keras model compute in."""
    return tuple(sorted({layer.compute_dtype for layer in _others(model)}))


@contextlib.contextmanager
def in_float32(model: Any) -> Generator[None]:
    """Let all layers of a Keras model compute in float32; their weights stay what they are.

    The model is as it was afterwards. Not to be entered while it is used elsewhere.

    Raises
    ------
    ConversionError
        If the policy of a layer cannot be changed.
    """
    keras = require("keras", "train")
    changed = [(layer, layer.dtype_policy) for layer in _others(model)]
    if any(isinstance(policy, keras.dtype_policies.DTypePolicyMap) for _, policy in changed):
        raise ConversionError(
            f"{model.name!r} has a map of dtype policies, in which layers compute in other numbers "
            "than float32: build it with the policy float32, and load its weights."
        )
    try:
        for layer, policy in changed:
            layer.dtype_policy = _computing_in_float32(keras, policy.variable_dtype)
        yield
    finally:
        for layer, policy in changed:
            layer.dtype_policy = policy


def _others(model: Any) -> list[Any]:
    # Keras has no public way to the layers within layers.
    return [layer for layer in model._flatten_layers() if layer.compute_dtype in _FLOATS]  # noqa: SLF001


def _computing_in_float32(keras: Any, weights: str) -> Any:
    class Policy(keras.DTypePolicy):
        compute_dtype = "float32"
        variable_dtype = weights  # Keras casts them, as each layer reads them

    return Policy("float32")
