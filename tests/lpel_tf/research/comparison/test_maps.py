"""Maps of pairs: kept on disk, averaged, turned round, and exchanged with other packages."""

from dataclasses import replace

import numpy as np
import pytest

from lpel_serving.support.partial import Partial
from lpel_serving.support.progress import silent
from lpel_tf.research.comparison.exchange import maps_of_files, write_pairs
from lpel_tf.research.comparison.maps import (
    Maps,
    collect,
    either_decision,
    key,
    of_everybody_else,
    of_the_next,
)

RNG = np.random.default_rng(0)


@pytest.fixture
def maps(setting) -> Maps:
    found = Maps()
    for decided in (setting.similar, setting.dissimilar):
        for pair in decided:
            found.values[key(pair)] = pair.test[:4, :4, 0].astype(np.float32)
    return found


def test_a_run_goes_on_where_it_stopped(setting, tmp_path):
    asked = []

    def family(pair, other, i):
        asked.append(i)
        return {"mine": (np.full((2, 2), i, np.float32), np.zeros((2, 2), np.float32), 3)}

    kept = Partial(tmp_path / "maps.npz", "mine")
    first, again = (collect(family, setting.pairs, kept, "mine", silent) for _ in range(2))
    assert asked == [0, 1]
    assert first["mine"].embeddings == again["mine"].embeddings == 3
    for i, pair in enumerate(setting.similar):
        assert (again["mine"](pair, setting.explainer, RNG) == i).all()


def test_the_mean_of_the_others_leaves_out_the_pairs_own(setting, maps):
    pairs = list(setting.similar)
    found = of_everybody_else(maps)
    assert set(found.values) == set(maps.values)
    np.testing.assert_array_equal(found.values[key(pairs[0])], maps.values[key(pairs[1])])


def test_the_next_pairs_map_is_of_the_same_decision(setting, maps):
    for pairs in (list(setting.similar), list(setting.dissimilar)):
        found = of_the_next(maps)
        np.testing.assert_array_equal(found.values[key(pairs[0])], maps.values[key(pairs[1])])
        np.testing.assert_array_equal(found.values[key(pairs[-1])], maps.values[key(pairs[0])])


def test_the_other_decision_has_the_sign_changed(setting, maps):
    pair = setting.similar[0]
    method = either_decision(maps)
    own = method(pair, setting.explainer, RNG)
    turned = method(replace(pair, similar=False), setting.explainer, RNG)
    np.testing.assert_array_equal(turned, -own)


def test_maps_come_back_from_another_environment(setting, tmp_path):
    pairs = [*setting.similar, *setting.dissimilar]
    write_pairs(pairs, tmp_path / "PAIRS.npz")
    with np.load(tmp_path / "PAIRS.npz") as file:
        assert file["similar"].tolist() == [pair.similar for pair in pairs]
        values = file["test"][..., 0].astype(np.float32)
    written = {"theirs": values, "theirs.embeddings": np.full(len(pairs), 7), "few": values[:1]}
    np.savez(tmp_path / "MAPS.npz", **written)
    found = maps_of_files([tmp_path / "MAPS.npz"], pairs)
    assert set(found) == {"theirs"}
    assert found["theirs"].embeddings == 7
    np.testing.assert_array_equal(found["theirs"](pairs[2], setting.explainer, RNG), values[2])
