"""The run of a comparison, measure after measure, each kept as soon as it is done."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from lpel_serving.equations.fill import Fill
from lpel_serving.images.held import as_image
from lpel_serving.methods.method import Method
from lpel_tf.research.comparison.all_maps import USUAL, AllMaps, all_maps, few_maps
from lpel_tf.research.comparison.asked import SUBJECTS, cheap
from lpel_tf.research.comparison.checks import checks
from lpel_tf.research.comparison.cost import cost
from lpel_tf.research.comparison.curves import CURVES, SUBJECT, Curve, curve_areas
from lpel_tf.research.comparison.games import accuracy, occluders, patches, swaps, triplets
from lpel_tf.research.comparison.maps import Maps, common_map, either_decision
from lpel_tf.research.comparison.screening import agreement, confirmed
from lpel_tf.research.comparison.setting import Setting
from lpel_tf.research.comparison.summary import DEFAULT, Scores, mean_of, summary
from lpel_tf.research.comparison.unseen import shares, unseen
from lpel_tf.research.comparison.white_box import cheap_white_box
from lpel_tf.research.comparison.work import SEED, Comparison
from lpel_tf.research.measures.cost import CountingNetworks

COMMON = mean_of(SUBJECT)
"""The mean map: the hardest of the controls that know nothing of a pair."""
AGAINST = (
    *(COMMON, "random", "centre", "shifted", "another pair"),
    *("occlusion", "CorrRISE 500", "lpel", DEFAULT),
)
FINALISTS = ("coalitions 256", "responses corrected 32", "CorrRISE 500")
"""Of the families with several budgets, what takes part in most curves."""
SEVERAL = re.compile(r"(coalitions|responses corrected|CorrRISE) \d+")
WITH_ALL = ("similar, noise", "dissimilar, transplant")
"""The curves that every budget takes part in."""
OF_ALTERED = "mean"
"""The fill that methods are asked about where faces are altered otherwise: the usual default."""
TIMED = 6
AGAIN = 10
"""One in so many pairs of a screened curve is measured again in float32."""
SAMPLED = 16
"""Pairs of which altered images are embedded by both embedders."""


def compare(comparison: Comparison, *, only_curves: bool = False) -> dict[str, Any]:
    """Measure every method that is not measured yet.

    Parameters
    ----------
    comparison
        What is compared.
    only_curves
        Whether to leave all other measures out, as for packages of others, which answer few of
        them.

    Returns
    -------
    dict[str, Any]
        By measure, as JSON values; ``size`` has the numbers of pairs, ``embeddings`` how many
        passes each method's map takes beyond the pair's own two, ``passes`` the images that each
        step embedded, and its seconds.
    """
    comparison.parts.mkdir(parents=True, exist_ok=True)
    maps = all_maps(comparison)
    scored = _scored(comparison, maps)
    results = _curves(scored)
    if not only_curves:
        results |= _all_else(comparison, maps, scored)
    results["size"] = vars(comparison.size) | {"pairs": len(comparison.setting.similar)}
    results["embeddings"] = {n: one.embeddings for n, one in maps.with_controls(USUAL).items()}
    results["passes"] = comparison.costs()
    return results


def _all_else(
    comparison: Comparison, maps: AllMaps, scored: Mapping[str, Scores]
) -> dict[str, Any]:
    """Every measure but the curves, and the second set of people."""
    results = {n: comparison.once(n, step) for n, step in _steps(comparison, maps).items()}
    results |= _correlation(comparison, maps)
    if comparison.setting.quick is not None:
        results["screening"] = _screening(comparison, maps, scored)
    if comparison.second is not None:
        results["second"] = _second(comparison, comparison.second)
    return results


def _scored(comparison: Comparison, maps: AllMaps) -> dict[str, Scores]:
    """The area under each curve of each pair."""
    return {
        curve.name: comparison.once(curve.name, partial(_curve, comparison, maps, curve))
        for curve in CURVES
    }


def _curves(scored: Mapping[str, Scores]) -> dict[str, Any]:
    return {
        curve.name: _summed(scored[curve.name], lower_is_better=curve.lower_is_better)
        for curve in CURVES
    }


def _correlation(comparison: Comparison, maps: AllMaps) -> dict[str, Any]:
    """The correlation with unseen coalitions, and the shares if there is a yardstick."""
    scored = {
        curve.name: comparison.once(
            f"unseen, {curve.name}", partial(unseen, comparison, maps, curve)
        )
        for curve in CURVES
    }
    summed = {name: _summed(one, lower_is_better=False) for name, one in scored.items()}
    share = {"share": shares(scored)} if comparison.size.measured else {}
    return {"correlation": summed, **share}


def _summed(scores: Scores, *, lower_is_better: bool) -> dict[str, Any]:
    return {"lower is better": lower_is_better, "methods": summary(scores, AGAINST)}


def _steps(comparison: Comparison, maps: AllMaps) -> dict[str, Callable[[], Any]]:
    """What is measured besides, by name; nothing is before it is called."""
    setting, size, progress = comparison.setting, comparison.size, comparison.progress
    known, own = maps.of(OF_ALTERED), cheap(OF_ALTERED, setting.needs)
    means = {mean_of(name): common_map(known[name]) for name in SUBJECTS if name in own}
    asked = own | means | cheap_white_box(setting)
    return {
        "patches": partial(_patches, comparison, asked),
        "landmarks": partial(_landmarks, comparison, asked),
        "occluders": partial(_occluders, comparison, asked),
        "checks": partial(checks, setting, size.probes, SEED, progress),
        "cost": partial(cost, setting, TIMED),
        "accuracy": partial(_accuracy, comparison, asked, known),
    }


def _curve(comparison: Comparison, maps: AllMaps, curve: Curve) -> Scores:
    return _areas(comparison, maps, curve, comparison.networks, _pairs_of(comparison, curve))


def _pairs_of(comparison: Comparison, curve: Curve) -> int:
    size = comparison.size
    if curve.fill.name == USUAL:
        return size.pairs
    return size.other_fills if curve.similar else size.both


def _areas(
    comparison: Comparison, maps: AllMaps, curve: Curve, networks: CountingNetworks, n: int
) -> Scores:
    setting = comparison.setting
    everything = maps.with_controls(curve.asked)
    names = [one for one in everything if not SEVERAL.match(one) or one in FINALISTS]
    exact = networks is comparison.exact
    return curve_areas(
        curve,
        networks,
        (setting.similar if curve.similar else setting.dissimilar)[:n],
        everything if curve.name in WITH_ALL else {name: everything[name] for name in names},
        SEED,
        comparison.parts / ("again" if exact else "curves"),
        comparison.progress,
    )


def _screening(
    comparison: Comparison, maps: AllMaps, scored: Mapping[str, Scores]
) -> dict[str, Any]:
    """How far screening is from what float32 gives: on images, and on curves of some pairs.

    Those are the first pairs: their order is random, and they see the same noise again.
    """
    names = [name for subject in SUBJECTS for name in (subject, mean_of(subject))]
    again = {
        curve.name: comparison.once(
            f"again, {curve.name}",
            lambda curve=curve: _areas(
                comparison,
                maps,
                curve,
                comparison.exact,
                max(2, _pairs_of(comparison, curve) // AGAIN),
            ),
        )
        for curve in CURVES
    }
    sample = comparison.setting.similar[:SAMPLED]
    return {
        "embedder": comparison.setting.precision,
        "agreement": comparison.once(
            "agreement", partial(agreement, comparison.exact, comparison.networks, sample, SEED)
        ),
        "confirmed": {
            name: confirmed(scored[name], scores, (*names, "random", "centre", "shifted"))
            for name, scores in again.items()
        },
    }


def _second(comparison: Comparison, setting: Setting) -> dict[str, Any]:
    """The curves and the correlation on a second set of people, of few methods."""
    n = min(comparison.size.second, len(setting.similar))
    size = replace(comparison.size, pairs=n, other_fills=n, both=n, unseen=n, measured=0)
    fewer = replace(setting, pairs=setting.pairs.first(n))
    second = replace(
        comparison, setting=fewer, size=size, work=comparison.parts / "second", second=None
    )
    second.parts.mkdir(parents=True, exist_ok=True)
    maps = few_maps(second)
    found = _curves(_scored(second, maps)) | _correlation(second, maps)
    return found | {"size": {"pairs": n}, "passes": second.costs()}


def _accuracy(
    comparison: Comparison, asked: Mapping[str, Method], maps: Mapping[str, Maps]
) -> dict[str, Any]:
    setting, few = comparison.setting, comparison.size.probes
    pairs = [*setting.similar[:few], *setting.dissimilar[:few]]
    chosen = {**asked, **{name: either_decision(maps[name]) for name in ("CorrRISE 500", "FGGB")}}
    found: dict[str, Scores] = {}
    for fill in ("black", "blur"):
        networks, progress = comparison.networks, comparison.progress
        found |= accuracy(networks, pairs, chosen, Fill(fill), SEED, progress)
    return _summaries(found)


def _patches(comparison: Comparison, asked: Mapping[str, Method]) -> dict[str, Any]:
    setting, n = comparison.setting, comparison.size.both
    read = setting.explainer.embedder.read
    donors = [read(as_image(donor)) for donor in setting.pairs.donors[:n]]
    others = {name: method for name, method in asked.items() if name != "random"}  # built in
    pairs = (setting.similar[:n], setting.dissimilar[:n])
    return _summaries(patches(comparison.exact, pairs, donors, others, SEED, comparison.progress))


def _landmarks(comparison: Comparison, asked: Mapping[str, Method]) -> dict[str, Any]:
    drawn = triplets(comparison.setting, comparison.size.both)
    return _summaries(swaps(comparison.exact, drawn, asked, SEED, comparison.progress))


def _occluders(comparison: Comparison, asked: Mapping[str, Method]) -> dict[str, Any]:
    pairs = comparison.setting.similar[: comparison.size.both]
    threshold = comparison.setting.explainer.manifest.threshold.value
    networks, progress = comparison.exact, comparison.progress
    return _summaries(occluders(networks, pairs, asked, threshold, SEED, progress))


def _summaries(found: Mapping[str, Scores]) -> dict[str, Any]:
    return {name: summary(scores, AGAINST) for name, scores in found.items()}
