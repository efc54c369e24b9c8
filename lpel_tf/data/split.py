"""Divides images for training, for choosing when to stop, and for the test."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lpel_serving.images.datasets.labelled import Labelled
from lpel_serving.images.datasets.pairs import group_by_identity
from lpel_serving.support.errors import ParameterError
from lpel_tf.data.dataset import FaceSet
from lpel_tf.support.errors import TrainingDataError

SplitBy = Literal["identity", "image"]
"""What is on one side alone: everything of an identity, or an image."""

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
class Split:
    """Images for training, for choosing when to stop, and for the test.

    Attributes
    ----------
    train, validation, test
        The three sides.
    by
        Whether nobody is on two sides, or only no image is.
    """

    train: FaceSet
    validation: FaceSet
    test: FaceSet
    by: SplitBy = "identity"

    @property
    def sides(self) -> Mapping[str, FaceSet]:
        """The sides by their names."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def side_of(self) -> Mapping[Labelled, str]:
        """The name of the side that each image is on."""
        return {one: name for name, side in self.sides.items() for one in side.photographs}

    @property
    def apart(self) -> FaceSet:
        """What was not trained on: the validation, then the test."""
        return self.validation.joined(self.test)

    @property
    def record(self) -> Mapping[str, str]:
        """For the manifest: that it is by image; one that says nothing is by identity."""
        return {} if self.by == "identity" else {"split": self.by}

    @property
    def held_out(self) -> str:
        """What these show, in words."""
        return "people held out" if self.by == "identity" else "images held out"


def split_faces(faces: FaceSet, rng: np.random.Generator, by: SplitBy | None = None) -> Split:
    """Divide images by identity, or where there are fewer than `FEW` identities by image.

    Parameters
    ----------
    faces
        All of them.
    rng
        The source of randomness.
    by
        How to divide; None chooses.

    Raises
    ------
    TrainingDataError
        If there are too few identities, or too few images of each.
    ParameterError
        If `by` is something else.
    """
    n = len(set(faces.identities))
    if n < 2:
        raise TrainingDataError(
            f"the {len(faces)} images are of {n} class{'' if n else 'es'}; at least 2 are needed, "
            "since what is explained is why two images were called the same or different: give "
            "images of another class too, or look whether each lies in the folder of its class."
        )
    chosen = by or by_itself(faces.identities)
    if chosen not in _SPLITS:
        raise ParameterError(
            f"a split is by 'identity' or by 'image', or None, which chooses; received {chosen!r}."
        )
    return _SPLITS[chosen](faces, rng)


def by_itself(identities: Iterable[str]) -> SplitBy:
    """Choose how to divide images, by how many identities they have."""
    return "image" if len(set(identities)) < FEW else "identity"


def split_by_identity(
    faces: FaceSet, rng: np.random.Generator, *, validation: float = 0.1, test: float = 0.1
) -> Split:
    """Divide faces so that nobody is on two sides.

    Parameters
    ----------
    faces
        All of them.
    rng
        The source of randomness.
    validation, test
        Shares of the people, not of the photographs; at least one person each.

    Raises
    ------
    TrainingDataError
        If there are fewer than three people.
    """
    people = sorted(set(faces.identities))
    if len(people) < 3:
        raise TrainingDataError(
            f"the images are of {len(people)} classes; at least 3 are needed, to keep some apart "
            "for validation and test, and hundreds to train a useful decoder. Split by image "
            "divides the images of each."
        )
    order = rng.permutation(len(people))
    n_test = max(1, round(len(people) * test))
    n_validation = max(1, round(len(people) * validation))
    side = np.full(len(people), 2)
    side[order[:n_test]] = 0
    side[order[n_test : n_test + n_validation]] = 1
    place = {person: int(side[i]) for i, person in enumerate(people)}
    return _divided(faces, np.array([place[identity] for identity in faces.identities]), "identity")


def split_by_image(
    faces: FaceSet, rng: np.random.Generator, *, validation: float = 0.1, test: float = 0.1
) -> Split:
    """Divide the images of each identity; those of one embedding, being equal, stay together.

    Parameters
    ----------
    faces
        All of them.
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
    equal = np.unique(faces.embeddings, axis=0, return_inverse=True)[1].ravel()
    side_of = np.full(len(equal), _UNDECIDED)  # of different images, by their number in `equal`
    for _, members in sorted(group_by_identity(faces.identities).items()):
        different = np.unique(equal[members])
        different = different[side_of[different] == _UNDECIDED]  # some may be of other classes too
        sides = np.full(len(different), 2)
        if len(different) >= _LEAST_IMAGES:
            n_test = max(1, round(len(different) * test))
            sides[:n_test] = 0
            sides[n_test : n_test + max(1, round(len(different) * validation))] = 1
        side_of[rng.permutation(different)] = sides
    side = side_of[equal]
    if (side == 2).all():
        raise TrainingDataError(
            f"no class has {_LEAST_IMAGES} different images or more, to divide among training, "
            "validation and test: give more images of each, or split by identity."
        )
    return _divided(faces, side, "image")


_SPLITS: Mapping[str, Callable[[FaceSet, np.random.Generator], Split]] = {
    "identity": split_by_identity,
    "image": split_by_image,
}


def _divided(faces: FaceSet, side: NDArray[np.int64], by: SplitBy) -> Split:
    test, validation, train = (faces.select(side == number) for number in range(3))
    return Split(train, validation, test, by)
