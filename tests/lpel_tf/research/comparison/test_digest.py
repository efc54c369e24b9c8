"""The few rows that docs show, of made-up results."""

import json
from pathlib import Path

import pytest

from lpel_serving.methods import methods
from lpel_tf.research.comparison.curves import CURVES
from lpel_tf.research.comparison.digest import DEFAULT, ORDERS, PREDICTIONS, digest

MINUS = "\N{MINUS SIGN}"


def row(mean: float, own_mean: float | None = None) -> dict:
    less = {} if own_mean is None else {"own mean": {"mean": own_mean, "low": -0.5, "high": 0.25}}
    return {"mean": {"mean": mean, "low": 0.0, "high": 1.0}, "less": less}


def measured(**rows) -> dict:
    return {curve.name: {"lower is better": True, "methods": dict(rows)} for curve in CURVES}


@pytest.fixture
def results() -> dict:
    curves = measured(**{DEFAULT: row(0.25, -0.125), "random": row(0.5, 0.1), "unheard of": row(1)})
    return curves | {"correlation": measured(lpel=row(-0.0625)), "embeddings": {}}


def lines(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"| {start} |")]


def test_the_default_stands_with_its_difference_to_the_mean_of_its_own_maps(results):
    (line,) = lines(digest(results), f"**`{DEFAULT}`**")
    assert line.count(f"0.250 ({MINUS}0.125 [{MINUS}0.500, +0.250])") == len(CURVES)


def test_a_control_stands_without(results):
    (line,) = lines(digest(results), "random")
    assert line.split(" | ")[1:-1] == ["0.500"] * (len(CURVES) - 1)


def test_what_was_not_measured_and_what_nobody_asks_for_first_is_left_out(results):
    text = digest(results)
    assert not lines(text, "centre")
    assert "unheard of" not in text


def test_a_curve_without_the_method_is_blank(results):
    del results["dissimilar, transplant"]["methods"]["random"]
    (line,) = lines(digest(results), "random")
    assert line.split("|")[5].strip() == ""


def test_a_minus_is_a_minus_sign(results):
    (line,) = lines(digest(results), "`lpel`")
    assert line.count(f"{MINUS}0.062") == len(CURVES)


def test_a_second_set_of_people_has_tables_of_its_own(results):
    second = measured(random=row(0.75)) | {"correlation": measured()}
    assert [
        line.split(" | ")[1] for line in lines(digest(results | {"second": second}), "random")
    ] == ["0.500", "0.750"]


def test_packages_of_others_stand_beside_the_default_with_what_they_embed(results):
    other = row(0.75) | {"less": {DEFAULT: {"mean": 0.5, "low": 0.25, "high": 0.625}}}
    for curve in CURVES:
        results[curve.name]["methods"]["xaitk-sbsm"] = other
    results["embeddings"] = {"xaitk-sbsm": 66.0, DEFAULT: 0.0}
    (line,) = lines(digest(results), "xaitk-saliency 0.15.0: SBSM")
    assert line.count("0.750 (+0.500 [+0.250, +0.625])") == len(CURVES)
    assert line.split(" | ")[1] == "66"
    assert not lines(digest(results | {"embeddings": {}}), "xaitk-saliency 0.15.0: SBSM")


def test_the_rows_are_in_the_order_of_words_whatever_was_measured_first(results):
    text = digest(results)
    assert text.index(f"**`{DEFAULT}`**") < text.index("| random |")


RESULTS = Path(__file__).parents[4] / "benchmarks" / "results" / "faithfulness.json"


@pytest.mark.parametrize("words", [ORDERS, PREDICTIONS])
def test_what_was_measured_at_full_size_has_every_row(words):
    results = json.loads(RESULTS.read_text())
    measured = results if words is ORDERS else results["correlation"]
    names = {name for curve in CURVES for name in measured[curve.name]["methods"]}
    # Of those that are run when they are asked for, there is a method of that name.
    assert set(words) - names <= {"xface"} <= set(methods())
