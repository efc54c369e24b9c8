"""Embeddings of kinds that an equation may stumble over, and what is near enough in float32."""

import numpy as np

KINDS = ("normal", "ties", "equal", "zero", "far", "unit")


def embeddings(kind: str, dimension: int, seed: int) -> np.ndarray:
    """Two embeddings, float32, shape (2, D)."""
    rng = np.random.default_rng((seed, dimension))
    normal = rng.normal(size=(2, dimension))
    values = {
        "normal": normal,
        "ties": rng.integers(-2, 3, (2, dimension)),
        "equal": np.stack([np.ones(dimension), np.ones(dimension) + 0.5]),
        "zero": np.stack([np.zeros(dimension), normal[1]]),
        "far": normal * 1e4,
        "unit": normal / np.linalg.norm(normal, axis=1, keepdims=True),
    }[kind]
    return values.astype(np.float32)


def close(received, expected, atol: float = 2e-6) -> None:
    assert received.dtype == np.float32
    np.testing.assert_allclose(received, expected, rtol=2e-6, atol=atol)
