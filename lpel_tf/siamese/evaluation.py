"""How well a siamese network does on images that it has not seen: pairs, and one-shot."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lpel_serving.support.arrays import Floats
from lpel_serving.verification.accuracy import (
    Labels,
    Scores,
    area_under,
    cross_validate,
    roc_points,
)
from lpel_tf.siamese.drawing import Classes, draw_pairs
from lpel_tf.siamese.one_shot import OneShot, one_shot

Similarity = Callable[[Floats, Floats], Floats]
"""From embeddings of references and of tests, both (N, D), to a number for each: larger is more
alike."""
_FOLDS = 10
_MOST_WAYS, _TRIALS = 20, 400


@dataclass(frozen=True)
class Evaluation:
    """How well it does.

    Attributes
    ----------
    pairs
        Drawn, half of them of one class.
    accuracy, standard_error
        Share of right decisions on pairs, by cross-validation: no threshold is chosen on the pairs
        that it is measured on.
    auc
        Area under the ROC curve.
    one_shot
        N-way one-shot, of 20 classes or as many as there are.
    """

    pairs: int
    accuracy: float
    standard_error: float
    auc: float
    one_shot: OneShot


def evaluate(
    embeddings: Floats,
    classes: Classes,
    similarity: Similarity,
    rng: np.random.Generator,
    *,
    pairs: int = 2000,
) -> Evaluation:
    """Measure a network on embeddings of images that it was not trained on.

    Parameters
    ----------
    embeddings
        Float32, shape (N, D).
    classes
        Of the images.
    similarity
        How the network compares.
    rng
        Draws pairs and trials.
    pairs
        How many.
    """
    scores, same = scored_pairs(embeddings, classes, similarity, pairs, rng)
    found = cross_validate(scores, same, _FOLDS)
    ways = min(_MOST_WAYS, len(classes.members))
    shot = one_shot(embeddings, classes, ways=ways, trials=_TRIALS, rng=rng, similarity=similarity)
    auc = area_under(roc_points(scores, same))
    return Evaluation(pairs, found.accuracy, found.standard_error, auc, shot)


def scored_pairs(
    embeddings: Floats,
    classes: Classes,
    similarity: Similarity,
    pairs: int,
    rng: np.random.Generator,
) -> tuple[Scores, Labels]:
    """Draw pairs, and compare them: similarities, and whether each is of one class; (pairs,)."""
    drawn = draw_pairs(classes, pairs, rng)
    reference, test = drawn.places.T
    return similarity(embeddings[reference], embeddings[test]), drawn.targets == 0
