"""What an explanation costs, by turns on the same pairs: ratios, since the machine is shared."""

import time
from typing import Any

import numpy as np

from faithful.setting import Setting
from lpel_serving.laboratory.cost import Counted
from lpel_serving.methods import find_method

METHODS = ("responses", "lpel", "occlusion", "hybrid", "coalitions", "corrrise")


def cost(setting: Setting, n: int) -> dict[str, Any]:
    """Milliseconds for one direction of a similar pair, its two embeddings included.

    Medians, and the median over pairs of the ratio to `responses`.
    """
    networks = setting.explainer
    methods = {name: find_method(name) for name in METHODS}
    seconds = {name: np.empty(n) for name in METHODS}
    embedded: dict[str, float] = {}
    for i in range(n):
        pair = setting.similar[i]
        for name in np.roll(METHODS, i).tolist():
            counted = Counted(networks)
            start = time.perf_counter()
            counted.embed(np.stack([pair.reference, pair.test]))
            methods[name](pair, counted, np.random.default_rng(i))
            seconds[name][i] = time.perf_counter() - start
            embedded[name] = counted.embedded
    return {
        name: {
            "embeddings": embedded[name],
            "ms": float(np.median(took) * 1000),
            "p95 ms": float(np.percentile(took, 95) * 1000),
            "ratio to responses": float(np.median(took / seconds["responses"])),
        }
        for name, took in seconds.items()
    }
