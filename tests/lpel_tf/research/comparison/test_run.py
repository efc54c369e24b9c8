"""A whole comparison, on a tiny setting."""

import json
from dataclasses import replace
from functools import partial

import pytest

from lpel_serving.support.progress import silent
from lpel_tf.research.comparison import games, run, summary, unseen, work
from lpel_tf.research.comparison.curves import CURVES
from lpel_tf.research.comparison.digest import digest
from lpel_tf.research.comparison.picture import draw
from lpel_tf.research.comparison.run import compare
from lpel_tf.research.comparison.sizes import Size
from lpel_tf.research.comparison.table import markdown
from lpel_tf.research.comparison.work import Comparison
from lpel_tf.research.measures.landmarks.settings import SwapSettings

GRADIENTS = {"sensitivity", "Grad-CAM", "xSSAB", "FGGB"}


SIZE = Size(2, 2, 2, 2, 2, 2, 2)
SCORES = (
    *("curve_areas", "unseen", "patches", "swaps", "occluders"),
    *("checks", "cost", "accuracy", "agreement"),
)


@pytest.fixture(scope="module")
def comparison(setting, tmp_path_factory) -> Comparison:
    work = tmp_path_factory.mktemp("work")
    # The same network in float32 takes the place of int8, so that both must agree.
    quick = replace(setting, quick=setting.explainer.embedder)
    return Comparison(quick, SIZE, work, (), False, silent, setting)


