"""Maps by method and fill, and the controls that are derived from them."""

import numpy as np

from lpel_serving.equations.superpixels import superpixel_sums
from lpel_tf.research.comparison.all_maps import AllMaps
from lpel_tf.research.comparison.maps import Maps, common_map, key

RNG = np.random.default_rng(0)


def maps_of(setting, factor: float) -> Maps:
    """Of every pair, all the same, but for one of each decision."""
    found = Maps()
    for pairs in (setting.similar, setting.dissimilar):
        for i, pair in enumerate(pairs):
            found.values[key(pair)] = np.full((2, 2), factor + i, np.float32)
    return found


def test_what_knows_a_fill_is_asked_about_it_and_else_about_the_usual_one(setting):
    once, usual, mean = (maps_of(setting, one) for one in (1, 2, 3))
    maps = AllMaps({"lpel": once}, {"normal": {"surrogate": usual}, "mean": {"surrogate": mean}})
    assert maps.of("mean") == {"lpel": once, "surrogate": mean}
    assert maps.of("blur") == {"lpel": once, "surrogate": usual}


def test_subjects_have_controls_of_their_own_and_others_when_asked_for(setting):
    maps = AllMaps({"lpel": maps_of(setting, 1), "responses": maps_of(setting, 5)})
    few, every = maps.with_controls("mean"), maps.with_controls("mean", every=True)
    assert set(few) == {"lpel", "responses", "mean of responses", "responses, another pair"}
    assert set(every) == {*few, "mean of lpel", "lpel, another pair"}
    pair = setting.similar[0]
    for control in ("mean of responses", "responses, another pair"):
        assert (few[control](pair, setting.explainer, RNG) == 6).all()  # of the other of two


def test_the_common_map_goes_by_the_decision_alone(setting):
    maps = maps_of(setting, 1)
    for one in setting.dissimilar:
        maps.values[key(one)] = -maps.values[key(one)]
    method = common_map(maps)
    assert (method(setting.similar[0], setting.explainer, RNG) == 1.5).all()
    assert (method(setting.dissimilar[1], setting.explainer, RNG) == -1.5).all()


def test_a_map_of_superpixels_is_used_exactly():
    values = np.random.default_rng(1).normal(size=(8, 8)).astype(np.float32)
    np.testing.assert_array_equal(superpixel_sums(values, 8), values.ravel().astype(np.float64))
