"""Fits the plausibility check's limit and the usual shares on people held out of training."""

from collections.abc import Sequence

import numpy as np

from lpel_serving.bundle.plausibility_record import FittedPlausibility, fit_record
from lpel_serving.bundle.usual_record import UsualRecord
from lpel_serving.engine.usual import measure_usual
from lpel_serving.engine.usual_pairs import ReadFace
from lpel_serving.images.datasets.faces import Face
from lpel_serving.images.subject import FACES, Subject
from lpel_serving.methods.networks import AssembledNetworks, no_responses
from lpel_tf.data.dataset import FaceSet, Split, split_by_identity


def fit_on_sides(split: Split) -> FittedPlausibility | None:
    """Fit the check of plausibility on the people trained on, its limit on those held out."""
    apart = np.concatenate([split.validation.embeddings, split.test.embeddings])
    people_apart = split.validation.identities + split.test.identities
    on = "the photographs that the decoder was trained on"
    return fit_record(split.train.embeddings, apart, people_apart, on)


def usual_on_sides(
    split: Split,
    networks: AssembledNetworks,
    threshold: float,
    seed: int,
    crop: str,
    read: ReadFace | None = None,
    subject: Subject = FACES,
) -> UsualRecord | None:
    """Measure the usual shares of maps on the people held out of training.

    Parameters
    ----------
    split, networks, threshold, crop, subject
        See `measure_usual`.
    seed
        Draws the pairs.
    read
        Reads the face of a photograph by its place in `photographs_apart`, if there is a surrogate.
    """
    sides = (split.validation, split.test)
    return measure_usual(
        networks,
        np.concatenate([side.embeddings for side in sides]),
        sum((side.identities for side in sides), ()),
        threshold,
        np.random.default_rng(seed),
        responds=networks.respond is not no_responses,
        crop=crop,
        on=f"photographs of {subject.kinds} held out of training",
        subject=subject,
        read=read,
    )


def photographs_apart(faces: Sequence[Face], split: Split) -> tuple[Face, ...]:
    """Find the photographs of a split's validation, then those of its test.

    Parameters
    ----------
    faces
        Those of all sides that show a face, in the order in which they were embedded.
    split
        Their division.
    """
    return tuple(
        face
        for people in (set(split.validation.identities), set(split.test.identities))
        for face in faces
        if face.identity in people
    )


def faces_apart(faces: Sequence[Face], seed: int) -> tuple[Face, ...]:
    """Find the photographs of the people whom a training on these photographs held out.

    Parameters
    ----------
    faces
        All photographs, in the order in which they were trained on.
    seed
        That of the training.

    Returns
    -------
    tuple[Face, ...]
        Those of the validation, then those of the test.
    """
    places = np.arange(len(faces))[:, np.newaxis]
    nothing = np.empty((len(faces), 0), np.uint8)
    everyone = FaceSet(places.astype(np.float32), nothing, tuple(face.identity for face in faces))
    split = split_by_identity(everyone, np.random.default_rng(seed))
    found = np.concatenate([split.validation.embeddings, split.test.embeddings])
    return tuple(faces[int(place)] for place in found[:, 0])
