"""All methods' maps of all pairs, of each fill that a method can be asked about, and controls."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lpel_serving.equations.fill import FILLS, Fill
from lpel_serving.support.partial import Partial
from lpel_tf.research.comparison.asked import SUBJECTS, asked_about, asked_once
from lpel_tf.research.comparison.curves import CURVES
from lpel_tf.research.comparison.exchange import maps_of_files
from lpel_tf.research.comparison.families import by_coalitions, corrrise, each_by_itself
from lpel_tf.research.comparison.maps import (
    Family,
    Maps,
    collect,
    of_everybody_else,
    of_the_next,
)
from lpel_tf.research.comparison.of_templates import of_templates
from lpel_tf.research.comparison.summary import another_of, mean_of
from lpel_tf.research.comparison.white_box import cheap_white_box, feature_guided, with_passes
from lpel_tf.research.comparison.work import SEED, Comparison

USUAL = "normal"
"""The fill whose maps are there for every pair."""


@dataclass(frozen=True, eq=False)
class AllMaps:
    """Maps by method.

    Attributes
    ----------
    once
        Of methods that cannot be asked about a fill, or are not in every fill.
    by_fill
        Of those that can, by the fill they were asked about.
    """

    once: Mapping[str, Maps]
    by_fill: Mapping[str, Mapping[str, Maps]] = field(default_factory=dict[str, dict[str, Maps]])

    def of(self, fill: str) -> dict[str, Maps]:
        """Every method's maps; of one that does not know the fill, those of the usual one."""
        return {**self.once, **self.by_fill.get(USUAL, {}), **self.by_fill.get(fill, {})}

    def with_controls(self, fill: str, *, every: bool = False) -> dict[str, Maps]:
        """The same, with the mean of each subject's own maps, and its map of the next pair.

        Parameters
        ----------
        fill
            Asked about.
        every
            Of every method, not of `SUBJECTS` alone.
        """
        found = self.of(fill)
        for name in [one for one in found if every or one in SUBJECTS]:
            found[mean_of(name)] = of_everybody_else(found[name])
            found[another_of(name)] = of_the_next(found[name])
        return found


def all_maps(comparison: Comparison) -> AllMaps:
    """Compute every method's maps, family by family, from the cheap to the costly."""
    setting, networks = comparison.setting, comparison.networks
    once = few_maps(comparison)
    found = dict(once.once)
    by_fill = {fill: dict(maps) for fill, maps in once.by_fill.items()}
    families = {
        "gradients": lambda: with_passes(cheap_white_box(setting), setting),
        "FGGB": lambda: feature_guided(setting),
        "CorrRISE": lambda: corrrise(networks, SEED),
        "coalitions": lambda: by_coalitions(networks, Fill("normal"), SEED),
    }
    for name, family in families.items():
        found |= _collected(comparison, name, family(), len(setting.similar))
    for fill in ("mean", "blur"):
        family = by_coalitions(networks, Fill(fill), SEED)
        by_fill.setdefault(fill, {}).update(
            _collected(comparison, f"coalitions, {fill}", family, comparison.size.each_fill)
        )
    pairs = [*setting.similar, *setting.dissimilar]
    return AllMaps(found | maps_of_files(comparison.rivals, pairs), by_fill)


def few_maps(comparison: Comparison) -> AllMaps:
    """Compute the maps of those methods alone that are installed and share nothing."""
    n, needs = len(comparison.setting.similar), comparison.setting.needs
    networks = comparison.networks
    once = each_by_itself(asked_once(needs, slow=comparison.slow), networks, SEED)
    by_fill: dict[str, dict[str, Maps]] = {}
    for fill in dict.fromkeys(curve.asked for curve in CURVES):
        methods = asked_about(fill, needs)
        methods |= of_templates(methods, comparison.setting.explainer.manifest)
        # Nobody asks what transplants do to a similar pair.
        decisions = (True, False) if fill in FILLS else (False,)
        family = each_by_itself(methods, networks, SEED, decisions)
        if methods:
            many = comparison.size.each_fill if fill in ("mean", "blur") else n
            by_fill[fill] = _collected(comparison, f"lpel_serving, {fill}", family, many)
    return AllMaps(_collected(comparison, "lpel_serving", once, n), by_fill)


def _collected(comparison: Comparison, name: str, family: Family, n: int) -> dict[str, Maps]:
    kept = Partial(comparison.parts / f"maps-{name}.npz", name)
    pairs = comparison.setting.pairs.first(n)
    found: dict[str, Maps] = {}

    def explain() -> None:
        found.update(collect(family, pairs, kept, name, comparison.progress))

    comparison.once(f"maps of {name}", explain)  # for its cost: the maps themselves are in `kept`
    return found or collect(family, pairs, kept, name, comparison.progress)
