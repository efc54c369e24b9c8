"""Do the methods find what the network decides by? All of them, on people held apart.

Usage: python benchmarks/faithfulness.py --faces lfw --bundle demo-output/bundle --work faithfulness
       (--quick for ten minutes; interrupted, the same command goes on where it stopped)

Maps of `benchmarks/rivals` join in with --rivals MAPS.npz: PAIRS.npz is written into --work.
"""

import argparse
import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from faithful.checks import checks
from faithful.cost import cost
from faithful.maps import (
    Maps,
    by_coalitions,
    collect,
    corrrise,
    each_by_itself,
    key,
    of_everybody_else,
    of_files,
    write_pairs,
)
from faithful.measures import (
    QUESTIONS,
    SUBJECT,
    Question,
    accuracy,
    curve,
    patches,
    summary,
    swaps,
)
from faithful.picture import draw
from faithful.setting import Setting, prepare
from faithful.table import markdown
from faithful.white_box import cheap_white_box, feature_guided, with_passes
from lpel_serving.commands.shared.progress import progress_bar
from lpel_serving.equations.fill import Fill
from lpel_serving.methods import find_method, methods
from lpel_serving.methods.method import FacePair, Method, Networks
from lpel_serving.support.files import write_atomically
from lpel_serving.support.partial import Partial
from lpel_tf.research.measures.landmarks.boxes import LANDMARKS
from lpel_tf.research.measures.landmarks.settings import Triplet
from lpel_tf.support.cache import file_sha256

SEED = 0
AGAINST = (
    *("random", "centre", "shifted", "another pair", "its mean map"),
    *("occlusion", "CorrRISE 500", "lpel"),
)
ELSEWHERE = (
    # These share what they measure of an image: see `all_maps`.
    *("corrrise", "coalitions", "hybrid"),
    # These are the controls of every curve.
    *("occlusion", "random", "centre", "constant-relevance"),
)
TIMED = 6
SLOW = ("xface",)
"""Two thousand embeddings a pair: run when asked for, with --slow."""


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


DEFAULT_PAIRS, QUICK = 200, Size(10, 6, 10, 4)


def main() -> None:
    options = arguments()
    size = QUICK if options.quick else Size(options.pairs, *_shares(options.pairs))
    setting = prepare(options.faces, options.bundle, size.pairs, progress_bar)
    parts = options.work / _identity(setting, options)
    parts.mkdir(parents=True, exist_ok=True)
    maps = all_maps(setting, options, parts, progress_bar)
    steps = measures(setting, maps, size, parts)
    results = {name: once(parts / f"{name}.json", step) for name, step in steps.items()}
    results["size"] = vars(size) | {"pairs": len(setting.similar)}
    results["embeddings"] = {name: one.embeddings for name, one in maps.items()}
    text = json.dumps(results, indent=1) + "\n"
    write_atomically(options.work / "faithfulness.json", text.encode())
    write_atomically(options.work / "faithfulness.png", draw(results))
    write_atomically(options.work / "faithfulness.md", (markdown(results) + "\n").encode())
    print(markdown(results))


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--faces", type=Path, required=True, help="LFW's development people")
    options.add_argument("--bundle", type=Path, required=True, help="with the shipped decoders")
    options.add_argument("--work", type=Path, default=Path("faithfulness"))
    options.add_argument("--pairs", type=int, default=DEFAULT_PAIRS, help="of each decision")
    options.add_argument("--quick", action="store_true")
    options.add_argument("--slow", action="store_true", help="xFace too")
    options.add_argument("--rivals", type=Path, nargs="*", default=[], help="MAPS.npz of rivals")
    return options.parse_args()


