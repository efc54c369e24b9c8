"""Divides images for training, for choosing when to stop, and for the test."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lpel_serving.images.datasets.labelled import Labelled
from lpel_tf.data.dataset import FaceSet
from lpel_tf.data.sides import (
    SIDES,
    Numbers,
    Sides,
    SplitBy,
    chosen_split,
    sides_by_identity,
    sides_by_image,
)
from lpel_tf.support.errors import TrainingDataError


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


def split_faces(
    faces: FaceSet, rng: np.random.Generator, by: SplitBy | Sides | None = None
) -> Split:
    """Divide images by identity, or where there are fewer than `lpel_tf.data.sides.FEW`, by image.

    Parameters
    ----------
    faces
        All of them.
    rng
        The source of randomness.
    by
        How to divide; None chooses. Or the sides on which they already are.

    Raises
    ------
    TrainingDataError
        If there are too few identities, or too few images of each; or of the sides one has no
        image, or an image has no side.
    ParameterError
        If `by` is something else.
    """
    if isinstance(by, Sides):
        return _as_given(faces, by)
    how = chosen_split(faces.identities, by)
    return split_by_identity(faces, rng) if how == "identity" else split_by_image(faces, rng)


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
        Shares of the people: see `lpel_tf.data.sides.sides_by_identity`.

    Raises
    ------
    TrainingDataError
        If there are fewer than three people.
    """
    sides = sides_by_identity(faces.identities, rng, validation=validation, test=test)
    return _divided(faces, sides, "identity")


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
        Shares of each identity's images: see `lpel_tf.data.sides.sides_by_image`.

    Raises
    ------
    TrainingDataError
        If no identity has three different images.
    """
    equal = np.unique(faces.embeddings, axis=0, return_inverse=True)[1].ravel()
    sides = sides_by_image(faces.identities, equal, rng, validation=validation, test=test)
    return _divided(faces, sides, "image")


def _as_given(faces: FaceSet, given: Sides) -> Split:
    """Divide images as they were divided before."""
    missing = [one for one in faces.photographs if one not in given.of]
    if missing or len(faces.photographs) < len(faces):
        first = f", such as {missing[0].source}" if missing else ""
        raise TrainingDataError(
            f"of {len(faces)} images {len(missing) or 'all'} are on no side of the given split"
            f"{first}: give it the very images that were divided."
        )
    sides = np.array([SIDES.index(given.of[one]) for one in faces.photographs], np.int64)
    empty = [name for number, name in enumerate(SIDES) if not (sides == number).any()]
    if empty:
        raise TrainingDataError(
            f"no image is left on the side {empty[0]!r} of the given split: divide more images."
        )
    return _divided(faces, sides, given.by)


def _divided(faces: FaceSet, sides: Numbers, by: SplitBy) -> Split:
    train, validation, test = (faces.select(sides == number) for number in range(len(SIDES)))
    return Split(train, validation, test, by)
