"""Sanity and stability: maps must change with the weights and stay under irrelevant changes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from lpel_export.local_features.second_output import has_local_features, take_out
from lpel_serving.bundle.surrogate_graphs import SurrogateGraphs
from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.surrogate import Surrogate
from lpel_serving.methods.catalogue.description import needs_of
from lpel_serving.methods.method import Method, Need
from lpel_serving.methods.networks import Networks, with_embed
from lpel_serving.support.arrays import Floats
from lpel_serving.support.progress import Progress
from lpel_tf.research.comparison.asked import installed
from lpel_tf.research.comparison.setting import Setting
from lpel_tf.research.measures.randomisation.random_weights import randomise_weights
from lpel_tf.research.measures.randomisation.sanity import sanity
from lpel_tf.research.measures.robustness.stability import stability

METHODS = ("responses", "surrogate", "surrogate-order", "lpel")
SHARES = (0.25, 1.0)
"""Of the embedder's weighted operations, those nearest to the embedding first."""


def checks(setting: Setting, n: int, seed: int, progress: Progress) -> dict[str, Any]:
    """Sanity by random weights, and stability, of the best methods and of LPEL."""
    networks = setting.explainer
    pairs = setting.similar[:n]
    rng = np.random.default_rng((seed, 1))
    broken = Broken(setting, seed)
    found: dict[str, Any] = {}
    for name, method in installed(METHODS, setting.needs).items():
        parts = sanity(networks, pairs, method, broken.of(method), rng, progress)
        parts |= stability(networks, pairs, method, rng, progress=progress)
        found[name] = {part: float(values.mean()) for part, values in parts.items()}
    return found


class Broken:
    """A setting's networks with random weights in one of them, made once for all methods.

    Parameters
    ----------
    setting
        The setting.
    seed
        Of the weights.
    """

    def __init__(self, setting: Setting, seed: int) -> None:
        known = setting.explainer
        own = with_embed(known, known.embed)
        self._of_everything: dict[str, Networks] = {}
        for share in SHARES:
            drawn = random_embedder(setting.model, share, np.random.default_rng(seed))
            embedder = Embedder(drawn, setting.exported.record, known.embedder.crop)
            self._of_everything[f"embedder, top {share:.0%}"] = replace(
                own, embed=embedder.embed, features=embedder.features
            )
        self._by_need: dict[Need, tuple[str, Networks]] = {
            "responses": ("response decoder", replace(own, respond=_at_random(known, seed)))
        }
        record = known.manifest.surrogate
        if setting.surrogate is not None and record is not None:
            drawn = random_surrogate(setting.surrogate, np.random.default_rng(seed))
            simulate = Surrogate(drawn, record, setting.exported.record.dimension).simulate
            self._by_need["surrogate"] = "surrogate", replace(own, simulate=simulate)

    def of(self, method: Method) -> dict[str, Networks]:
        """Those that a method should notice, by what was broken: nothing that it never runs."""
        needs = needs_of(method) or ()
        rows = [row for need, row in self._by_need.items() if need in needs]
        return {**dict(rows), **self._of_everything}


def random_surrogate(graphs: SurrogateGraphs, rng: np.random.Generator) -> SurrogateGraphs:
    """Draw all weights of both graphs anew."""
    models = (graphs.surrogate, graphs.simulation)
    return SurrogateGraphs(*(randomise_weights(model, 1.0, rng) for model in models))


def random_embedder(model: bytes, share: float, rng: np.random.Generator) -> bytes:
    """Draw the weights nearest to the *embedding* anew: see `randomise_weights`.

    What reduces layers to local features stays as it is: it comes last in the graph, but it makes
    no embedding.
    """
    if not has_local_features(model):
        return randomise_weights(model, share, rng)
    apart = take_out(model)
    return apart.put_back(randomise_weights(apart.with_layers, share, rng))


def _at_random(networks: Networks, seed: int) -> Callable[[Floats], Floats]:
    """A response decoder with random weights."""

    def respond(embeddings: Floats) -> Floats:
        known = networks.respond(embeddings)
        kernel = np.random.default_rng(seed).normal(size=(embeddings.shape[1], known[0].size))
        return (embeddings @ kernel).reshape(known.shape).astype(np.float32)

    return respond
