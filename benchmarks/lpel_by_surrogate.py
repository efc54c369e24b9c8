"""Why LPEL's order fails: its decoder and its direction exchanged, each by the surrogate's.

Usage: python benchmarks/lpel_by_surrogate.py --faces lfw --bundle BUNDLE --work work [--pairs 50]

LPEL (Eq. 4.2 to 4.7) moves the test's embedding by the relevance r and shows where a decoder's
picture changes: for a linear decoder |W r|. The surrogate says how the embedding moves if
superpixels are hidden, so that both halves can be exchanged on their own:

- ``lpel``: as published.
- ``decoder of hidden superpixels``: |M r|, with the linear decoder M that best says, by least
  squares over simulated coalitions of many faces, which superpixels an embedding has lost.
- ``own vectors, relevance``: |A_k . r|, with this photograph's own attribution vectors A_k.
- ``own vectors, reference``: A_k . h_r: no relevance, but the direction that the cosine depends on.

It prints the mean area under the deletion curve of similar pairs by noise (lower is better).
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpel_serving.commands.shared.progress import progress_bar
from lpel_serving.equations.relevance import relevance
from lpel_serving.equations.similarity import unit
from lpel_serving.methods import find_method
from lpel_serving.methods.decoded.responses import enlarge
from lpel_serving.methods.method import FacePair
from lpel_serving.methods.networks import ImageFeatures, Networks
from lpel_serving.methods.simulated.design import fixed_design
from lpel_serving.methods.simulated.game import on_grid
from lpel_serving.methods.simulated.surrogate_attribution import DEFAULT_STEPS
from lpel_serving.support.arrays import SignedMap
from lpel_tf.research.comparison.curves import CURVES, SUBJECT, curve_areas
from lpel_tf.research.comparison.setting import prepare
from lpel_tf.research.comparison.summary import summary
from lpel_tf.surrogates.drawing import draw_complements

FILL = "normal"
SIMULATED = 64
"""Coalitions of each photograph that the decoder of hidden superpixels is fitted to."""
RIDGE = 1e-2
"""Of its weights, as a share of the mean square of what embeddings lose along a direction."""


def main() -> None:
    """Measure the four, and print a table."""
    options = arguments()
    setting = prepare(options.faces, options.bundle, options.pairs, progress_bar)
    networks, pairs = setting.explainer, setting.similar
    others = [pair.reference for pair in setting.dissimilar]  # other photographs than the tests
    decoder = hidden_decoder(networks, others)
    methods = {
        SUBJECT: find_method(SUBJECT),
        "lpel": find_method("lpel"),
        "decoder of hidden superpixels": partial(by_decoder, decoder=decoder),
        "own vectors, relevance": partial(by_vectors, by_relevance=True),
        "own vectors, reference": partial(by_vectors, by_relevance=False),
    }
    options.work.mkdir(parents=True, exist_ok=True)
    scores = curve_areas(CURVES[0], networks, pairs, methods, 0, options.work, progress_bar)
    for name, one in summary(scores, ("random", "lpel")).items():
        mean, less = one["mean"], one["less"].get("random")
        beyond = (
            "" if less is None else f"{less['mean']:+.3f} [{less['low']:+.3f}, {less['high']:+.3f}]"
        )
        print(f"| {name} | {mean['mean']:.3f} | {beyond} |")


def hidden_decoder(networks: Networks, crops: list[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """Fit the decoder from what an embedding lost to which superpixels are hidden, (K, D)."""
    rng = np.random.default_rng(0)
    losses: list[NDArray[np.float64]] = []
    members: list[NDArray[np.float64]] = []
    for crop in crops:
        seen = networks.features(crop[np.newaxis])
        side = round(seen.local.shape[1] ** 0.5)
        coalitions = draw_complements(rng, SIMULATED // 2, side)
        masked = networks.simulate(seen, FILL)(coalitions)[0]
        losses.append((unit(seen.embeddings) - masked).astype(np.float64))
        members.append(coalitions - coalitions.mean(axis=1, keepdims=True))
    lost, hidden = np.concatenate(losses), np.concatenate(members)
    products = lost.T @ lost
    products += RIDGE * np.trace(products) / len(products) * np.eye(len(products))
    return np.linalg.solve(products, lost.T @ hidden).T


def by_decoder(
    pair: FacePair, networks: Networks, rng: np.random.Generator, *, decoder: NDArray[np.float64]
) -> SignedMap:
    """Eq. 4.6 with the decoder of hidden superpixels: |M r|."""
    del networks, rng
    moved = decoder @ relevance(pair.h_r, pair.h_t, pair.similar)
    return enlarge(on_grid(np.abs(moved)), 40)


def by_vectors(
    pair: FacePair, networks: Networks, rng: np.random.Generator, *, by_relevance: bool
) -> SignedMap:
    """The photograph's own attribution vectors, along the relevance or the reference."""
    del rng
    local = networks.features(pair.test[np.newaxis]).local
    design = fixed_design(DEFAULT_STEPS, local.shape[1])
    seen = ImageFeatures(pair.h_t[np.newaxis], local)
    masked = networks.simulate(seen, FILL)(design.coalitions)[0]
    vectors = -design.matrix @ masked.astype(np.float64)
    if by_relevance:
        return enlarge(on_grid(np.abs(vectors @ relevance(pair.h_r, pair.h_t, pair.similar))), 40)
    return enlarge(on_grid(vectors @ unit(pair.h_r)), 40)


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--faces", type=Path, required=True, help="LFW's development people")
    options.add_argument("--bundle", type=Path, required=True, help="with a surrogate")
    options.add_argument("--work", type=Path, default=Path("lpel-by-surrogate"))
    options.add_argument("--pairs", type=int, default=50)
    return options.parse_args()


if __name__ == "__main__":
    main()
