"""Draws pairs and triplets of images by their classes, anew in each epoch; plain arithmetic.

What an epoch draws depends on its number and the seed alone, so that an interrupted training draws
the same again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import ParameterError
from lpel_tf.support.errors import TrainingDataError

Places = NDArray[np.int64]
Hardness = Literal["random", "semi-hard", "hard"]
"""Which negatives of a triplet: any; the nearest that is farther than the positive, but not by the
margin; or the nearest."""
_AT_ONCE = 512
"""Anchors whose distances to all images are held in memory at a time."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """What is drawn for an epoch.

    Attributes
    ----------
    places
        Of images, shape (N, 2) for pairs, (N, 3) for triplets, (N, 1) for images alone.
    targets
        What a loss is given besides, shape (N,).
    """

    places: Places
    targets: Places

    @property
    def for_a_head(self) -> "Drawn":
        """The same pairs with the scores that a learned head is to give: 1 for one class."""
        return Drawn(self.places, 1 - self.targets)


@dataclass(frozen=True, eq=False)
class Classes:
    """Which images are of which class.

    Attributes
    ----------
    labels
        The class of each image by number, from 0, shape (N,).
    members
        The places of the images of each class.
    """

    labels: Places
    members: tuple[Places, ...] = field(repr=False)

    @classmethod
    def of(cls, identities: Sequence[str]) -> "Classes":
        """Number classes by their names, in order.

        Raises
        ------
        TrainingDataError
            If there are fewer than two, or no class has two images.
        """
        names, labels = np.unique(np.array(identities, dtype=str), return_inverse=True)
        labels = labels.astype(np.int64).ravel()
        members = tuple(np.flatnonzero(labels == k) for k in range(len(names)))
        if len(names) < 2 or max(map(len, members)) < 2:
            raise TrainingDataError(
                "a siamese network learns from images of two classes or more, with two images or "
                f"more in at least one of them; received {len(labels)} images of {len(names)} "
                "classes: give more images, or look whether each lies in the folder of its class."
            )
        return cls(labels, members)

    @property
    def with_two(self) -> Places:
        """The classes that have a pair of their own, by number."""
        return np.array([k for k, own in enumerate(self.members) if len(own) > 1], np.int64)

    def one_of(self, k: int, rng: np.random.Generator) -> int:
        """The place of an image of class k."""
        own = self.members[k]
        return int(own[rng.integers(len(own))])

    def two_of(self, k: int, rng: np.random.Generator) -> tuple[int, int]:
        """The places of two images of class k."""
        own = self.members[k]
        first, second = (int(one) for one in rng.choice(len(own), 2, replace=False))
        return int(own[first]), int(own[second])


def draw_singles(classes: Classes, rng: np.random.Generator) -> Drawn:
    """Draw every image once, with its class for a target."""
    order = rng.permutation(len(classes.labels))
    return Drawn(order[:, np.newaxis], classes.labels[order])


def draw_pairs(classes: Classes, n: int, rng: np.random.Generator) -> Drawn:
    """Draw n pairs, alternately of one class and of two; every class as often, however large.

    The target is z of Eq. 2.3: 0 for pairs of one class, 1 for pairs of two.
    """
    z = np.arange(n) % 2
    places = np.empty((n, 2), np.int64)
    with_two = classes.with_two
    for i in range(n):
        if z[i]:
            a, b = (int(k) for k in rng.choice(len(classes.members), 2, replace=False))
            places[i] = classes.one_of(a, rng), classes.one_of(b, rng)
        else:
            places[i] = classes.two_of(int(rng.choice(with_two)), rng)
    return Drawn(places, z)


def draw_triplets(
    classes: Classes,
    embeddings: Floats,
    rng: np.random.Generator,
    *,
    hardness: Hardness = "semi-hard",
    alpha: float = 0.2,
) -> Drawn:
    """Draw a triplet for each image of a class of two or more, negatives by the embeddings.

    Parameters
    ----------
    classes
        Of the images.
    embeddings
        As the network makes them now, float32, shape (N, D).
    rng
        Draws the positives, and random negatives.
    hardness
        Which negatives. Where there is no semi-hard one it is a random one: the nearest ones make
        networks collapse early in their training (Schroff et al. 2015, section 3.2).
    alpha
        The margin on squared distances.

    Raises
    ------
    ParameterError
        If there is no such hardness.
    """
    if hardness not in get_args(Hardness):
        raise ParameterError(
            f"negatives are {', '.join(get_args(Hardness))}; received {hardness!r}."
        )
    own: Places = np.concatenate([one for one in classes.members if len(one) > 1])
    anchors: Places = rng.permutation(own)
    positives = np.array([_another(classes, int(a), rng) for a in anchors], np.int64)
    h = embeddings.astype(np.float64)
    negatives = np.concatenate(
        [
            _negatives(classes, h, anchors[part], positives[part], rng, hardness, alpha)
            for part in np.array_split(np.arange(len(anchors)), -(-len(anchors) // _AT_ONCE))
        ]
    )
    places = np.stack([anchors, positives, negatives], axis=1)
    return Drawn(places, np.zeros(len(places), np.int64))


def _another(classes: Classes, place: int, rng: np.random.Generator) -> int:
    """Another image of the same class."""
    own = classes.members[int(classes.labels[place])]
    others = own[own != place]
    return int(others[rng.integers(len(others))])


def _negatives(
    classes: Classes,
    h: NDArray[np.float64],
    anchors: Places,
    positives: Places,
    rng: np.random.Generator,
    hardness: Hardness,
    alpha: float,
) -> Places:
    """The places of the negatives of some anchors."""
    if hardness == "random":
        return _of_another_class(classes, anchors, rng)
    apart = _squared_distances(h, anchors)
    each = np.arange(len(anchors))
    excluded = classes.labels[anchors, np.newaxis] == classes.labels
    if hardness == "semi-hard":
        positive = apart[each, positives][:, np.newaxis]
        excluded |= (apart <= positive) | (apart >= positive + alpha)
    apart[excluded] = np.inf
    nearest = apart.argmin(axis=1)
    if hardness == "hard":
        return nearest
    return np.where(
        np.isfinite(apart[each, nearest]), nearest, _of_another_class(classes, anchors, rng)
    )


def _of_another_class(classes: Classes, anchors: Places, rng: np.random.Generator) -> Places:
    """For each anchor any image of another class."""
    others = (np.flatnonzero(classes.labels != classes.labels[a]) for a in anchors)
    return np.array([one[rng.integers(len(one))] for one in others], np.int64)


def _squared_distances(h: NDArray[np.float64], anchors: Places) -> NDArray[np.float64]:
    """Squared distances of some images to all, shape (anchors, N)."""
    squares = np.square(h).sum(axis=1)
    return squares[anchors, np.newaxis] - 2 * h[anchors] @ h.T + squares
