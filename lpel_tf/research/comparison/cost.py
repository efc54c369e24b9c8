"""The cost of an explanation by each method: images embedded, and ratios of time."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from lpel_serving.methods.catalogue.description import asks
from lpel_serving.methods.each_once import knowing
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import Networks
from lpel_tf.research.comparison.asked import installed
from lpel_tf.research.comparison.setting import Setting
from lpel_tf.research.comparison.white_box import cheap_white_box, passes
from lpel_tf.research.gradients.fggb import Fggb
from lpel_tf.research.measures.cost import CountingNetworks

METHODS = (
    *("responses", "surrogate", "surrogate-order", "lpel", "occlusion"),
    *("hybrid", "coalitions", "corrrise"),
)
"""By the engine, which counts embeddings; the gradient methods, by Keras, count passes."""


def cost(setting: Setting, n: int) -> dict[str, Any]:
    """Milliseconds for one direction of a similar pair, its two embeddings included.

    Medians, and the median over pairs of the ratio to `responses`.
    """
    networks = setting.explainer
    explained: dict[str, Explain] = {
        name: partial(_by_engine, method, networks)
        for name, method in installed(METHODS, setting.needs).items()
    }
    gradients = cheap_white_box(setting) | {"FGGB": Fggb(setting.differentiable, setting.theta)}
    explained |= {name: partial(_by_keras, method, setting) for name, method in gradients.items()}
    return _by_turns(explained, setting.similar[:n])


Explain = Callable[[FacePair, int], float]
"""Explains a pair, the number of which seeds it; returns the images embedded, or passes made."""


def _by_engine(method: Method, networks: Networks, pair: FacePair, i: int) -> float:
    counting, rng = CountingNetworks(networks), np.random.default_rng(i)
    crops = np.stack([pair.reference, pair.test])
    if networks.simulated_fills and asks(method, "surrogate"):
        # One pass gives embeddings and local features, as `Explainer.explain` does it.
        method(pair, knowing(counting, list(crops), counting.features(crops)), rng)
    else:
        counting.embed(crops)
        method(pair, counting, rng)
    return counting.embedded


def _by_keras(method: Method, setting: Setting, pair: FacePair, i: int) -> float:
    network = setting.differentiable
    before = passes(network)
    network.embed(np.stack([pair.reference, pair.test]))
    method(pair, setting.explainer, np.random.default_rng(i))
    return passes(network) - before


def _by_turns(explained: dict[str, Explain], pairs: Sequence[FacePair]) -> dict[str, Any]:
    names = list(explained)
    seconds = {name: np.empty(len(pairs)) for name in names}
    asked: dict[str, float] = {}
    for name in names:
        explained[name](pairs[0], 0)  # Keras traces its graphs the first time
    for i, pair in enumerate(pairs):
        for name in (*names[-i % len(names) :], *names[: -i % len(names)]):
            start = time.perf_counter()
            asked[name] = explained[name](pair, i)
            seconds[name][i] = time.perf_counter() - start
    return {
        name: {
            "embeddings": asked[name],
            "ms": float(np.median(took) * 1000),
            "p95 ms": float(np.percentile(took, 95) * 1000),
            "ratio to responses": float(np.median(took / seconds["responses"])),
        }
        for name, took in seconds.items()
    }
