"""Which pairs an experiment draws from the people held out."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lpel_serving.bundle.comparison_record import ComparisonRecord
from lpel_serving.equations.comparison import Euclidean, spread_of
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.faithfulness.deletion_curve import IDENTICAL
from lpel_serving.images.datasets.faces import Face
from lpel_serving.images.subject import SUBJECTS
from lpel_serving.support.errors import PairsError
from lpel_tf.bundles.comparing import Compared
from lpel_tf.data.dataset import FaceSet
from lpel_tf.data.split import Split
from lpel_tf.research.harness.pairs import decided_pairs, new_people_first, pairs_of_one_test
from lpel_tf.research.harness.people import People


class Reading:
    """Stands for the embedder, which nobody needs before a pair is looked at."""


def people_of(embeddings: list[list[float]], identities: list[str]) -> People:
    h = np.array(embeddings, np.float32)
    test = FaceSet(h, np.zeros((len(h), 4, 4, 3), np.uint8), tuple(identities))
    photographs = tuple(
        Face(Path(f"{identity}/{i}.png"), identity) for i, identity in enumerate(identities)
    )
    return People("none", Reading(), test, Split(test, test, test), photographs)


def three_people(each: int = 6) -> People:
    """People along three axes; one photograph of each lies with the next person."""
    rng = np.random.default_rng(0)
    embeddings, identities = [], []
    for person in range(3):
        for number in range(each):
            axis = (person + 1) % 3 if number == 0 else person
            embeddings.append(np.eye(3)[axis] + rng.normal(0, 0.12, 3))
            identities.append("abc"[person])
    return people_of(embeddings, identities)


def draw(people: People, n: int, seed: int = 0, **wanted):
    return decided_pairs(people, n, **wanted, rng=np.random.default_rng(seed))


def places(pairs) -> list[tuple[int, int]]:
    return [(int(pair.reference.stem), int(pair.test.stem)) for pair in pairs.pairs]


@pytest.mark.parametrize("same", [True, False])
def test_pairs_are_of_the_kind_wanted_and_rightly_decided(same):
    people = three_people()
    pairs = draw(people, 8, same=same, threshold=0.5)
    assert len(pairs) == 8
    assert pairs.similar is same
    assert len({frozenset(two) for two in places(pairs)}) == 8
    for (a, b), pair in zip(places(pairs), pairs.pairs, strict=True):
        assert (pair.reference.parent == pair.test.parent) is pair.same is same
        h = people.split.test.embeddings
        assert (cosine_similarity(h[a], h[b]) > 0.5) == same
    np.testing.assert_array_equal(pairs.h_r, h[[a for a, _ in places(pairs)]])
    np.testing.assert_array_equal(pairs.h_t, h[[b for _, b in places(pairs)]])


@pytest.mark.parametrize("same", [True, False])
def test_without_a_threshold_wrong_decisions_count_too(same):
    people = three_people()
    pairs = draw(people, 100, same=same, threshold=None)
    similarities = cosine_similarity(pairs.h_r, pairs.h_t)
    assert ((similarities > 0.5) != same).any()
    assert ((similarities > 0.5) == same).any()
    assert {pair.same for pair in pairs.pairs} == {same}


@pytest.mark.parametrize("threshold", [0.5, None])
def test_copies_of_a_photograph_are_no_pair(threshold):
    embeddings = [[1, 0], [1, 0], [2, 0], [0.9, 0.3], [0, 1], [0, 1], [0.2, 1], [0.3, -0.9]]
    people = people_of(embeddings, list("aaaabbbb"))
    pairs = draw(people, 10, same=True, threshold=threshold)
    found = {frozenset(two) for two in places(pairs)}
    assert not found & {frozenset(two) for two in [(0, 1), (0, 2), (1, 2), (4, 5)]}
    assert frozenset((0, 3)) in found
    assert (cosine_similarity(pairs.h_r, pairs.h_t) < IDENTICAL).all()


def test_the_same_generator_draws_the_same_pairs():
    people = three_people()
    drawn = [places(draw(people, 5, same=True, threshold=0.5, seed=seed)) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_as_many_pairs_as_there_are_will_do():
    people = three_people(each=3)
    pairs = draw(people, 50, same=True, threshold=0.5)
    assert {frozenset(two) for two in places(pairs)} == {
        *(frozenset((3 * person + 1, 3 * person + 2)) for person in range(3))
    }


@pytest.mark.parametrize(("same", "threshold"), [(True, 0.9999), (False, -1.0)])
def test_too_few_pairs_are_refused(same, threshold):
    with pytest.raises(PairsError, match=r"0 pairs .* at least 2 .* give more images, or another"):
        draw(three_people(), 5, same=same, threshold=threshold)


def test_a_least_similarity_holds_whatever_the_threshold():
    people = three_people()
    pairs = draw(people, 99, same=True, threshold=-1.0, least=0.5)
    assert (cosine_similarity(pairs.h_r, pairs.h_t) > 0.5).all()
    assert len(pairs) < len(draw(people, 99, same=True, threshold=-1.0))


def test_too_few_pairs_are_told_at_the_threshold_given_and_in_the_words_of_the_subject():
    words = (
        r"^the classes held out for the test give 0 pairs of the kind wanted, of one class and "
        r"called similar at the threshold -0\.500, of a similarity above 0\.9999;"
    )
    digits = SUBJECTS["digits"]
    with pytest.raises(PairsError, match=words):
        draw(three_people(), 5, same=True, threshold=-0.5, least=0.9999, subject=digits)
    people = people_of([[1, 0], [0, 1]], list("ab"))
    with pytest.raises(PairsError, match=r"of one class; at least 2 .* more images\.$"):
        draw(people, 5, same=True, threshold=None, subject=digits)


def test_a_single_pair_is_too_few():
    people = people_of([[1, 0], [0.9, 0.2], [0, 1], [-0.2, 1]], list("aabc"))
    with pytest.raises(PairsError, match="1 pairs"):
        draw(people, 5, same=True, threshold=0.5)


def test_people_with_one_photograph_each_give_pairs_of_two_alone():
    people = people_of([[1, 0], [0, 1], [-1, 0]], list("abc"))
    with pytest.raises(PairsError):
        draw(people, 5, same=True, threshold=0.5)
    assert len(draw(people, 5, same=False, threshold=0.5)) == 3


def test_photographs_of_one_person_give_pairs_of_one_alone():
    people = people_of([[1, 0], [0.9, 0.3], [0.9, -0.3]], list("aaa"))
    with pytest.raises(PairsError):
        draw(people, 5, same=False, threshold=0.5)
    assert len(draw(people, 5, same=True, threshold=0.5)) == 3


@pytest.mark.parametrize("seed", range(5))
def test_everybody_takes_part_before_anybody_does_twice(seed):
    rng = np.random.default_rng(9)
    names = [name for name in "abcdef" for _ in range(8)]
    own = np.repeat(np.eye(6), 8, axis=0) + rng.normal(0, 0.1, (48, 6))
    people = people_of(own.tolist(), names)
    rng = np.random.default_rng(seed)
    of_one = decided_pairs(people, 6, same=True, threshold=0.5, rng=rng).pairs
    assert {pair.reference.parent.name for pair in of_one} == set("abcdef")


def test_pairs_of_people_not_met_before_come_first():
    pairs = [(0, 2), (1, 4), (6, 7), (8, 3)]
    people = ["a", "a", "b", "b", "c", "c", "d", "d", "e"]
    assert new_people_first(pairs, people) == [(0, 2), (6, 7), (1, 4), (8, 3)]


def test_a_similar_and_a_dissimilar_pair_share_their_test_image():
    people = three_people()
    drawn = pairs_of_one_test(people, 4, threshold=0.5, rng=np.random.default_rng(0))
    similar, dissimilar = places(drawn.similar), places(drawn.dissimilar)
    assert len(similar) == len(dissimilar) == len(drawn.donors) == 4
    assert [test for _, test in similar] == [test for _, test in dissimilar]
    assert (cosine_similarity(drawn.similar.h_r, drawn.similar.h_t) > 0.5).all()
    assert (cosine_similarity(drawn.dissimilar.h_r, drawn.dissimilar.h_t) <= 0.5).all()
    for pair, donor in zip(drawn.similar.pairs, drawn.donors, strict=True):
        assert pair.reference.parent == pair.test.parent != donor.parent


def test_nobody_is_the_test_more_than_twice():
    drawn = pairs_of_one_test(three_people(), 99, threshold=0.5, rng=np.random.default_rng(0))
    tests = Counter(pair.test.parent.name for pair in drawn.similar.pairs)
    assert set(tests) == set("abc")
    assert max(tests.values()) == 2


def test_a_class_of_few_is_the_test_as_often_as_makes_up_the_number():
    people = three_people()
    test = people.split.test
    by_image = replace(people, split=Split(test, test, test, by="image"))
    drawn = pairs_of_one_test(by_image, 12, threshold=0.5, rng=np.random.default_rng(0))
    tests = Counter(pair.test.parent.name for pair in drawn.similar.pairs)
    assert max(tests.values()) == 4


def test_without_a_similar_pair_there_is_none_of_one_test():
    with pytest.raises(PairsError, match="no pair of one person"):
        pairs_of_one_test(three_people(), 4, threshold=0.999, rng=np.random.default_rng(0))


def by_distance(people: People) -> People:
    """The same people, compared by their distance."""
    spread = spread_of(people.split.test.embeddings)
    compared = Compared(ComparisonRecord("euclidean", spread), Euclidean(spread))
    return replace(people, compared=compared)


@pytest.mark.parametrize("same", [True, False])
def test_pairs_are_decided_by_the_comparison_of_the_network(same):
    # Along one direction: their cosines are 1 throughout.
    people = by_distance(people_of([[1, 0], [1.5, 0], [2, 0], [8, 0], [8.5, 0]], list("aaabb")))
    similarity = people.compared.record.similarity_of(3)
    pairs = draw(people, 9, same=same, threshold=similarity)
    distances = np.linalg.norm(pairs.h_r - pairs.h_t, axis=1)
    assert ((distances < 3) == same).all()
    assert len(pairs) == (4 if same else 6)


def test_by_distance_only_equal_embeddings_are_one_image():
    people = by_distance(people_of([[1, 0], [1, 0], [1.001, 0], [9, 9]], list("aaab")))
    found = {frozenset(two) for two in places(draw(people, 9, same=True, threshold=0.5))}
    assert found == {frozenset((0, 2)), frozenset((1, 2))}


def test_too_few_pairs_are_told_on_the_scale_of_the_network():
    people = by_distance(three_people())
    similarity = people.compared.record.similarity_of(0.01)
    with pytest.raises(PairsError, match=r"at the threshold 0\.010; at least 2"):
        draw(people, 5, same=True, threshold=similarity)
