"""The run of a comparison, measure after measure, each kept as soon as it is done."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from lpel_serving.equations.fill import Fill
from lpel_serving.methods import find_method, methods
from lpel_serving.methods.method import Method
from lpel_serving.support.files import write_atomically
from lpel_serving.support.partial import Partial
from lpel_serving.support.progress import Progress
from lpel_tf.research.comparison.checks import checks
from lpel_tf.research.comparison.cost import cost
from lpel_tf.research.comparison.curves import CURVES, SUBJECT, Curve, curve_areas
from lpel_tf.research.comparison.exchange import maps_of_files, write_pairs
from lpel_tf.research.comparison.families import by_coalitions, corrrise, each_by_itself
from lpel_tf.research.comparison.games import accuracy, patches, swaps, triplets
from lpel_tf.research.comparison.maps import Maps, collect, either_decision, of_everybody_else
from lpel_tf.research.comparison.setting import Setting
from lpel_tf.research.comparison.summary import Scores, summary
from lpel_tf.research.comparison.white_box import cheap_white_box, feature_guided, with_passes
from lpel_tf.support.cache import file_sha256

SEED = 0
AGAINST = (
    *("random", "centre", "shifted", "another pair", "its mean map"),
    *("occlusion", "CorrRISE 500", "lpel"),
)
ELSEWHERE = (
    # These share what they measure of an image: see `families`.
    *("corrrise", "coalitions", "hybrid"),
    # These are the controls of every curve.
    *("occlusion", "random", "centre", "constant-relevance"),
    # It explains similar pairs alone.
    "emsnn",
)
CHEAP = ("responses", "lpel", "lpel-mended", "centre", "random")
FINALISTS = ("coalitions 256", "hybrid 32", "CorrRISE 500")
"""Of the families with several budgets, what takes part in most curves."""
WITH_ALL = ("similar, noise", "dissimilar, transplant")
"""The curves that every budget takes part in."""
TIMED = 6
SLOW = ("xface",)
"""Two thousand embeddings a pair: run when asked for."""


@dataclass(frozen=True)
class Size:
    """How many pairs each measure is made on.

    Attributes
    ----------
    pairs
        The curves by noise and by transplant.
    other_fills
        Curves by other fills in one image.
    both
        Those in both images, which take twice as many embeddings, patches and landmarks.
    probes
        Accuracy, sanity and stability.
    """

    pairs: int
    other_fills: int
    both: int
    probes: int

    @classmethod
    def of(cls, pairs: int) -> "Size":
        """Fewer pairs for what takes more embeddings, once there are enough."""
        half, quarter = (max(pairs // share, min(pairs, 50)) for share in (2, 4))
        return cls(pairs, half, quarter, max(2, pairs // 10))


QUICK = Size(10, 6, 10, 4)


@dataclass(frozen=True, eq=False)
class Comparison:
    """What is compared, and where it is kept.

    Attributes
    ----------
    setting
        The networks and the pairs.
    size
        How many pairs each measure is made on.
    work
        Folder of all that is written.
    rivals
        Files of maps that packages in environments of their own made of PAIRS.npz.
    slow
        Whether the methods in `SLOW` take part.
    progress
        Reports how far everything is.
    """

    setting: Setting
    size: Size
    work: Path
    rivals: tuple[Path, ...]
    slow: bool
    progress: Progress

    @cached_property
    def parts(self) -> Path:
        """A folder that no other bundle, pairs or methods share: results are read from it."""
        files = self.setting.explainer.manifest.files.values()
        made_of: list[Any] = [*(file.sha256 for file in files), self.size, self.slow]
        made_of += [len(self.setting.similar), SEED, *methods(), *map(file_sha256, self.rivals)]
        return self.work / hashlib.sha256(repr(made_of).encode()).hexdigest()[:16]


def compare(comparison: Comparison) -> dict[str, Any]:
    """Measure every method that is not measured yet.

    Returns
    -------
    dict[str, Any]
        By measure, as JSON values; ``size`` has the numbers of pairs, and ``embeddings`` how
        many passes each method's map takes beyond the pair's own two.
    """
    comparison.parts.mkdir(parents=True, exist_ok=True)
    maps = _all_maps(comparison)
    results = {
        name: _once(comparison.parts / f"{name}.json", step)
        for name, step in _steps(comparison, maps).items()
    }
    results["size"] = vars(comparison.size) | {"pairs": len(comparison.setting.similar)}
    results["embeddings"] = {name: one.embeddings for name, one in maps.items()}
    return results


def _once(path: Path, step: Callable[[], Any]) -> Any:
    """Do a step, or read what it gave when it was done."""
    if path.exists():
        return json.loads(path.read_bytes())
    result = step()
    write_atomically(path, (json.dumps(result) + "\n").encode())
    return result


def _all_maps(comparison: Comparison) -> dict[str, Maps]:
    """Every method's maps, family by family, from the cheap to the costly."""
    setting, networks = comparison.setting, comparison.setting.explainer
    own = [name for name in methods() if name not in {*ELSEWHERE, *SLOW}]
    named = {name: find_method(name) for name in (*own, *(SLOW if comparison.slow else ()))}
    families = {
        "lpel_serving": lambda: each_by_itself(named, networks, SEED),
        "gradients": lambda: with_passes(cheap_white_box(setting), setting),
        "FGGB": lambda: feature_guided(setting),
        "CorrRISE": lambda: corrrise(networks, SEED),
        "coalitions": lambda: by_coalitions(networks, Fill("normal"), SEED),
    }
    found: dict[str, Maps] = {}
    for name, family in families.items():
        kept = Partial(comparison.parts / f"maps-{name}.npz", name)
        found |= collect(family(), setting.pairs, kept, name, comparison.progress)
    decided = (list(setting.similar), list(setting.dissimilar))
    found["its mean map"] = of_everybody_else(found[SUBJECT], decided)
    pairs = [*decided[0], *decided[1]]
    write_pairs(pairs, comparison.work / "PAIRS.npz")
    return found | maps_of_files(comparison.rivals, pairs)


