"""The few rows of a comparison that a reader wants first, as tables in Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lpel_tf.research.comparison.curves import CURVES as ALL_CURVES
from lpel_tf.research.comparison.curves import SUBJECT
from lpel_tf.research.comparison.of_templates import OF_TEMPLATES
from lpel_tf.research.comparison.summary import DEFAULT, OWN_MEAN, another_of, mean_of
from lpel_tf.research.comparison.table import lay_out

ORDERS = {
    mean_of(SUBJECT): "mean map of responses",
    mean_of(DEFAULT): f"mean of `{DEFAULT}`'s own maps",
    DEFAULT: f"**`{DEFAULT}`**",
    "surrogate": "`surrogate`",
    "hybrid": "`hybrid`, 32 measured",
    f"{DEFAULT}{OF_TEMPLATES}": f"`{DEFAULT}`, of templates",
    f"surrogate{OF_TEMPLATES}": "`surrogate`, of templates",
    SUBJECT: "responses",
    "coalitions 256": "coalitions, 256 measured",
    "occlusion": "occlusion, measured",
    "CorrRISE 500": "CorrRISE, 500 measured",
    "FGGB": "FGGB",
    "centre": "centre",
    another_of(DEFAULT): f"`{DEFAULT}` of another pair",
    "random": "random",
    "lpel": "`lpel`",
    "shifted": "shifted",
}
"""The rows of curves, with the words for each."""
RIVALS = {
    DEFAULT: f"**`{DEFAULT}`**",
    "xface": "xFace",
    "CorrRISE 500": "CorrRISE, its authors' 500 masks",
    "distance-explainer": "distance-explainer 0.6.0",
    "xplique-rise-1000": "Xplique 2.0.2: RISE, 1,000 masks",
    "xplique-occlusion-20": "Xplique: occlusion, patches of 20",
    "xplique-integrated-gradients": "Xplique: integrated gradients",
    "xplique-smooth-grad": "Xplique: SmoothGrad",
    "xplique-gradient-input": "Xplique: gradient x input",
    "xplique-grad-cam": "Xplique: Grad-CAM",
    "xaitk-sbsm": "xaitk-saliency 0.15.0: SBSM",
    "random": "random",
}
"""The rows of a comparison with others' packages: see `benchmarks/rivals`."""
COMPARED = (DEFAULT, "surrogate", "hybrid", SUBJECT)
"""Where the difference to the mean of a method's own maps is given."""
PREDICTIONS = {
    mean_of(SUBJECT): "mean map of responses",
    DEFAULT: "**the surrogate, asked directly**",
    "hybrid": "the surrogate, corrected by 32 measured (`hybrid`)",
    "coalitions 256, measured in this fill": "256 coalitions measured in this fill (fewer pairs)",
    "surrogate, by its map": "`surrogate`, by the sum of its map",
    SUBJECT: "responses",
    "CorrRISE 500": "CorrRISE, 500 measured",
    another_of(DEFAULT): "the surrogate, asked about another pair",
    "lpel": "`lpel`",
}
"""The rows of the correlation with unseen coalitions."""
CURVES = tuple(curve.name for curve in ALL_CURVES)
_PACKAGES = {"xface", *(name for name in RIVALS if "-" in name and name != DEFAULT)}


def digest(results: Mapping[str, Any]) -> str:
    """Lay out curves, the correlation, and the same of a second set of people.

    Parameters
    ----------
    results
        What `lpel_tf.research.comparison.run.compare` returns.

    Returns
    -------
    str
        Markdown; a row that nothing was measured of is left out.
    """
    sets = [one for one in (results, results.get("second")) if one]
    tables = [
        _against_rivals(results) if _PACKAGES & results["embeddings"].keys() else "",
        *_of_sets(sets),
    ]
    return "\n\n".join(one for one in tables if one)


def _of_sets(sets: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for one in sets:
        yield _rows("order", one, ORDERS, COMPARED)
        if "correlation" in one:
            yield _rows("method", one["correlation"], PREDICTIONS, ())


def _against_rivals(results: Mapping[str, Any]) -> str:
    """What others' packages give, each beside its difference to the default's order."""
    passes = {name: f"{n:,.0f}" for name, n in results["embeddings"].items()}
    columns = [results[one]["methods"] for one in CURVES]
    cells = [
        [words, passes.get(name, ""), *(_cell(column.get(name), DEFAULT) for column in columns)]
        for name, words in RIVALS.items()
        if any(name in column for column in columns)
    ]
    return lay_out(["order by", "embedded", *CURVES], cells)


def _rows(
    head: str, measured: Mapping[str, Any], words: Mapping[str, str], compared: tuple[str, ...]
) -> str:
    columns = [measured[one]["methods"] for one in CURVES]
    there = [name for name in words if any(name in column for column in columns)]
    cells = [
        [words[name], *(_cell(column.get(name), other) for column in columns)]
        for name, other in ((one, OWN_MEAN if one in compared else None) for one in there)
    ]
    return lay_out([head, *CURVES], cells)


def _cell(one: Mapping[str, Any] | None, other: str | None) -> str:
    """The mean; behind it the paired difference to another order, if one is named."""
    if one is None:
        return ""
    less = None if other is None else one["less"].get(other)
    mean = _number(one["mean"]["mean"])
    if less is None:
        return mean
    difference, low, high = (_number(less[name], "+") for name in ("mean", "low", "high"))
    return f"{mean} ({difference} [{low}, {high}])"


def _number(value: float, sign: str = "") -> str:
    return f"{value:{sign}.3f}".replace("-", "\N{MINUS SIGN}")
