"""Every method's maps of every pair, each computed once, kept on disk, with what they cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lpel_serving.equations.attribution import fit_responses
from lpel_serving.equations.fill import Fill
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.methods.corrrise import correlation_map, draw_masks, masked_embeddings
from lpel_serving.methods.embedding_losses import draw_coalitions, embedding_losses
from lpel_serving.methods.method import FacePair, Method, Networks
from lpel_serving.methods.responses import enlarge, evidence
from lpel_serving.support.partial import Partial
from lpel_serving.support.progress import Progress
from lpel_tf.research.measures.cost import Counted

BUDGETS = (16, 32, 64, 128, 256)
"""Coalitions of each image, for the curve of quality against embeddings."""
MASKS = (50, 100, 200, 500)
"""Of CorrRISE."""
SIDE = 8


@dataclass(eq=False)
class Maps:
    """Maps of one method by pair, with the passes for each beyond the pair's own two."""

    values: dict[bytes, np.ndarray] = field(default_factory=dict)
    embeddings: float = 0.0

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> np.ndarray:
        """Answer as a method of `lpel_serving` would."""
        return self.values[key(pair)]


def key(pair: FacePair) -> bytes:
    return pair.h_r.tobytes() + pair.h_t.tobytes() + bytes([pair.similar])


Family = Callable[[FacePair, FacePair, int], Mapping[str, tuple[np.ndarray, np.ndarray, float]]]
"""A similar and a dissimilar pair of one test image and their number, to the map of each and the
mean number of embeddings, by method."""


def collect(
    family: Family,
    similar: Sequence[FacePair],
    dissimilar: Sequence[FacePair],
    partial: Partial,
    name: str,
    progress: Progress,
) -> dict[str, Maps]:
    """Explain pair after pair, going on where an earlier run stopped."""
    kept = partial.load() or {}
    done = int(kept.get("done", 0))
    found: dict[str, Maps] = {}
    with progress(f"maps of {name}", len(similar)) as advance:
        advance(done)
        for i in range(len(similar)):
            pair, other = similar[i], dissimilar[i]
            if i >= done:
                for method, (a, b, embedded) in family(pair, other, i).items():
                    kept[f"{method}/{i}/similar"], kept[f"{method}/{i}/dissimilar"] = a, b
                    kept[f"{method}/{i}/cost"] = np.array(embedded)
                kept["done"] = np.array(i + 1)
                if i % 8 == 7 or i + 1 == len(similar):
                    partial.save(kept)
                advance(1)
            methods = {one.split("/")[0] for one in kept if one.endswith(f"/{i}/cost")}
            for method in sorted(methods):
                maps = found.setdefault(method, Maps())
                maps.values[key(pair)] = kept[f"{method}/{i}/similar"]
                maps.values[key(other)] = kept[f"{method}/{i}/dissimilar"]
                maps.embeddings += float(kept[f"{method}/{i}/cost"]) / len(similar)
    return found


def each_by_itself(methods: Mapping[str, Method], networks: Networks, seed: int) -> Family:
    """Methods that are asked about one pair after the other."""

    def explain(pair: FacePair, other: FacePair, i: int) -> dict[str, tuple[np.ndarray, ...]]:
        found = {}
        for name, method in methods.items():
            counted = Counted(networks)
            maps = [method(one, counted, np.random.default_rng((seed, i))) for one in (pair, other)]
            found[name] = (*maps, counted.embedded / 2)
        return found

    return explain


def corrrise(networks: Networks, seed: int) -> Family:
    """CorrRISE with its one set of masks, at several N and with Pearson's and Spearman's."""
    masks = draw_masks(np.random.default_rng(seed), max(MASKS))

    def explain(pair: FacePair, other: FacePair, i: int) -> dict[str, tuple[np.ndarray, ...]]:
        embedded = masked_embeddings(networks, pair.test, masks)
        found = {}
        variants = [(n, False) for n in MASKS] + [(max(MASKS), True)]
        for n, ranked in variants:
            similarities = np.stack(
                [cosine_similarity(embedded[:n], one.h_r) for one in (pair, other)]
            )
            shape = pair.test.shape[:2]
            a, b = correlation_map(masks.first(n), similarities, shape, ranked=ranked)
            found[f"CorrRISE {n}{', ranks' if ranked else ''}"] = (a, -b, n)
        return found

    return explain


def by_coalitions(networks: Networks, fill: Fill, seed: int) -> Family:
    """Coalitions measured, alone and on top of what the response decoder foretells."""

    def explain(pair: FacePair, other: FacePair, i: int) -> dict[str, tuple[np.ndarray, ...]]:
        images = (pair.test, pair.h_t), (other.reference, other.h_r)
        foretold = networks.respond(np.stack([h for _, h in images]))
        drawn, losses = [], []
        for image, h in images:
            rng = np.random.default_rng((seed, i))  # the same for both, as the methods do it
            drawn.append(draw_coalitions(rng, max(BUDGETS), SIDE**2))
            losses.append(embedding_losses(networks.embed, image, h, drawn[-1], [fill], rng))
        found = {}
        for n in BUDGETS:
            for name, priors in (("coalitions", (None, None)), ("hybrid", foretold)):
                of_test, of_other = (
                    fit_responses(drawn[j][:n], losses[j][:n], priors[j]) for j in (0, 1)
                )
                a, b = evidence(pair, of_test, None), evidence(other, of_test, of_other)
                found[f"{name} {n}"] = (enlarge(a, 40), enlarge(b, 40), 1.5 * n)
        return found

    return explain


def of_everybody_else(maps: Maps, pairs: Sequence[Sequence[FacePair]]) -> Maps:
    """The mean of a method's maps of all other pairs of the same decision: no pair's own."""
    found = Maps()
    for decided in pairs:
        keys = [key(pair) for pair in decided]
        total = np.sum([maps.values[one] for one in keys], axis=0)
        for one in keys:
            found.values[one] = (total - maps.values[one]) / (len(keys) - 1)
    return found


def of_files(paths: Sequence[Path], pairs: Sequence[FacePair]) -> dict[str, Maps]:
    """Maps that `benchmarks/rivals` made of PAIRS.npz."""
    found: dict[str, Maps] = {}
    for path in paths:
        with np.load(path) as file:
            for name in file.files:
                if "." in name or len(file[name]) < len(pairs):
                    continue
                values = {key(pairs[i]): file[name][i] for i in range(len(pairs))}
                found[name] = Maps(values, float(file[f"{name}.embeddings"].mean()))
    return found


def write_pairs(pairs: Sequence[FacePair], path: Path) -> None:
    """Write PAIRS.npz for `benchmarks/rivals`."""
    chosen = list(pairs)
    np.savez_compressed(
        path,
        reference=np.stack([pair.reference for pair in chosen]),
        test=np.stack([pair.test for pair in chosen]),
        h_r=np.stack([pair.h_r for pair in chosen]),
        h_t=np.stack([pair.h_t for pair in chosen]),
        similar=np.array([pair.similar for pair in chosen]),
    )
