"""The few rows of a comparison that a reader wants first, as tables in Markdown."""

from collections.abc import Mapping
from typing import Any

from lpel_tf.research.comparison.curves import CURVES as ALL_CURVES
from lpel_tf.research.comparison.curves import SUBJECT
from lpel_tf.research.comparison.of_templates import OF_TEMPLATES
from lpel_tf.research.comparison.summary import OWN_MEAN, another_of, mean_of
from lpel_tf.research.comparison.table import lay_out

DEFAULT = "surrogate-order"
"""The method that people get unless they ask for another."""
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
    "xface": "xFace, 2,260 measured",
    "FGGB": "FGGB",
    "centre": "centre",
    another_of(DEFAULT): f"`{DEFAULT}` of another pair",
    "random": "random",
    "lpel": "`lpel`",
    "shifted": "shifted",
}
"""The rows of curves, with the words for each."""
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
        table
        for one in sets
        for table in (
            _rows("order", one, ORDERS, COMPARED),
            _rows("method", one["correlation"], PREDICTIONS, ()),
        )
    ]
    return "\n\n".join(tables)


def _rows(
    head: str, measured: Mapping[str, Any], words: Mapping[str, str], compared: tuple[str, ...]
) -> str:
    columns = [measured[one]["methods"] for one in CURVES]
    there = [name for name in words if any(name in column for column in columns)]
    cells = [
        [words[name], *(_cell(column.get(name), compare=name in compared) for column in columns)]
        for name in there
    ]
    return lay_out([head, *CURVES], cells)


def _cell(one: Mapping[str, Any] | None, *, compare: bool) -> str:
    """The mean; behind it the paired difference to the mean of the method's own maps."""
    if one is None:
        return ""
    less = one["less"].get(OWN_MEAN) if compare else None
    mean = _number(one["mean"]["mean"])
    if less is None:
        return mean
    difference, low, high = (_number(less[name], "+") for name in ("mean", "low", "high"))
    return f"{mean} ({difference} [{low}, {high}])"


def _number(value: float, sign: str = "") -> str:
    return f"{value:{sign}.3f}".replace("-", "\N{MINUS SIGN}")
