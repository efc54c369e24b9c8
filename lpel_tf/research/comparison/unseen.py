"""Correlation of all methods with unseen coalitions, and the share of what is the pair's own."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from lpel_serving.methods.each_once import EachOnce
from lpel_serving.methods.method import Method, capability
from lpel_tf.research.comparison.all_maps import AllMaps
from lpel_tf.research.comparison.asked import Needs, asked_about
from lpel_tf.research.comparison.curves import CURVES, SUBJECT, Curve
from lpel_tf.research.comparison.maps import Maps, key
from lpel_tf.research.comparison.summary import RESAMPLES_SEED, Scores, another_of, mean_of
from lpel_tf.research.comparison.work import SEED, Comparison
from lpel_tf.research.measures.correlation.effects import Effects, Hiding, measure_effects
from lpel_tf.research.measures.correlation.measured import COALITIONS, measured_maps
from lpel_tf.research.measures.correlation.predictions import predicted_effects
from lpel_tf.research.measures.correlation.scores import correlations
from lpel_tf.research.measures.correlation.share import share_of_own

YARDSTICK = f"coalitions {COALITIONS}"
MEASURED = "measured in this fill"
"""What is put after the name of a yardstick's scores, which are of fewer pairs."""
BY_MAP = "by its map"
"""What is put after the name of a method that predicts coalitions, where its map is asked."""


def unseen(comparison: Comparison, maps: AllMaps, curve: Curve) -> dict[str, list[float]]:
    """Correlations of each pair, by method; those of the yardsticks are of the first pairs alone.

    The questions are those of the curves: the same images lose coalitions to the same fills.
    """
    setting, size, networks = comparison.setting, comparison.size, comparison.networks
    pairs = list((setting.similar if curve.similar else setting.dissimilar)[: size.unseen])
    hiding = Hiding(curve.kind, curve.fill)
    effects = measure_effects(
        networks, pairs, hiding, np.random.default_rng((SEED, 8)), progress=comparison.progress
    )

    once = EachOnce(networks)  # several methods may ask for a pair's local features

    def scored(method: Method, ahead: int = 0) -> list[float]:
        predicted = predicted_effects(method, once, pairs, effects, hiding, SEED, ahead=ahead)
        return correlations(effects, predicted).tolist()

    of_all = maps.with_controls(curve.asked, every=True)
    known = {name: one for name, one in of_all.items() if all(key(p) in one.values for p in pairs)}
    found = {name: scored(one) for name, one in known.items()}
    for name, method in _predicting(curve.asked, setting.needs, known).items():
        found[f"{name}, {BY_MAP}"] = found[name]
        found[name], found[another_of(name)] = scored(method), scored(method, ahead=1)
    return found | _yardsticks(comparison, pairs[: size.measured], effects, hiding)


def _predicting(fill: str, needs: Needs, known: Mapping[str, Maps]) -> dict[str, Method]:
    """The methods that predict coalitions by more than their map."""
    asked = asked_about(fill, needs).items()
    return {n: one for n, one in asked if n in known and capability(one, "predict") is not None}


def _yardsticks(
    comparison: Comparison, pairs: Sequence[Any], effects: Effects, hiding: Hiding
) -> dict[str, list[float]]:
    if not pairs:
        return {}
    fitted = measured_maps(
        comparison.networks,
        pairs,
        hiding,
        np.random.default_rng((SEED, 9)),
        progress=comparison.progress,
    )
    few = Effects(effects.coalitions[: len(pairs)], effects.values[: len(pairs)])
    found: dict[str, list[float]] = {}
    for name, values in fitted.items():
        maps = Maps({key(pair): one for pair, one in zip(pairs, values, strict=True)})
        predicted = predicted_effects(maps, comparison.networks, pairs, few, hiding, SEED)
        found[f"{name}, {MEASURED}"] = correlations(few, predicted).tolist()
    return found


def shares(scores: Mapping[str, Scores]) -> dict[str, Any]:
    """Every method's share of what is the pair's own, as JSON values.

    Parameters
    ----------
    scores
        What `unseen` gave, by the curve's name.

    Returns
    -------
    dict[str, Any]
        By question, and under ``similar`` and ``dissimilar`` over all fills, each pair's
        correlations averaged; then by method: ``value``, ``low`` and ``high``, None where
        measuring is not better than the mean map beyond chance.
    """
    each = {name: _of_the_measured(one) for name, one in scores.items()}
    for decision in (True, False):
        names = [curve.name for curve in CURVES if curve.similar == decision]
        title = "similar" if decision else "dissimilar"
        each[title] = _averaged([each[name] for name in names if name in each])
    return {question: _shares(one) for question, one in each.items()}


def _of_the_measured(scores: Scores) -> dict[str, list[float]]:
    """The scores of the pairs whose yardstick was measured."""
    n = len(scores.get(f"{YARDSTICK}, {MEASURED}", ()))
    return {name: list(values[:n]) for name, values in scores.items()}


def _averaged(several: Sequence[Mapping[str, Sequence[float]]]) -> dict[str, list[float]]:
    """Each pair's mean over the questions that all were asked."""
    names = [name for name in several[0] if all(name in one for one in several)]
    return {name: np.mean([one[name] for one in several], axis=0).tolist() for name in names}


def _shares(scores: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    common, measured = scores[mean_of(SUBJECT)], scores[f"{YARDSTICK}, {MEASURED}"]
    return {
        name: asdict(
            share_of_own(
                np.array(values),
                np.array(common),
                np.array(measured),
                np.random.default_rng(RESAMPLES_SEED),
            )
        )
        for name, values in scores.items()
    }
