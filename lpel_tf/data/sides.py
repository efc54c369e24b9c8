"""Decides which images are trained on, which say when to stop, and which are the test."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lpel_serving.images.datasets.labelled import Labelled
from lpel_serving.images.datasets.pairs import group_by_identity
from lpel_serving.support.errors import ParameterError
from lpel_tf.support.errors import TrainingDataError

SplitBy = Literal["identity", "image"]
"""What is on one side alone: everything of an identity, or an image."""
SideName = Literal["train", "validation", "test"]
Numbers = NDArray[np.int64]

SIDES: tuple[SideName, ...] = ("train", "validation", "test")
"""Numbered in this order."""
TRAIN, VALIDATION, TEST = range(3)
FEW = 20
"""With fewer identities than this, the images of each are divided.

A tenth of 20 is two: the least of which a side that is held out gives pairs of two identities. Held
out from fewer, one or two identities would decide when the training stops and where the threshold
lies, and the decoder would never see them: of ten digits it would learn eight.
"""
_UNDECIDED = -1
_LEAST_IMAGES = 3
"""Of an identity, to be on all sides."""


@dataclass(frozen=True, eq=False)
class Sides:
    """A split that was made before, such as that of the siamese network's own training.

    Attributes
    ----------
    of
        The side of each image.
    by
        Whether nobody is on two sides, or only no image is.
    """

    of: Mapping[Labelled, SideName]
    by: SplitBy


def by_itself(identities: Iterable[str]) -> SplitBy:
    """Choose how to divide images, by how many identities they have."""
    return "image" if len(set(identities)) < FEW else "identity"


def chosen_split(identities: Sequence[str], by: SplitBy | None) -> SplitBy:
    """Take the way to divide images that is wanted, or choose one.

    Raises
    ------
    TrainingDataError
        If there are fewer than two identities.
    ParameterError
        If there is no such way.
    """
    n = len(set(identities))
    if n < 2:
        raise TrainingDataError(
            f"the {len(identities)} images are of {n} class{'' if n else 'es'}; at least 2 are "
            "needed, since what is explained is why two images were called the same or different: "
            "give images of another class too, or look whether each lies in the folder of its "
            "class."
        )
    if by not in (None, "identity", "image"):
        raise ParameterError(
            f"a split is by 'identity' or by 'image', or None, which chooses; received {by!r}."
        )
    return by or by_itself(identities)


def sides_by_identity(
    identities: Sequence[str],
    rng: np.random.Generator,
    *,
    validation: float = 0.1,
    test: float = 0.1,
) -> Numbers:
    """Put each image on a side, by number, so that nobody is on two; shape (N,).

    Parameters
    ----------
    identities
        Of N images.
    rng
        The source of randomness.
    validation, test
        Shares of the people, not of the photographs; at least one person each.

    Raises
    ------
    TrainingDataError
        If there are fewer than three identities.
    """
    people = sorted(set(identities))
    if len(people) < 3:
        raise TrainingDataError(
            f"the images are of {len(people)} classes; at least 3 are needed, to keep some apart "
            "for validation and test, and hundreds to train a useful decoder. Split by image "
            "divides the images of each."
        )
    order = rng.permutation(len(people))
    n_test = max(1, round(len(people) * test))
    n_validation = max(1, round(len(people) * validation))
    side = np.full(len(people), TRAIN)
    side[order[:n_test]] = TEST
    side[order[n_test : n_test + n_validation]] = VALIDATION
    place = {person: int(side[i]) for i, person in enumerate(people)}
    return np.array([place[identity] for identity in identities])


def sides_by_image(
    identities: Sequence[str],
    equal: Numbers,
    rng: np.random.Generator,
    *,
    validation: float = 0.1,
    test: float = 0.1,
) -> Numbers:
    """Put each image of each identity on a side, by number, equal images on one; shape (N,).

    Parameters
    ----------
    identities
        Of N images.
    equal
        The same number for equal images, from 0, shape (N,).
    rng
        The source of randomness.
    validation, test
        Shares of each identity's different images, one of them at least; of an identity with fewer
        than three different images all are trained on.

    Raises
    ------
    TrainingDataError
        If no identity has three different images.
    """
    side_of = np.full(len(equal), _UNDECIDED)  # of different images, by their number in `equal`
    for _, members in sorted(group_by_identity(identities).items()):
        different = np.unique(equal[members])
        different = different[side_of[different] == _UNDECIDED]  # some may be of other classes too
        sides = np.full(len(different), TRAIN)
        if len(different) >= _LEAST_IMAGES:
            n_test = max(1, round(len(different) * test))
            sides[:n_test] = TEST
            sides[n_test : n_test + max(1, round(len(different) * validation))] = VALIDATION
        side_of[rng.permutation(different)] = sides
    side = side_of[equal]
    if (side == TRAIN).all():
        raise TrainingDataError(
            f"no class has {_LEAST_IMAGES} different images or more, to divide among training, "
            "validation and test: give more images of each, or split by identity."
        )
    return side


def divide(
    photographs: Sequence[Labelled], equal: Numbers, seed: int, by: SplitBy | None = None
) -> Sides:
    """Divide images before any network has seen them.

    Parameters
    ----------
    photographs
        The images.
    equal
        See `sides_by_image`.
    seed
        Of what is drawn.
    by
        How to divide; None chooses.

    Raises
    ------
    TrainingDataError, ParameterError
        If they cannot be divided.
    """
    identities = [one.identity for one in photographs]
    how, rng = chosen_split(identities, by), np.random.default_rng(seed)
    numbers = (
        sides_by_identity(identities, rng)
        if how == "identity"
        else sides_by_image(identities, equal, rng)
    )
    named: list[SideName] = [SIDES[int(number)] for number in numbers]
    return Sides(dict(zip(photographs, named, strict=True)), how)
