"""What is usual of the maps of the tiny bundle, by pairs of pictures of noise."""

from dataclasses import replace
from functools import cache

import numpy as np

from lpel_serving.bundle.usual_record import UsualRecord
from lpel_serving.engine.usual import measure_usual
from lpel_serving.methods.networks import AssembledNetworks
from support import tiny, tiny_surrogate
from support.images import pixels

PHOTOGRAPHS = 120
NETWORKS = AssembledNetworks(tiny.embed, tiny.decode, tiny.respond)


@cache
def faces() -> tuple[np.ndarray, tuple[str, ...]]:
    """Embeddings of pictures of noise, and who is in each: two pictures of everybody."""
    embeddings = tiny.embed(np.stack([pixels(seed) for seed in range(PHOTOGRAPHS)]))
    return embeddings, tuple(f"person {seed // 2}" for seed in range(PHOTOGRAPHS))


@cache
def usual(
    threshold: float = tiny.THRESHOLD, crop: str = "none", *, responds: bool = True
) -> UsualRecord:
    """Such as a manifest of the tiny bundle holds."""
    record = measure_usual(
        NETWORKS,
        *faces(),
        threshold,
        np.random.default_rng(0),
        responds=responds,
        crop=crop,
        on="pictures of noise",
    )
    assert record is not None
    return record


@cache
def simulated_usual(threshold: float = 0.8) -> UsualRecord:
    """Such as a manifest of the tiny bundle with a surrogate holds."""
    crops = [pixels(seed) for seed in range(PHOTOGRAPHS)]
    record = measure_usual(
        replace(NETWORKS, features=tiny_surrogate.features, simulate=tiny_surrogate.simulate),
        *faces(),
        threshold,
        np.random.default_rng(0),
        responds=True,
        crop="none",
        on="pictures of noise",
        read=crops.__getitem__,
    )
    assert record is not None
    return record
