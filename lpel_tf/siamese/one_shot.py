"""N-way one-shot: which of N images, each of another class, shows what a further image shows.

The measure of Koch et al. (2015): chance is 1 / N.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lpel_serving.equations.comparison import COSINE
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import ParameterError
from lpel_tf.siamese.drawing import Classes


@dataclass(frozen=True)
class OneShot:
    """The result.

    Attributes
    ----------
    accuracy
        Share of the trials whose class was found, in [0, 1].
    standard_error
        Of that share.
    ways, trials
        Classes in a trial, and trials.
    """

    accuracy: float
    standard_error: float
    ways: int
    trials: int


def one_shot(
    embeddings: Floats,
    classes: Classes,
    *,
    ways: int = 20,
    trials: int = 400,
    rng: np.random.Generator,
    similarity: Callable[[Floats, Floats], Floats] = COSINE.similarity,
) -> OneShot:
    """Measure how often the most similar of N images is the one of the same class.

    Parameters
    ----------
    embeddings
        Of images that the network was not trained on, float32, shape (N, D).
    classes
        Theirs.
    ways
        N: classes in a trial.
    trials
        How many.
    rng
        Draws them.
    similarity
        How the network compares: from references and tests, both (N, D), to a number for each,
        larger where they are more alike.

    Raises
    ------
    ParameterError
        If there are fewer classes than ways, or no trial.
    """
    if not 2 <= ways <= len(classes.members) or trials < 1:
        raise ParameterError(
            f"a trial is among 2 classes or more, of {len(classes.members)} here, and there is 1 "
            f"trial or more; received {ways} ways and {trials} trials."
        )
    found = [_trial(embeddings, classes, ways, rng, similarity) for _ in range(trials)]
    accuracy = float(np.mean(found))
    return OneShot(accuracy, float(np.sqrt(accuracy * (1 - accuracy) / trials)), ways, trials)


def _trial(
    embeddings: Floats,
    classes: Classes,
    ways: int,
    rng: np.random.Generator,
    similarity: Callable[[Floats, Floats], Floats],
) -> bool:
    own = int(rng.choice(classes.with_two))
    asked, shown = classes.two_of(own, rng)
    others = np.setdiff1d(np.arange(len(classes.members)), [own])
    drawn = (int(k) for k in rng.choice(others, ways - 1, replace=False))
    places = np.array([shown, *(classes.one_of(k, rng) for k in drawn)], np.int64)
    h = np.broadcast_to(embeddings[asked], (ways, embeddings.shape[1]))
    alike = similarity(h, embeddings[places])
    return bool(alike[0] > alike[1:].max())  # a tie is no answer
