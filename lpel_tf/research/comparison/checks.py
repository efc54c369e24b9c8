"""Sanity and stability: maps must change with the weights and stay under irrelevant changes."""

from typing import Any

import numpy as np

from lpel_serving.engine.embedder import Embedder
from lpel_serving.methods.method import AssembledNetworks, Networks
from lpel_serving.support.arrays import Floats
from lpel_serving.support.progress import Progress
from lpel_tf.research.comparison.asked import installed
from lpel_tf.research.comparison.setting import Setting
from lpel_tf.research.measures.randomisation.random_weights import randomise_weights
from lpel_tf.research.measures.randomisation.sanity import sanity
from lpel_tf.research.measures.robustness.stability import stability

METHODS = ("responses", "surrogate", "surrogate-order", "lpel")


def checks(setting: Setting, n: int, seed: int, progress: Progress) -> dict[str, Any]:
    """Sanity by random weights, and stability, of the best methods and of LPEL."""
    networks = setting.explainer
    pairs = setting.similar[:n]
    rng = np.random.default_rng((seed, 1))

    def responds_at_random(embeddings: Floats) -> Floats:
        known = networks.respond(embeddings)
        kernel = np.random.default_rng(seed).normal(size=(embeddings.shape[1], known[0].size))
        return (embeddings @ kernel).reshape(known.shape).astype(np.float32)

    broken: dict[str, Networks] = {
        "response decoder": AssembledNetworks(
            networks.embed,
            networks.decode,
            responds_at_random,
            networks.features,
            networks.simulate,
        )
    }
    for share in (0.25, 1.0):
        drawn = randomise_weights(setting.model, share, np.random.default_rng(seed))
        embedder = Embedder(drawn, setting.exported.record, networks.embedder.crop)
        broken[f"embedder, top {share:.0%}"] = AssembledNetworks(
            embedder.embed,
            networks.decode,
            networks.respond,
            embedder.features,
            networks.simulate,
        )
    found: dict[str, Any] = {}
    for name, method in installed(METHODS, setting.needs).items():
        parts = sanity(networks, pairs, method, broken, rng, progress)
        parts |= stability(networks, pairs, method, rng, progress=progress)
        found[name] = {part: float(values.mean()) for part, values in parts.items()}
    return found
