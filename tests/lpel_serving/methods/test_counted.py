"""Counting what a method embeds: seen as it goes, and without changing any map."""

from contextlib import contextmanager

import numpy as np
import pytest

from lpel_serving.engine.inventory import images_needed
from lpel_serving.methods import FacePair, find_method, methods
from lpel_serving.methods.both_ways import explain_both_ways
from lpel_serving.methods.counted import counted
from lpel_serving.methods.measured.coalitions import Coalitions
from lpel_serving.methods.method import is_control
from support import tiny
from support.images import pixels


class Seen:
    """A progress that remembers what it was opened with and how it went."""

    def __init__(self):
        self.totals, self.steps = [], []

    @contextmanager
    def __call__(self, what, total):
        self.totals.append(total)
        yield self.steps.append


@pytest.fixture(scope="module")
def pair(responding_explainer):
    crops = np.stack([pixels(seed, tiny.IMAGE_SIZE) for seed in (0, 1)])
    return FacePair(*crops, *responding_explainer.embed(crops), False)


@pytest.mark.parametrize("portion", [1, 3, 1000])
@pytest.mark.parametrize("name", ["occlusion", "hybrid", "corrrise", "coalitions"])
def test_it_is_counted_to_the_end_and_the_maps_are_the_same(
    responding_explainer, pair, name, portion
):
    method, seen = find_method(name), Seen()
    needed = images_needed(method, responding_explainer)
    with counted(method, needed, seen, portion=portion) as followed:
        again, alone = (
            explain_both_ways(each, pair, responding_explainer, np.random.default_rng(0))
            for each in (followed, method)
        )
        assert again.forward.tobytes() == alone.forward.tobytes()
        assert again.swapped.tobytes() == alone.swapped.tobytes()
        assert sum(seen.steps) == needed["dissimilar"]
        assert max(seen.steps) <= portion
    assert seen.totals == [needed["dissimilar"]]
    assert sum(seen.steps) == needed["dissimilar"]


@pytest.mark.parametrize("expected", [500, 520])
def test_a_few_images_more_or_less_than_expected_do_not_show(responding_explainer, pair, expected):
    seen = Seen()
    with counted(Coalitions(), {"dissimilar": expected}, seen, portion=8) as followed:
        explain_both_ways(followed, pair, responding_explainer, np.random.default_rng(1))
        assert 490 < sum(seen.steps) <= min(expected, 512)
    assert sum(seen.steps) == expected


def test_one_direction_is_counted_too(responding_explainer, pair):
    seen = Seen()
    with counted(Coalitions(), {"dissimilar": 508}, seen, portion=8) as followed:
        one, alone = (
            each(pair, responding_explainer, np.random.default_rng(0))
            for each in (followed, Coalitions())
        )
        assert one.tobytes() == alone.tobytes()
        assert sum(seen.steps) == 508


@pytest.mark.parametrize("name", methods())
def test_what_embeds_nothing_is_left_as_it_is(responding_explainer, name):
    method, seen = find_method(name), Seen()
    needed = images_needed(method, responding_explainer)
    with counted(method, needed, seen, portion=4) as followed:
        assert (followed is method) == (not any(needed.values()))
        assert is_control(followed) == is_control(method)
    assert seen.totals == []  # nothing was asked


def test_images_are_counted_for_each_decision(responding_explainer):
    def needed(name):
        return images_needed(find_method(name), responding_explainer)

    assert needed("coalitions") == {"similar": 508, "dissimilar": 508}
    assert needed("emsnn") == {"similar": 0}
