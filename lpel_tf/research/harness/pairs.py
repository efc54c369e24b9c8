"""Random pairs of the people held out, on which the network decided rightly (chapter 6)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lpel_serving.equations.decision import Decisions
from lpel_serving.faithfulness.deletion_curve import IDENTICAL
from lpel_serving.faithfulness.photograph_pairs import PhotographPairs, one_image
from lpel_serving.images.datasets.pairs import Pair, draw_of_each
from lpel_serving.images.held import Photograph
from lpel_serving.images.subject import FACES, Subject
from lpel_serving.support.errors import PairsError
from lpel_tf.research.harness.people import People

_SPARE = 6
_MOST = 2
"""Times that one person is the test of `pairs_of_one_test`: a few have hundreds of photographs.
Where few classes are split by image, each is as often as makes up the number."""


def decided_pairs(
    people: People,
    n: int,
    *,
    same: bool,
    threshold: float | None,
    rng: np.random.Generator,
    least: float | None = None,
    subject: Subject = FACES,
) -> PhotographPairs:
    """Draw pairs of one kind at random.

    Pairs of people not met before come first, so that a pair and the next one mostly show others.

    Parameters
    ----------
    people
        Those of the test are drawn from.
    n
        How many; fewer if there are no more.
    same
        Pairs of one person, called similar, or of two, called dissimilar.
    threshold
        The network calls a pair more similar than this similar; with None it does not matter what
        it calls them.
    rng
        The source of randomness.
    least
        A similarity that all must exceed, whatever the threshold.
    subject
        What the photographs show.

    Raises
    ------
    PairsError
        If fewer than two are found.
    """
    test, comparison = people.split.test, people.compared.comparison
    drawn = draw_of_each(test.identities, _SPARE * n, rng)
    of_kind = np.array([(a, b) for a, b, truth in drawn if truth == same], np.int64).reshape(-1, 2)
    h_r, h_t = (test.embeddings[column] for column in of_kind.T)
    similarities = comparison.similarity(h_r, h_t)
    usable = ~one_image(comparison, h_r, h_t, similarities)
    if threshold is not None:
        usable &= Decisions(similarities, threshold).similar == same
    if least is not None:
        usable &= Decisions(similarities, least).similar
    found: list[tuple[int, int]] = [(a, b) for a, b in of_kind[usable].tolist()]
    order: list[int] = rng.permutation(len(found)).tolist()
    chosen = new_people_first([found[i] for i in order], test.identities)[:n]
    if len(chosen) < 2:
        of = subject.same if same else subject.different
        instead = "" if threshold is None else ", or another threshold"
        raise PairsError(
            f"the {subject.retell(people.split.held_out)} for the test give {len(chosen)} pairs of "
            f"the kind wanted, of {of}{_called(people, same, threshold, least)}; at least 2 are "
            f"needed: give more images{instead}."
        )
    return _photograph_pairs(people, chosen, same=same)


@dataclass(frozen=True, eq=False)
class PairsOfOneTest:
    """Similar and dissimilar pairs, rightly decided; the i-th of both have one test image.

    What a method measures of that image serves both.

    Attributes
    ----------
    similar, dissimilar
        The pairs.
    donors
        For each a photograph of somebody else than the test, called dissimilar to it.
    """

    similar: PhotographPairs
    dissimilar: PhotographPairs
    donors: tuple[Photograph, ...]

    def first(self, n: int) -> "PairsOfOneTest":
        """The pairs of the first n test images."""
        return PairsOfOneTest(self.similar[:n], self.dissimilar[:n], self.donors[:n])


def pairs_of_one_test(
    people: People, n: int, *, threshold: float, rng: np.random.Generator
) -> PairsOfOneTest:
    """Draw up to n test images at random, each with a similar and a dissimilar reference.

    Raises
    ------
    PairsError
        If there is none.
    """
    test, who = people.split.test, np.array(people.split.test.identities)
    cosines = test.embeddings @ test.embeddings.T
    similar: list[tuple[int, int]] = []
    dissimilar: list[tuple[int, int]] = []
    donors: list[Photograph] = []
    met = dict.fromkeys(test.identities, 0)
    most = -(-n // max(1, len(met))) if people.split.by == "image" else _MOST
    order: list[int] = rng.permutation(len(who)).tolist()
    for place in order:
        person, row = test.identities[place], cosines[place]
        own = who == person
        alike = np.flatnonzero(own & (row > threshold) & (row < IDENTICAL))
        others = np.flatnonzero(~own & (row <= threshold))
        enough = len(alike) > 0 and len(others) > 1
        if enough and met[person] < most and len(similar) < n:
            met[person] += 1
            other, donor = (int(one) for one in rng.choice(others, 2, replace=False))
            similar.append((int(rng.choice(alike)), place))
            dissimilar.append((other, place))
            donors.append(people.test_photographs[donor].source)
    if not similar:
        raise PairsError(
            "the people held out for the test give no pair of one person that is called similar: "
            "give more photographs."
        )
    return PairsOfOneTest(
        _photograph_pairs(people, similar, same=True),
        _photograph_pairs(people, dissimilar, same=False),
        tuple(donors),
    )


def _called(people: People, same: bool, threshold: float | None, least: float | None) -> str:
    """Say what else is wanted of pairs, on the network's own scale."""
    if threshold is None:
        return ""
    own = people.compared.record.own_of(threshold)
    called = f" and called {'similar' if same else 'dissimilar'} at the threshold {own:.3f}"
    if least is None or least <= threshold:
        return called
    return f"{called}, of a similarity above {least:g}"


def new_people_first(
    pairs: list[tuple[int, int]], identities: Sequence[str]
) -> list[tuple[int, int]]:
    """Put pairs in front whose people are in no pair before them, the others after."""
    seen: set[str] = set()
    fresh: list[tuple[int, int]] = []
    rest: list[tuple[int, int]] = []
    for a, b in pairs:
        people = {identities[a], identities[b]}
        (rest if people & seen else fresh).append((a, b))
        seen |= people
    return fresh + rest


def _photograph_pairs(
    people: People, chosen: list[tuple[int, int]], *, same: bool
) -> PhotographPairs:
    """The pairs at some places of the test, each reference before its test image."""
    first, second = np.array(chosen).T
    photographs, h = people.test_photographs, people.split.test.embeddings
    pairs = tuple(Pair(photographs[a].source, photographs[b].source, same) for a, b in chosen)
    return PhotographPairs(people.embedder, pairs, h[first], h[second], same)
