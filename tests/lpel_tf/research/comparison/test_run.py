"""A whole comparison, on a tiny setting."""

import json
from functools import partial

import pytest

from lpel_serving.support.progress import silent
from lpel_tf.research.comparison import games, run
from lpel_tf.research.comparison.curves import CURVES
from lpel_tf.research.comparison.picture import draw
from lpel_tf.research.comparison.run import Comparison, Size, compare
from lpel_tf.research.comparison.table import markdown
from lpel_tf.research.measures.landmarks.settings import SwapSettings

GRADIENTS = {"sensitivity", "Grad-CAM", "xSSAB", "FGGB"}


@pytest.fixture(scope="module")
def comparison(setting, tmp_path_factory) -> Comparison:
    work = tmp_path_factory.mktemp("work")
    return Comparison(setting, Size(2, 2, 2, 2), work, (), False, silent)


@pytest.fixture(scope="module")
def results(comparison):
    with pytest.MonkeyPatch.context() as patch:
        # Swaps hardly move the tiny network's embeddings.
        patch.setattr(games, "SwapSettings", partial(SwapSettings, alike=0.999))
        return compare(comparison)


def test_everything_is_measured_in_order(results):
    rest = ["patches", "landmarks", "checks", "cost", "accuracy", "size", "embeddings"]
    assert list(results) == [*(curve.name for curve in CURVES), *rest]


def test_the_results_are_json_without_what_json_lacks(results):
    assert json.loads(json.dumps(results, allow_nan=False)) == results


def test_the_curves_hold_engine_rivals_and_controls(results):
    measured = set(results["similar, noise"]["methods"])
    assert {"responses", "lpel", "hybrid 32", "CorrRISE 500", "its mean map", "random"} <= measured
    assert measured >= GRADIENTS
    assert "hybrid 16" in measured
    assert "hybrid 16" not in results["similar, mean"]["methods"]


def test_a_method_is_compared_with_all_controls_but_itself(results):
    less = results["similar, noise"]["methods"]["lpel"]["less"]
    assert set(less) == set(run.AGAINST) - {"lpel"}


def test_passes_are_counted_beyond_the_pairs_own(results):
    embeddings = results["embeddings"]
    assert embeddings["lpel"] == embeddings["responses"] == 0
    assert embeddings["CorrRISE 500"] == 500
    assert embeddings["coalitions 16"] == 24
    assert embeddings["sensitivity"] == 2


def test_measured_once_everything_is_read_again(results, comparison, monkeypatch):
    for name in ("curve_areas", "patches", "swaps", "checks", "cost", "accuracy"):
        monkeypatch.setattr(run, name, pytest.fail)
    assert compare(comparison) == results


def test_other_pairs_do_not_read_what_these_gave(comparison):
    larger = Comparison(comparison.setting, Size(2, 2, 2, 1), comparison.work, (), False, silent)
    assert larger.parts != comparison.parts


@pytest.mark.parametrize(
    ("pairs", "expected"), [(200, (200, 100, 50, 20)), (60, (60, 50, 50, 6)), (4, (4, 4, 4, 2))]
)
def test_what_takes_more_embeddings_is_measured_on_fewer_pairs(pairs, expected):
    assert Size.of(pairs) == Size(*expected)


def test_the_tables_have_every_method_and_measure(results):
    table = markdown(results)
    for name in ("responses", "FGGB", "patches, genuine", "ratio to responses"):
        assert f"| {name}" in table or f" {name} |" in table


def test_the_picture_is_drawn(results):
    assert draw(results).startswith(b"\x89PNG")