def _shares(pairs: int) -> tuple[int, int, int]:
    """Other fills, both images and probes: fewer pairs, once there are enough."""
    half, quarter = (max(pairs // share, min(pairs, 50)) for share in (2, 4))
    return half, quarter, max(2, pairs // 10)


def _identity(setting: Setting, options: argparse.Namespace) -> str:
    """Name a folder that no other bundle, pairs or methods share: results are read from it."""
    files = setting.explainer.manifest.files.values()
    made_of: list[Any] = [*(file.sha256 for file in files), options.quick, options.slow]
    made_of += [len(setting.similar), SEED, *methods(), *map(file_sha256, options.rivals)]
    return hashlib.sha256(repr(made_of).encode()).hexdigest()[:16]


def all_maps(
    setting: Setting, options: argparse.Namespace, parts: Path, progress: Any
) -> dict[str, Maps]:
    """Every method's maps, family by family, from the cheap to the dear."""
    networks = setting.explainer
    own = {
        name: find_method(name) for name in methods() if name not in {*ELSEWHERE, *SLOW, "emsnn"}
    }
    if options.slow:
        own |= {name: find_method(name) for name in SLOW}
    families = {
        "lpel_serving": lambda: each_by_itself(own, networks, SEED),
        "gradients": lambda: with_passes(cheap_white_box(setting)),
        "FGGB": lambda: feature_guided(setting),
        "CorrRISE": lambda: corrrise(networks, SEED),
        "coalitions": lambda: by_coalitions(networks, Fill("normal"), SEED),
    }
    found: dict[str, Maps] = {}
    for name, family in families.items():
        kept = Partial(parts / f"maps-{name}.npz", name)
        found |= collect(family(), setting.similar, setting.dissimilar, kept, name, progress)
    decided = (list(setting.similar), list(setting.dissimilar))
    found["its mean map"] = of_everybody_else(found[SUBJECT], decided)
    pairs = [*decided[0], *decided[1]]
    write_pairs(pairs, options.work / "PAIRS.npz")
    return found | of_files(options.rivals, pairs)


def ask(
    question: Question,
    pairs: Sequence[FacePair],
    maps: dict[str, Maps],
    work: Path,
    networks: Networks,
) -> Any:
    """Draw the curves of a question."""
    scores = curve(question, networks, pairs, maps, SEED, work, progress_bar)
    return {"lower is better": question.lower_is_better, "methods": summary(scores, AGAINST)}


def measures(
    setting: Setting, maps: dict[str, Maps], size: Size, work: Path
) -> dict[str, Callable[[], Any]]:
    """What is to be measured, by name; nothing is before it is called."""
    networks = setting.explainer
    first = [name for name in maps if not name.startswith(("coalitions", "hybrid", "CorrRISE"))]
    ends = ["coalitions 256", "hybrid 32", "CorrRISE 500"]
    finalists = {name: maps[name] for name in [*first, *ends]}
    few = size.probes  # of which the accuracy takes a hundred images for each method and fill
    both = [*setting.similar[:few], *setting.dissimilar[:few]]
    cheap: dict[str, Method] = {
        name: find_method(name) for name in ("responses", "lpel", "lpel-mended", "centre", "random")
    } | cheap_white_box(setting)
    steps: dict[str, Callable[[], Any]] = {}
    for question in QUESTIONS:
        plain = question.fill.name == "normal"
        pairs = setting.similar if question.similar else setting.dissimilar
        chosen = (
            maps if question.name in {"similar, noise", "dissimilar, transplant"} else finalists
        )
        n = size.pairs if plain else size.other_fills if question.similar else size.both
        steps[question.name] = partial(ask, question, pairs[:n], chosen, work, networks)

    def games() -> Any:
        signed = {name: turned(maps[name]) for name in ("CorrRISE 500", "FGGB")}
        found: dict[str, Any] = {}
        for fill in ("black", "blur"):
            found |= accuracy(networks, both, cheap | signed, Fill(fill), SEED, progress_bar)
        return {name: summary(scores, AGAINST) for name, scores in found.items()}

    def restored() -> Any:
        pairs = (setting.similar[: size.both], setting.dissimilar[: size.both])
        donors = [networks.embedder.read(path) for path in setting.donors[: size.both]]
        asked = {name: method for name, method in cheap.items() if name != "random"}  # built in
        found = patches(networks, pairs, donors, asked, SEED, progress_bar)
        return {name: summary(scores, AGAINST) for name, scores in found.items()}

    def swapped() -> Any:
        found = swaps(networks, triplets(setting, size.both), cheap, SEED, progress_bar)
        return {name: summary(scores, AGAINST) for name, scores in found.items()}

    steps |= {"patches": restored, "landmarks": swapped}
    steps["checks"] = lambda: checks(setting, size.probes, SEED, progress_bar)
    steps["cost"] = lambda: cost(setting, TIMED)
    steps["accuracy"] = games
    return steps


def turned(maps: Maps) -> Method:
    """Answer for either decision, where the map of the one is that of the other, sign changed."""

    def of_pair(pair: FacePair, networks: Networks, rng: np.random.Generator) -> np.ndarray:
        asked = maps.values.get(key(pair))
        return (
            -maps.values[key(replace(pair, similar=not pair.similar))] if asked is None else asked
        )

    return of_pair


def triplets(setting: Setting, n: int) -> list[Triplet]:
    """The test's landmarks are replaced by a third person's, each region in its turn."""
    read = setting.explainer.embedder.read
    chosen = zip(setting.similar[:n], setting.donors[:n], itertools.cycle(LANDMARKS), strict=False)
    return [
        Triplet(pair.reference, pair.test, read(donor), pair.h_r, pair.h_t, region)
        for pair, donor, region in chosen
    ]


def once(path: Path, step: Callable[[], Any]) -> Any:
    """Do a step, or read what it gave when it was done."""
    if path.exists():
        return json.loads(path.read_bytes())
    result = step()
    write_atomically(path, (json.dumps(result) + "\n").encode())
    return result


if __name__ == "__main__":
    main()
