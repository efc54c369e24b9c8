"""Methods whose maps of several pairs share measurements of their common test image."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from lpel_serving.equations.attribution import fit_responses
from lpel_serving.equations.fill import Fill
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.methods.catalogue.description import asks
from lpel_serving.methods.decoded.responses import enlarge, evidence
from lpel_serving.methods.each_once import knowing
from lpel_serving.methods.measured.corrrise import correlation_map, draw_masks, masked_embeddings
from lpel_serving.methods.measured.embedding_losses import draw_coalitions, embedding_losses
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import Networks
from lpel_tf.decoders.decoder import IMAGE_SIZE
from lpel_tf.research.comparison.maps import Family, TwoMaps
from lpel_tf.research.measures.cost import CountingNetworks

BUDGETS = (16, 32, 64, 128, 256)
"""Coalitions of each image, for the curve of quality against embeddings."""
MASKS = (50, 100, 200, 500)
"""Of CorrRISE."""
SIDE = 8


def each_by_itself(
    methods: Mapping[str, Method],
    networks: Networks,
    seed: int,
    decisions: tuple[bool, ...] = (True, False),
) -> Family:
    """Methods that are asked about one pair after the other, of some of the decisions."""

    def explain(pair: FacePair, other: FacePair, i: int) -> dict[str, TwoMaps]:
        found: dict[str, TwoMaps] = {}
        asked = [one for one in (pair, other) if one.similar in decisions]
        wrapped = _knowing(methods, networks, asked)
        for name, method in methods.items():
            counting = CountingNetworks(networks)
            maps = {
                one.similar: method(one, wrapped(counting), np.random.default_rng((seed, i)))
                for one in asked
            }
            found[name] = (maps.get(True), maps.get(False), counting.embedded / len(asked))
        return found

    return explain


def _knowing(
    methods: Mapping[str, Method], networks: Networks, pairs: Sequence[FacePair]
) -> Callable[[Networks], Networks]:
    """What wraps networks so that they know the local features, which the pairs' own passes give.

    Networks stay as they are if there is no surrogate, or no method asks it.
    """
    asked = any(asks(method, "surrogate") for method in methods.values())
    if not (networks.simulated_fills and asked):
        return lambda own: own
    crops = [image for pair in pairs for image in (pair.reference, pair.test)]
    features = networks.features(np.stack(crops))
    return lambda own: knowing(own, crops, features)


def corrrise(networks: Networks, seed: int) -> Family:
    """CorrRISE with its one set of masks, at several N and with Pearson's and Spearman's."""
    masks = draw_masks(np.random.default_rng(seed), max(MASKS))

    def explain(pair: FacePair, other: FacePair, i: int) -> dict[str, TwoMaps]:
        del i
        embedded = masked_embeddings(networks, pair.test, masks)
        found: dict[str, TwoMaps] = {}
        variants = [(n, False) for n in MASKS] + [(max(MASKS), True)]
        shape = (pair.test.shape[0], pair.test.shape[1])
        for n, ranked in variants:
            similarities = np.stack(
                [cosine_similarity(embedded[:n], one.h_r) for one in (pair, other)]
            )
            a, b = correlation_map(masks.first(n), similarities, shape, ranked=ranked)
            found[f"CorrRISE {n}{', ranks' if ranked else ''}"] = (a, -b, n)
        return found

    return explain


def by_coalitions(networks: Networks, fill: Fill, seed: int) -> Family:
    """Coalitions measured, alone and on top of what the response decoder predicts."""

    def explain(pair: FacePair, other: FacePair, i: int) -> dict[str, TwoMaps]:
        images = (pair.test, pair.h_t), (other.reference, other.h_r)
        predicted = networks.respond(np.stack([h for _, h in images]))
        rngs = [np.random.default_rng((seed, i)) for _ in images]  # alike, as the methods do it
        drawn = [draw_coalitions(rng, max(BUDGETS), SIDE**2) for rng in rngs]
        losses = [
            embedding_losses(networks.embed, networks.comparison, image, h, coalitions, [fill], rng)
            for (image, h), coalitions, rng in zip(images, drawn, rngs, strict=True)
        ]
        found: dict[str, TwoMaps] = {}
        for n in BUDGETS:
            for name, priors in (("coalitions", (None, None)), ("responses corrected", predicted)):
                of_test, of_other = (
                    fit_responses(drawn[j][:n], losses[j][:n], priors[j]) for j in (0, 1)
                )
                a = evidence(pair, networks.comparison, of_test, None)
                b = evidence(other, networks.comparison, of_test, of_other)
                maps = enlarge(a, IMAGE_SIZE), enlarge(b, IMAGE_SIZE)
                found[f"{name} {n}"] = (*maps, 1.5 * n)
        return found

    return explain
