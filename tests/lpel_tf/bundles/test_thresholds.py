"""Choosing the threshold, fitting the confidence, and leaving people out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lpel_serving.equations.comparison import Euclidean
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.images.datasets.faces import Face, leave_out
from lpel_serving.images.datasets.pairs import Pair, draw_pairs
from lpel_serving.images.subject import SUBJECTS
from lpel_serving.support.errors import PairsError, ParameterError
from lpel_serving.verification.calibration import fit_calibration
from lpel_tf.bundles.thresholds import THESIS_THRESHOLD, fit_on_pairs, fit_on_split
from lpel_tf.data.dataset import FaceSet
from lpel_tf.data.split import Split

ANGLES = {"a": 0.0, "b": 0.3, "c": 1.5, "d": 1.6}
"""Photographs by name, their embeddings by angle: a and b are near, c and d are, the rest far."""


def embed(faces, without=()):
    found = [face for face in faces if face.source.name not in without]
    angles = np.array([ANGLES[face.source.name] for face in found])
    vectors = np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
    missing = tuple(face for face in faces if face.source.name in without)
    targets = np.zeros((len(found), 1, 1, 3), np.uint8)
    return FaceSet(vectors, targets, tuple(face.identity for face in found), missing)


def pair(reference, test, same):
    return Pair(Path(reference), Path(test), same)


PAIRS = [pair("a", "b", True), pair("c", "d", True), pair("a", "c", False), pair("b", "d", False)]


def test_the_threshold_lies_between_the_pairs_that_it_parts():
    chosen = fit_on_pairs(PAIRS, embed).threshold
    assert np.cos(1.3) < chosen.value < np.cos(0.3)
    assert chosen.chosen["pairs"] == 4


def test_pairs_without_a_face_are_left_out():
    chosen = fit_on_pairs(PAIRS, lambda faces: embed(faces, without={"d"})).threshold
    assert chosen.chosen["pairs"] == 2


@pytest.mark.parametrize("kept", [PAIRS[:2], PAIRS[2:]], ids=["only same", "only different"])
def test_pairs_of_one_kind_give_no_threshold(kept):
    with pytest.raises(PairsError, match="pairs of one person and pairs of two people"):
        fit_on_pairs(kept, embed)
    signatures = SUBJECTS["signatures"]
    with pytest.raises(PairsError, match="pairs of one writer and pairs of two writers"):
        fit_on_pairs(kept, embed, subject=signatures)


def test_photographs_without_any_face_give_no_threshold():
    with pytest.raises(PairsError, match="of 0 usable pairs"):
        fit_on_pairs(PAIRS, lambda faces: embed(faces, without=set(ANGLES)))


def test_too_few_people_apart_leave_the_threshold_of_the_thesis(rng):
    faces = embed([Face(Path(name), name) for name in ANGLES])
    fitted = fit_on_split(Split(faces, faces, faces), rng)
    assert fitted.threshold.value == THESIS_THRESHOLD
    assert fitted.confidence is None


def test_too_few_people_apart_give_no_threshold_of_a_distance(rng):
    faces, distance = embed([Face(Path(name), name) for name in ANGLES]), Euclidean(1.0)
    split = Split(faces, faces, faces)
    words = "the classes held out give .* by euclidean: give a threshold, or more images."
    with pytest.raises(PairsError, match=words):
        fit_on_split(split, rng, distance, subject=SUBJECTS["digits"])


# --- the confidence ---


def people(n: int, each: int, spread: float) -> FaceSet:
    """Photographs of n people, about as many directions."""
    rng = np.random.default_rng(0)
    identities = tuple(f"person {i // each}" for i in range(n * each))
    own = np.repeat(rng.normal(size=(n, 8)), each, axis=0)
    vectors = (own + spread * rng.normal(size=own.shape)).astype(np.float32)
    return FaceSet(vectors, np.zeros((len(vectors), 1, 1, 3), np.uint8), identities)


def listed(faces: FaceSet, n: int) -> tuple[list[Pair], Callable[[tuple[Face, ...]], FaceSet]]:
    """Pairs of photographs named by number, and what embeds those."""
    rows = draw_pairs(faces.identities, n, np.random.default_rng(1))

    def embed_some(photographs):
        places = [int(face.source.name) for face in photographs]
        return FaceSet(
            faces.embeddings[places],
            faces.targets[places],
            tuple(faces.identities[place] for place in places),
        )

    return [pair(str(a), str(b), same) for a, b, same in rows], embed_some


def test_the_confidence_is_fitted_on_the_pairs_of_the_threshold():
    faces = people(12, 6, 0.5)
    pairs, embed_some = listed(faces, 200)
    fitted = fit_on_pairs(pairs, embed_some)
    first, second = (
        faces.embeddings[[int(getattr(one, side).name) for one in pairs]]
        for side in ("reference", "test")
    )
    same = np.array([one.same for one in pairs])
    expected = fit_calibration(cosine_similarity(first, second), same)
    assert fitted.confidence.calibration == expected
    assert fitted.confidence.pairs == fitted.threshold.chosen["pairs"] == 200
    assert "a list of pairs, which the threshold was chosen on" in fitted.confidence.fitted["how"]


def test_the_people_kept_apart_give_the_confidence_too(rng):
    faces = people(12, 6, 0.5)
    fitted = fit_on_split(Split(faces, faces, faces), rng)
    assert fitted.confidence.pairs == fitted.threshold.chosen["pairs"] >= 100
    assert "people held out of training" in fitted.confidence.fitted["how"]


def test_few_pairs_give_a_threshold_without_a_confidence():
    assert fit_on_pairs(PAIRS, embed).confidence is None


def test_a_network_that_tells_nobody_apart_gets_a_threshold_all_the_same():
    """As would one whose pairs of one person are the less similar."""
    pairs, embed_some = listed(people(12, 6, 0.5), 200)
    turned = [pair(one.reference, one.test, not one.same) for one in pairs]
    fitted = fit_on_pairs(turned, embed_some)
    assert fitted.confidence is None
    assert fitted.threshold.chosen["pairs"] == 200


# --- leaving people out ---


def test_people_are_left_out_by_name():
    faces = tuple(Face(Path(str(i)), identity) for i, identity in enumerate("aabc"))
    assert [face.identity for face in leave_out(faces, ["a", "c"])] == ["b"]
    assert leave_out(faces, []) == faces


def test_a_misspelt_name_does_not_go_unnoticed():
    with pytest.raises(PairsError, match="nobody called z"):
        leave_out((Face(Path("1"), "a"),), ["a", "z"])


def head_of(score):
    """A learned head that gives the score of the cosine."""
    return SimpleNamespace(
        kind="head", similarity=lambda h_r, h_t: score((h_r * h_t).sum(axis=1)).astype(np.float32)
    )


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (lambda cosine: 2 * cosine, r"scores in \[0, 1\]; received .* on 4 pairs: end it in a sig"),
        (lambda cosine: -cosine / 10, r"scores in \[0, 1\]; received -0"),
        (lambda cosine: (1 - cosine) / 2, r"pairs of one digit lower.*give a head of 1 minus"),
    ],
)
def test_a_head_that_gives_no_scores_or_the_reverse_is_refused(score, words):
    subject = replace(SUBJECTS["digits"], same="one digit", different="two digits")
    with pytest.raises(ParameterError, match=words):
        fit_on_pairs(PAIRS, embed, head_of(score), None, subject)


def test_a_head_is_fitted_on_its_scores():
    fitted = fit_on_pairs(PAIRS, embed, head_of(lambda cosine: (1 + cosine) / 2))
    assert (1 + np.cos(1.3)) / 2 < fitted.threshold.value < (1 + np.cos(0.3)) / 2
