"""A confidence for tests, fitted on similarities made from a seed."""

import numpy as np

from lpel_serving.bundle.confidence_record import ConfidenceRecord, fit_confidence


def similarities(n_same: int = 150, n_different: int = 150) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping similarities, float32, and whether each is of one person."""
    same = np.arange(n_same + n_different) < n_same
    drawn = np.random.default_rng(0).normal(0.1 + 0.5 * same, 0.15)
    return np.clip(drawn, -1, 1).astype(np.float32), same


def confidence(on: str = "made-up pairs") -> ConfidenceRecord:
    """Such as a manifest holds."""
    record = fit_confidence(*similarities(), on)
    assert record is not None
    return record
