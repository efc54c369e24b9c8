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
from lpel_tf.data.dataset import FaceSet
from lpel_tf.data.split import Split, split_by_identity


def fit_on_sides(split: Split) -> FittedPlausibility | None:
    """Fit the check of plausibility on what was trained on, its limit on what was held out.

    Where the split is by image the classes are the same on both sides, and each image counts once.
    """
    known, apart = split.train.embeddings, split.apart
    on = "the photographs that the decoder was trained on"
    return fit_record(known, apart.embeddings, apart.identities, on, each_alone=split.by == "image")


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
        Reads the face of a photograph by its place in ``split.apart``, if there is a surrogate.
    """
    apart = split.apart
    return measure_usual(
        networks,
        apart.embeddings,
        apart.identities,
        threshold,
        np.random.default_rng(seed),
        responds=networks.respond is not no_responses,
        crop=crop,
        on="images held out of training"
        if split.by == "image"
        else f"photographs of {subject.kinds} held out of training",
        subject=subject,
        read=read,
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
