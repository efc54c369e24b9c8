"""Assesses methods on many pairs: which curve is measured on which pairs, and the comparison."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lpel_serving.equations.comparison import Comparison
from lpel_serving.faithfulness.assessment import Measured, measure_curves
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.drawable import LeftOut, drawable
from lpel_serving.faithfulness.judgement import Judgement, judge, scale_of
from lpel_serving.faithfulness.photograph_pairs import PhotographPairs
from lpel_serving.methods.measured.replacement import Kind
from lpel_serving.methods.method import Method
from lpel_serving.methods.networks import Networks
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.partial import Partial
from lpel_serving.support.progress import Progress, silent


@dataclass(frozen=True)
class Question:
    """A curve and the pairs that it is measured on.

    Attributes
    ----------
    similar
        Pairs of one person that the network called similar, or of two that it called dissimilar.
    kind
        How superpixels are replaced: see `lpel_serving.methods.measured.replacement.replacement`.
    title
        For a reader.
    """

    similar: bool
    kind: Kind
    title: str


QUESTIONS: Mapping[str, Question] = {
    "similar": Question(True, "test", "Similar pairs: the test picture loses squares"),
    "dissimilar": Question(False, "both", "Dissimilar pairs: both pictures lose squares"),
    "transplant": Question(
        False, "transplant", "Dissimilar pairs: the test takes over the reference's squares"
    ),
    "transplant-similar": Question(
        True, "transplant", "Similar pairs: the test takes over the reference's squares"
    ),
}
"""The curves of `lpel assess`: figures 5.12 and 5.14 of the thesis, and the transplant curve."""


@dataclass(frozen=True, eq=False)
class Answer:
    """A question with its measured curves and their judgement.

    Attributes
    ----------
    question, measured, judgement
        As they are.
    left_out
        Pairs that no such curve can be drawn of; None if there are none.
    """

    question: Question
    measured: Measured
    judgement: Judgement
    left_out: LeftOut | None = None


def find_question(name: str) -> Question:
    """Look a curve up by its name in `QUESTIONS`.

    Raises
    ------
    ParameterError
        If there is none of that name.
    """
    if name not in QUESTIONS:
        raise ParameterError(f"no curve is called {name!r}; there are: {', '.join(QUESTIONS)}.")
    return QUESTIONS[name]


def ask(
    networks: Networks,
    pairs: PhotographPairs,
    question: Question,
    methods: Mapping[str, Method],
    settings: CurveSettings,
    seed: int,
    *,
    networks_identity: str = "",
    partial: Path | None = None,
    progress: Progress = silent,
) -> Answer:
    """Measure a question's curves for all methods, and compare the first method with the others.

    Parameters
    ----------
    networks
        The networks that the methods and the curves run.
    pairs
        Pairs with the question's decision; those that its curve cannot be drawn of are left out.
    question
        One of `QUESTIONS`.
    methods
        By name: the assessed method, then its rivals.
    settings
        The settings of the curve; its kind is the question's.
    seed
        Seed of all randomness.
    networks_identity
        Identifies the networks, such as by file hashes: checkpoints of other networks are ignored.
    partial
        Checkpoint file, to be removed once the answer is stored. None writes no checkpoint.
    progress
        Receives progress after each pair.

    Raises
    ------
    ParameterError
        If there is no method, the pairs are of the other decision, or no curve of two of them can
        be drawn.
    """
    if not methods or pairs.similar != question.similar:
        raise ParameterError(
            f"a curve needs a method, and pairs with its decision; received {len(methods)} "
            f"methods, and pairs {'similar' if pairs.similar else 'dissimilar'}."
        )
    settings = replace(settings, kind=question.kind)
    pairs, left_out = _drawn_of(pairs, question, settings, networks.comparison)
    subject, *rivals = methods
    parts = (settings, tuple(methods.items()), networks_identity, seed, _fingerprint(pairs))
    kept = None if partial is None else Partial(partial, repr(parts))
    measured = measure_curves(
        networks,
        pairs,
        (subject, methods[subject]),
        settings,
        np.random.default_rng((seed, 0)),
        rivals={rival: methods[rival] for rival in rivals},
        partial=kept,
        progress=progress,
    )
    judgement = judge(measured, np.random.default_rng((seed, 1)))
    return Answer(question, measured, judgement, left_out)


def check_drawn(
    questions: Iterable[Question],
    pairs: Mapping[bool, PhotographPairs],
    settings: CurveSettings,
    comparison: Comparison,
) -> None:
    """Raise before anything is measured if one of some curves cannot be drawn of two pairs.

    Parameters
    ----------
    questions
        The curves.
    pairs
        By whether they are called similar.
    settings, comparison
        See `ask`.
    """
    for question in questions:
        _drawn_of(pairs[question.similar], question, settings, comparison)


def _drawn_of(
    pairs: PhotographPairs, question: Question, settings: CurveSettings, comparison: Comparison
) -> tuple[PhotographPairs, LeftOut | None]:
    scale = scale_of(replace(settings, kind=question.kind), similar=question.similar)
    return drawable(pairs, comparison, scale)


def _fingerprint(pairs: PhotographPairs) -> str:
    """Hash the photographs by their embeddings."""
    digest = hashlib.sha256()
    for embeddings in (pairs.h_r, pairs.h_t):
        digest.update(np.ascontiguousarray(embeddings).data)
    return digest.hexdigest()
