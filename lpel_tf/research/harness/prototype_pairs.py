"""Test images beside the prototype of their class, to which they are called similar (EMSNN)."""

from dataclasses import dataclass
from itertools import chain, zip_longest

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.decision import Decisions
from lpel_serving.faithfulness.photograph_pairs import PhotographPairs
from lpel_serving.images.datasets.pairs import Pair
from lpel_tf.research.emsnn.prototypes import large_classes, prototype, prototypes
from lpel_tf.research.harness.people import People


@dataclass(frozen=True, eq=False)
class PrototypePairs:
    """Test images, each with the prototypes of its class and of another.

    Attributes
    ----------
    pairs
        The test images. The embeddings of their references are the prototypes, each of all images
        of a class but the one explained; the references' pictures are one of these.
    another
        The prototype of another class for each, float32, shape (N, D).
    """

    pairs: PhotographPairs
    another: NDArray[np.float32]


def draw_prototype_pairs(
    people: People, n: int, *, threshold: float, rng: np.random.Generator
) -> PrototypePairs | None:
    """Draw up to n images of the test, one of each large class and then further ones, in turn.

    None if there are fewer than two, or one large class alone.

    Parameters
    ----------
    people
        Those of the test are explained; prototypes are of everyone.
    n
        How many.
    threshold
        Images that are more similar than this to their prototype are called similar.
    rng
        The source of randomness.
    """
    everyone, h = people.everyone, people.everyone.embeddings
    classes = large_classes(everyone.identities)
    order = _in_turn(people, classes, rng)
    if len(classes) < 2 or not order:
        return None
    others = {i: [j for j in classes[everyone.identities[i]] if j != i] for i in order}
    own = prototypes(h, {str(i): others[i] for i in order})
    similarities = people.compared.comparison.similarity(own, h[order])
    kept: list[int] = np.flatnonzero(Decisions(similarities, threshold).similar)[:n].tolist()
    if len(kept) < 2:
        return None
    chosen = [order[i] for i in kept]
    source = [photograph.source for photograph in everyone.photographs]
    pairs = tuple(Pair(source[others[i][0]], source[i], True) for i in chosen)
    another = [_another([*classes], everyone.identities[i], rng) for i in chosen]
    return PrototypePairs(
        PhotographPairs(people.embedder, pairs, own[kept], h[chosen], similar=True),
        np.stack([prototype(h[classes[name]]) for name in another]),
    )


def _in_turn(people: People, classes: dict[str, list[int]], rng: np.random.Generator) -> list[int]:
    """The places of the classes' test images: the first of each at random, then the second."""
    tested, photographs = set(people.split.test.photographs), people.everyone.photographs
    members: list[list[int]] = []
    for places in classes.values():
        shuffled: list[int] = rng.permutation(places).tolist()
        members.append([i for i in shuffled if photographs[i] in tested])
    return [i for i in chain.from_iterable(zip_longest(*members)) if i is not None]


def _another(names: list[str], own: str, rng: np.random.Generator) -> str:
    """Choose any class but its own: some names further on, in a circle."""
    step = int(rng.integers(1, len(names)))
    return names[(names.index(own) + step) % len(names)]
