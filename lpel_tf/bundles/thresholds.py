"""Fits a bundle's threshold and its predicted probability on held-out or given pairs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.comparison_record import ComparisonRecord
from lpel_serving.bundle.confidence_record import ConfidenceRecord, fit_confidence
from lpel_serving.bundle.manifest import ThresholdRecord
from lpel_serving.equations.comparison import COSINE, Comparison
from lpel_serving.images.datasets.labelled import Labelled, LabelledImage
from lpel_serving.images.datasets.pairs import Pair, draw_pairs, possible_pairs
from lpel_serving.images.subject import FACES, Subject
from lpel_serving.support.errors import PairsError, ParameterError
from lpel_serving.verification.accuracy import best_threshold, cross_validate
from lpel_tf.data.dataset import FaceSet
from lpel_tf.data.split import Split

THESIS_THRESHOLD = 0.3
FOLDS = 10
_MIN_PAIRS = 100
_MAX_PAIRS = 2000


@dataclass(frozen=True)
class Fitted:
    """What pairs whose truth is known give a bundle.

    Attributes
    ----------
    threshold
        The similarity above which two images are called similar.
    confidence
        The predicted probability that two belong together; None if the pairs are too few to fit
        it, or not more similar when they do.
    """

    threshold: ThresholdRecord
    confidence: ConfidenceRecord | None


def own_threshold(value: float, record: ComparisonRecord) -> ThresholdRecord:
    """Record a threshold of the user's own, on the scale that the network compares by.

    Raises
    ------
    ParameterError
        If no two images can have such a number.
    """
    chosen = {"how": "the user's own"}
    if record.kind != "cosine":
        chosen |= {record.measure: value}
    return ThresholdRecord(record.similarity_of(value), chosen)


def fit_on_pairs(
    pairs: Sequence[Pair],
    embed: Callable[[Sequence[Labelled]], FaceSet],
    comparison: Comparison = COSINE,
    own: ThresholdRecord | None = None,
    subject: Subject = FACES,
) -> Fitted:
    """Choose the most accurate threshold on given pairs, and fit the confidence on them.

    Parameters
    ----------
    pairs
        Pairs whose truth is known.
    embed
        Embeds photographs.
    comparison
        How the network compares.
    own
        A threshold that was chosen already; None to choose.
    subject
        What the photographs show.

    Raises
    ------
    PairsError
        If there are not pairs of both kinds that can be used.
    """
    paths = dict.fromkeys(path for pair in pairs for path in (pair.reference, pair.test))
    faces = embed(tuple(LabelledImage(path, "") for path in paths))  # who it is, pairs say
    missing = {face.source for face in (*faces.without_face, *faces.unusable)}
    place = {path: i for i, path in enumerate(path for path in paths if path not in missing)}
    usable = [pair for pair in pairs if pair.reference in place and pair.test in place]
    first = faces.embeddings[[place[pair.reference] for pair in usable]]
    second = faces.embeddings[[place[pair.test] for pair in usable]]
    same = np.array([pair.same for pair in usable])
    similarities = comparison.similarity(first, second)
    _check_scores(comparison, similarities, same, subject)
    return _fit(similarities, same, "a list of pairs", own, subject)


def fit_on_split(
    split: Split,
    rng: np.random.Generator,
    comparison: Comparison = COSINE,
    own: ThresholdRecord | None = None,
    subject: Subject = FACES,
) -> Fitted:
    """Fit on pairs of what was held out; the thesis's threshold alone if that gives too few."""
    apart = split.apart
    identities, embeddings = apart.identities, apart.embeddings
    n = min(_MAX_PAIRS, possible_pairs(identities))
    if n < _MIN_PAIRS:
        return Fitted(own or _of_the_thesis(split, n, comparison, subject), None)
    first, second, same = (
        np.array(column) for column in zip(*draw_pairs(identities, n, rng), strict=True)
    )
    similarities = comparison.similarity(embeddings[first], embeddings[second])
    _check_scores(comparison, similarities, same, subject)
    return _fit(similarities, same, f"pairs of the {split.held_out} of training", own, subject)


def _of_the_thesis(
    split: Split, n: int, comparison: Comparison, subject: Subject
) -> ThresholdRecord:
    """The thesis's threshold, a cosine, where what was held out gives n pairs."""
    if comparison.kind != "cosine":
        raise PairsError(
            f"the {subject.retell(split.held_out)} give {n} pairs; {_MIN_PAIRS} are needed to "
            f"choose a threshold for a comparison by {comparison.kind}: give a threshold, or more "
            "images."
        )
    how = f"the thesis's: the {split.held_out} give too few pairs"
    return ThresholdRecord(THESIS_THRESHOLD, {"how": how, "pairs": n})


def _check_scores(
    comparison: Comparison,
    similarities: NDArray[np.float32],
    same: NDArray[np.bool_],
    subject: Subject,
) -> None:
    """Raise `ParameterError` where a learned head gives no scores in [0, 1], or their reverse.

    Where it was exported, the scores of a few embeddings were looked at.
    """
    if comparison.kind != "head":
        return
    if similarities.min() < 0 or similarities.max() > 1:
        raise ParameterError(
            f"a learned head gives scores in [0, 1]; received {similarities.min():.3g} to "
            f"{similarities.max():.3g} on {len(same)} pairs: end it in a sigmoid."
        )
    if 0 < np.count_nonzero(same) < len(same):
        alike, others = (float(similarities[one].mean()) for one in (same, ~same))
        if alike < others:
            raise ParameterError(
                f"the learned head scores pairs of {subject.same} lower, {alike:.3g} on average, "
                f"than pairs of {subject.different}, {others:.3g}: its score is to be 1 where two "
                "belong together; give a head of 1 minus its score."
            )


def _fit(
    similarities: NDArray[np.float32],
    same: NDArray[np.bool_],
    on: str,
    own: ThresholdRecord | None,
    subject: Subject,
) -> Fitted:
    if not 0 < np.count_nonzero(same) < len(same):
        raise PairsError(
            f"a threshold needs pairs of {subject.same} and pairs of {subject.different}; of "
            f"{len(same)} usable pairs {np.count_nonzero(same)} are of {subject.same}."
        )
    on_which = f"{on}, which the threshold was chosen on" if own is None else on
    try:
        confidence = fit_confidence(similarities, same, on_which)
    except ParameterError:  # a network that cannot separate them still keeps its decoders
        confidence = None
    return Fitted(own or _most_accurate(similarities, same, on), confidence)


def _most_accurate(
    similarities: NDArray[np.float32], same: NDArray[np.bool_], on: str
) -> ThresholdRecord:
    chosen: dict[str, Any] = {"how": f"most accurate on {on}", "pairs": len(same)}
    if min(np.count_nonzero(same), np.count_nonzero(~same)) >= FOLDS:
        chosen["cross_validated_accuracy"] = cross_validate(similarities, same, FOLDS).accuracy
    return ThresholdRecord(best_threshold(similarities, same), chosen)
