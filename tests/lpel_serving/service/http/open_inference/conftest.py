"""What the tests of the Open Inference Protocol share."""

from collections.abc import Callable

import numpy as np
import pytest

from lpel_serving.service.http.messages.problems import Problem
from support import tiny


@pytest.fixture(scope="session")
def outcome() -> Callable:
    """Does something, and returns what it gives, or the one kind of error that it may raise."""

    def attempt(work: Callable) -> object:
        try:
            return work()
        except Problem as problem:
            return problem

    return attempt


@pytest.fixture(scope="session")
def faces() -> tuple[np.ndarray, np.ndarray]:
    """References and tests: a likeness, one photograph twice, noise, and specks far apart."""
    rng = np.random.default_rng(5)
    shape = (6, tiny.IMAGE_SIZE, tiny.IMAGE_SIZE, 3)
    references, tests = rng.integers(0, 256, (2, *shape), np.uint8)
    tests[0] = np.clip(references[0].astype(int) + rng.integers(-9, 9, shape[1:]), 0, 255)
    tests[1] = references[1]
    for batch in (references, tests):
        batch[3:] *= rng.random((3, *shape[1:])) < 0.02
    return references, tests


@pytest.fixture(scope="session")
def embeddings() -> np.ndarray:
    """Such as the tiny embedder makes, shape (3, 6)."""
    return np.random.default_rng(7).normal(size=(3, tiny.DIMENSION)).astype(np.float32)