def _steps(comparison: Comparison, maps: dict[str, Maps]) -> dict[str, Callable[[], Any]]:
    """What is to be measured, by name; nothing is before it is called."""
    setting, size, progress = comparison.setting, comparison.size, comparison.progress
    cheap = {name: find_method(name) for name in CHEAP} | cheap_white_box(setting)
    return {
        **{curve.name: partial(_curve, comparison, maps, curve) for curve in CURVES},
        "patches": partial(_patches, comparison, cheap),
        "landmarks": partial(_landmarks, comparison, cheap),
        "checks": partial(checks, setting, size.probes, SEED, progress),
        "cost": partial(cost, setting, TIMED),
        "accuracy": partial(_accuracy, comparison, cheap, maps),
    }


def _curve(comparison: Comparison, maps: dict[str, Maps], curve: Curve) -> dict[str, Any]:
    setting, size = comparison.setting, comparison.size
    several = ("coalitions", "hybrid", "CorrRISE")
    first = [name for name in maps if not name.startswith(several)]
    finalists = {name: maps[name] for name in [*first, *FINALISTS]}
    n = size.other_fills if curve.similar else size.both
    if curve.fill.name == "normal":
        n = size.pairs
    scores = curve_areas(
        curve,
        setting.explainer,
        (setting.similar if curve.similar else setting.dissimilar)[:n],
        maps if curve.name in WITH_ALL else finalists,
        SEED,
        comparison.parts,
        comparison.progress,
    )
    return {"lower is better": curve.lower_is_better, "methods": summary(scores, AGAINST)}


def _accuracy(
    comparison: Comparison, cheap: Mapping[str, Method], maps: dict[str, Maps]
) -> dict[str, Any]:
    setting, few = comparison.setting, comparison.size.probes
    pairs = [*setting.similar[:few], *setting.dissimilar[:few]]
    asked = {**cheap, **{name: either_decision(maps[name]) for name in ("CorrRISE 500", "FGGB")}}
    found: dict[str, Scores] = {}
    for fill in ("black", "blur"):
        found |= accuracy(setting.explainer, pairs, asked, Fill(fill), SEED, comparison.progress)
    return _summaries(found)


def _patches(comparison: Comparison, cheap: Mapping[str, Method]) -> dict[str, Any]:
    setting, n = comparison.setting, comparison.size.both
    donors = [setting.explainer.embedder.read(path) for path in setting.pairs.donors[:n]]
    asked = {name: method for name, method in cheap.items() if name != "random"}  # built in
    pairs = (setting.similar[:n], setting.dissimilar[:n])
    return _summaries(patches(setting.explainer, pairs, donors, asked, SEED, comparison.progress))


def _landmarks(comparison: Comparison, cheap: Mapping[str, Method]) -> dict[str, Any]:
    networks = comparison.setting.explainer
    drawn = triplets(comparison.setting, comparison.size.both)
    return _summaries(swaps(networks, drawn, cheap, SEED, comparison.progress))


def _summaries(found: Mapping[str, Scores]) -> dict[str, Any]:
    return {name: summary(scores, AGAINST) for name, scores in found.items()}
