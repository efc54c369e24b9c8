"""Which pairs a curve is drawn of, and what is said of the others."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lpel_serving.equations.comparison import COSINE, Euclidean
from lpel_serving.equations.fill import Fill
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.drawable import drawable
from lpel_serving.faithfulness.photograph_pairs import PhotographPairs
from lpel_serving.faithfulness.study import QUESTIONS, ask
from lpel_serving.images.datasets.pairs import Pair
from lpel_serving.methods.controls.centre import Centre
from lpel_serving.support.errors import ParameterError
from support.networks import Weighing, plain

BY_DISTANCE = Euclidean(0.5)


class Greys:
    """Reads photographs of one grey, which is their name."""

    def read(self, path):
        return plain(int(path.name))


class Apart(Weighing):
    """Embeds the mean grey, in [0, 1], and is compared by distance."""

    comparison = BY_DISTANCE

    def embed(self, crops):
        grey = (crops.mean(axis=(1, 2, 3), dtype=np.float64) / 255).astype(np.float32)
        return np.stack([grey, np.zeros_like(grey)], axis=1)


def pairs_of(distances, similar=True) -> PhotographPairs:
    """Pairs of a white reference and a test so far from it."""
    levels = [round(255 * (1 - d)) for d in distances]
    pairs = tuple(Pair(Path("255"), Path(str(level)), similar) for level in levels)
    h_r, h_t = (
        Apart().embed(np.stack([plain(int(getattr(pair, role).name)) for pair in pairs]))
        for role in ("reference", "test")
    )
    return PhotographPairs(Greys(), pairs, h_r, h_t, similar)


def test_a_curve_by_distance_begins_above_a_tenth():
    pairs = pairs_of([0.1, 0.6, 0.66, 0.68, 0.72, 1.0])  # 0.6708 is a similarity of 0.1
    kept, left_out = drawable(pairs, BY_DISTANCE, "share")
    assert kept.pairs == pairs.pairs[:3]
    np.testing.assert_array_equal(kept.h_t, pairs.h_t[:3])
    assert (left_out.pairs, left_out.of) == (3, 6)
    assert left_out.words == (
        "3 of 6 pairs are left out of this curve: shares of the first similarity say nothing "
        "where that is 0.1 or less."
    )
    assert drawable(pairs, BY_DISTANCE, "movement") == (pairs, None)


def test_where_nothing_is_left_out_the_pairs_are_the_same():
    pairs = pairs_of([0.1, 0.2, 0.3])
    assert drawable(pairs, BY_DISTANCE, "share") == (pairs, None)
    assert drawable(pairs, BY_DISTANCE, "rise")[0] is pairs


def test_a_curve_by_cosine_begins_above_0_however_little():
    h_r = np.array([[1, 0]] * 4, np.float32)
    h_t = np.array([[1, 0], [0.01, 1], [0, 1], [-1, 1]], np.float32)
    pairs = replace(pairs_of([0.1, 0.2, 0.3, 0.4]), h_r=h_r, h_t=h_t)
    kept, left_out = drawable(pairs, COSINE, "share")
    assert kept.pairs == pairs.pairs[:2]
    assert "where that is 0 or less" in left_out.words


def test_a_similarity_that_cannot_rise_is_left_out():
    pairs = pairs_of([0.0, 0.5, 0.9], similar=False)
    kept, left_out = drawable(pairs, BY_DISTANCE, "rise")
    assert kept.pairs == pairs.pairs[1:]
    assert left_out.words.startswith("1 of 3 pairs is left out")


@pytest.mark.parametrize(
    ("scale", "distances", "said"),
    [
        ("share", [0.1, 0.8, 0.9], "choose the curve transplant-similar, or a stricter threshold"),
        ("rise", [0.0, 0.0, 0.9], "look whether the threshold is on the network's own scale"),
    ],
)
def test_one_pair_is_no_curve(scale, distances, said):
    with pytest.raises(
        ParameterError, match=r"2 of 3 pairs are left out.*2 at least are needed"
    ) as e:
        drawable(pairs_of(distances), BY_DISTANCE, scale)
    assert said in str(e.value)


def test_an_answer_is_that_of_the_pairs_that_are_kept():
    def answer(distances):
        settings = CurveSettings("test", 2, 8, fill=Fill("black"), draws=3)
        pairs = pairs_of(distances)
        return ask(Apart(), pairs, QUESTIONS["similar"], {"ours": Centre()}, settings, 0)

    with_far, without = answer([0.2, 0.9, 0.3, 0.7, 0.4]), answer([0.2, 0.3, 0.4])
    assert with_far.measured.similarities.tobytes() == without.measured.similarities.tobytes()
    assert with_far.judgement.comparisons == without.judgement.comparisons
    assert (with_far.left_out.pairs, without.left_out) == (2, None)
