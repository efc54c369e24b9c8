"""Embedders with local features as their second output: raw ones, and reduced ones."""

from lpel_tf.surrogates.reduction import Reduction


def choose_layers(model: bytes, side: int) -> tuple[str, ...]:
    """Choose the tensors of a network that local features come from: see `lpel_export`."""
    raise NotImplementedError


def with_raw_features(model: bytes, layers: tuple[str, ...], side: int) -> bytes:
    """Give an embedder the raw features of its layers as a second output, (batch, K, R)."""
    raise NotImplementedError


def with_reduced_features(
    model: bytes, layers: tuple[str, ...], side: int, reduction: Reduction
) -> bytes:
    """Give an embedder reduced features of its layers as a second output, (batch, K, C)."""
    raise NotImplementedError
