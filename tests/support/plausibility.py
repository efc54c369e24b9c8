"""A check of plausibility for the tiny bundle, which knows noise; and what it does not know."""

import numpy as np

from lpel_serving.bundle.plausibility_record import FittedPlausibility, fit_record
from support import tiny
from support.images import pixels

KNOWN = 400
"""Pictures that it is fitted on; as many are held out for the limit."""


def plausibility() -> FittedPlausibility:
    """Such as a bundle of the tiny network holds that was trained on pictures of noise."""
    embeddings = tiny.embed(np.stack([pixels(seed) for seed in range(2 * KNOWN)]))
    people = [str(seed) for seed in range(KNOWN)]
    fitted = fit_record(embeddings[:KNOWN], embeddings[KNOWN:], people, "pictures of noise")
    assert fitted is not None
    return fitted


def odd() -> np.ndarray:
    """A picture of another kind than noise, uint8, shape (16, 16, 3): a feature of the network."""
    feature = tiny.embedder_kernel()[:, 0].reshape(tiny.IMAGE_SIZE, tiny.IMAGE_SIZE, 3)
    return np.where(feature > 0, 255, 0).astype(np.uint8)