@pytest.fixture(scope="module", autouse=True)
def quick():
    """Fewer resamples, and a yardstick of fewer coalitions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(summary, "bootstrap", partial(summary.bootstrap, resamples=200))
        patch.setattr(unseen, "share_of_own", partial(unseen.share_of_own, resamples=200))
        patch.setattr(unseen, "measured_maps", partial(unseen.measured_maps, count=16))
        patch.setattr(unseen, "YARDSTICK", "coalitions 16")
        yield


@pytest.fixture(scope="module")
def results(comparison, quick):
    with pytest.MonkeyPatch.context() as patch:
        # Swaps hardly move the tiny network's embeddings.
        patch.setattr(games, "SwapSettings", partial(SwapSettings, alike=0.999))
        patch.setattr(games, "measure_occluders", partial(games.measure_occluders, least=-2.0))
        return compare(comparison)


def test_everything_is_measured_in_order(results):
    games_ = ["patches", "landmarks", "occluders", "checks", "cost", "accuracy"]
    rest = ["correlation", "share", "screening", "second", "size", "embeddings", "passes"]
    assert list(results) == [*(curve.name for curve in CURVES), *games_, *rest]


def test_the_results_are_json_without_what_json_lacks(results):
    assert json.loads(json.dumps(results, allow_nan=False)) == results


def test_the_curves_hold_engine_rivals_and_controls(results):
    measured = set(results["similar, noise"]["methods"])
    controls = {"mean of responses", "responses, another pair", "random"}
    assert {"responses", "lpel", "responses corrected 32", "CorrRISE 500"} | controls <= measured
    assert measured >= GRADIENTS
    assert "responses corrected 16" in measured
    assert "responses corrected 16" not in results["similar, mean"]["methods"]


def test_a_method_is_compared_with_all_controls_but_itself(results):
    less = results["similar, noise"]["methods"]["lpel"]["less"]
    assert set(less) == set(run.AGAINST) - {"lpel"}


def test_the_surrogate_is_asked_about_each_fill_and_predicts_coalitions(results):
    for question in ("similar, blur", "dissimilar, transplant"):
        methods = results[question]["methods"]
        assert {"surrogate", "mean of surrogate", "surrogate, another pair"} <= set(methods)
        correlated = results["correlation"][question]["methods"]
        assert {"surrogate", "surrogate, by its map", "surrogate, another pair"} <= set(correlated)
    assert results["embeddings"]["surrogate"] == results["embeddings"]["surrogate-order"] == 0


def test_a_subject_is_compared_with_its_own_maps_too(results):
    for question in ("similar, noise", "dissimilar, transplant"):
        methods = results[question]["methods"]
        less = methods["responses"]["less"]
        assert less["own mean"] == less["mean of responses"]
        assert less["own map of another pair"]["mean"] == pytest.approx(
            methods["responses"]["mean"]["mean"]
            - methods["responses, another pair"]["mean"]["mean"]
        )


def test_every_method_is_correlated_with_unseen_coalitions(results):
    assert list(results["correlation"]) == [curve.name for curve in CURVES]
    for measured in results["correlation"].values():
        methods = measured["methods"]
        assert {"responses", "lpel", "FGGB", "mean of responses"} <= set(methods)
        assert {"own mean", "own map of another pair"} <= set(methods["lpel"]["less"])
        assert not {"mean of lpel", "lpel, another pair"} & set(methods)
        assert all(-1 <= one["mean"]["mean"] <= 1 for one in methods.values())


def test_the_yardstick_is_measured_in_each_fill(results):
    for question, measured in results["correlation"].items():
        yardsticks = [name for name in measured["methods"] if "measured in this fill" in name]
        assert len(yardsticks) == (2 if "both" in question else 1)


def test_the_share_is_of_each_question_and_of_all(results):
    assert set(results["share"]) == {*(curve.name for curve in CURVES), "similar", "dissimilar"}
    for each in results["share"].values():
        for one in each.values():
            assert set(one) == {"value", "low", "high"}


def test_a_mean_map_does_not_move_to_an_occluder(results):
    rise = results["occluders"]["occluders, rise of the rank"]
    assert rise["mean of responses"]["mean"]["mean"] == rise["centre"]["mean"]["mean"] == 0
    assert "mean of responses" in rise["lpel"]["less"]


def test_the_same_embedder_confirms_itself(results):
    screening = results["screening"]
    assert screening["agreement"]["least cosine"] == pytest.approx(1, abs=1e-6)
    assert list(screening["confirmed"]) == [curve.name for curve in CURVES]
    for one in screening["confirmed"].values():
        assert one["pairs"] == 2
        assert one["largest difference of a pair"] == 0


def test_the_second_set_has_few_methods(results):
    second = results["second"]
    methods = second["similar, noise"]["methods"]
    assert {"responses", "lpel", "mean of responses", "random", "centre"} <= set(methods)
    assert not GRADIENTS & set(methods)
    assert "responses" in second["correlation"]["similar, blur"]["methods"]


def test_the_digest_has_both_sets_of_people(results):
    text = digest(results)
    assert text.count("| **`surrogate-order`** | 0.") == 2
    assert text.count("| **the surrogate, asked directly** | ") == 2
    assert "`surrogate`, of templates" in text


def photographs(pairs) -> int:
    return len({one.tobytes() for pair in pairs for one in (pair.reference, pair.test)})


def test_passes_of_each_step_are_counted(results, comparison):
    passes = results["passes"]
    assert passes["maps of CorrRISE"]["images"] == 2 * 500
    assert passes["maps of coalitions"]["images"] == 2 * 2 * 256
    # What is measured, the yardstick and what `hybrid` measures, once for each pair; then local
    # features, once for each distinct photograph.
    of_test = passes["unseen, similar, mean"]["images"] - 2 * (48 + 16 + 32)
    of_both = passes["unseen, dissimilar, mean in both"]["images"] - 2 * 2 * (48 + 16 + 32)
    assert of_test == photographs(comparison.setting.similar)
    assert of_both == photographs(comparison.setting.dissimilar)
    assert passes["maps of lpel_serving"]["images"] == 0


def test_passes_are_counted_beyond_the_pairs_own(results):
    embeddings = results["embeddings"]
    assert embeddings["lpel"] == embeddings["responses"] == 0
    assert embeddings["CorrRISE 500"] == 500
    assert embeddings["coalitions 16"] == 24
    assert embeddings["sensitivity"] == 2


def test_measured_once_everything_is_read_again(results, comparison, monkeypatch):
    for name in SCORES:
        monkeypatch.setattr(run, name, pytest.fail)
    assert compare(comparison) == results


def test_the_curves_alone_are_those_of_all_and_can_be_laid_out(results, comparison):
    curves = compare(comparison, only_curves=True)
    assert set(curves) < set(results)
    assert "correlation" not in curves
    for name in ("similar, noise", "dissimilar, blur in both", "embeddings"):
        assert curves[name] == results[name]
    assert "| responses |" in markdown(curves)
    assert "`surrogate-order`" in digest(curves)


def test_other_pairs_do_not_read_what_these_gave(comparison):
    larger = replace(comparison, size=replace(SIZE, probes=1))
    assert larger.parts != comparison.parts


@pytest.mark.parametrize("side", ["similar", "dissimilar"])
def test_as_many_pairs_of_others_do_not_read_what_these_gave(comparison, side):
    pairs = comparison.setting.pairs
    of_side = getattr(pairs, side)
    exchanged = replace(pairs, **{side: replace(of_side, h_r=of_side.h_t, h_t=of_side.h_r)})
    setting = replace(comparison.setting, pairs=exchanged)
    assert replace(comparison, setting=setting).parts != comparison.parts


def test_methods_of_other_parameters_do_not_read_what_these_gave(comparison, monkeypatch):
    before = comparison.parts
    monkeypatch.setattr(work, "parameters_of", lambda method: {"count": 7})
    assert replace(comparison).parts != before


def test_another_embedder_does_not_read_what_this_gave(comparison, setting):
    assert replace(comparison, setting=setting).parts != comparison.parts


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        (200, (200, 100, 50, 20, 100, 30, 40)),
        (60, (60, 50, 50, 6, 50, 30, 40)),
        (4, (4, 4, 4, 2, 4, 4, 4)),
    ],
)
def test_what_takes_more_embeddings_is_measured_on_fewer_pairs(pairs, expected):
    assert Size.of(pairs) == Size(*expected)


def test_the_tables_have_every_method_and_measure(results):
    table = markdown(results)
    for name in ("responses", "FGGB", "patches, genuine", "ratio to responses"):
        assert f"| {name}" in table or f" {name} |" in table


def test_the_mean_map_comes_first_in_the_tables(results):
    for table in markdown(results).split("\n\n")[:2]:
        assert table.splitlines()[2].startswith("| mean of responses |")


def test_the_picture_is_drawn(results):
    assert draw(results).startswith(b"\x89PNG")
