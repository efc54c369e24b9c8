"""Published networks beside each other: accuracy, and whether maps of them beat their controls.

Usage: python benchmarks/zoo.py --faces lfw --work zoo
       (about ten minutes a network on two cores; interrupted, the same command goes
       on with the next network)

For each network the share of the photograph that is cut out is chosen on some people, whose
photographs also train decoder and responses, and everything is measured on others. zoo.json has
what `lpel verify` and `lpel assess` say of accuracy and areas, zoo.md the tables of docs/zoo.md.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from lpel_serving import list_faces
from lpel_serving.bundle.loading import read_manifest
from lpel_serving.engine.embedder import Embedder
from lpel_serving.equations.comparison import COSINE, Comparison, Euclidean
from lpel_serving.images.crops import as_crop
from lpel_serving.images.cutting import read_face
from lpel_serving.images.datasets.labelled import Labelled
from lpel_serving.images.datasets.pairs import group_by_identity
from lpel_serving.images.held import content_of
from lpel_serving.support.files import write_atomically
from lpel_serving.verification.accuracy import Labels, Scores, cross_validate
from lpel_tf.networks.example_crops import example_crops
from lpel_tf.networks.facenet import DEFAULT_KEY
from lpel_tf.networks.zoo.keys import ZOO, Published, from_published, published
from lpel_tf.siamese.drawing import Classes
from lpel_tf.siamese.evaluation import scored_pairs

SHARES = ("0.4", "0.44", "0.48", "0.52", "0.56", "0.6")
METHODS = ("lpel", "responses")
KEPT = ("pairs", "area", "comparisons", "in_words")
TRAIN, TEST, FOR_CROPS, SEED = 2500, 1200, 500, 0
"""Photographs."""


def main() -> None:
    options = arguments()
    train, test = divided(options.faces, options.work)
    results: dict[str, Any] = {}
    for key in options.networks:
        kept = options.work / f"{key}.json"
        if not kept.is_file():
            found = measured(key, train, test, options)
            write_atomically(kept, json.dumps(found, indent=1).encode())
        results[key] = json.loads(kept.read_text())
        print(table(results), flush=True)
    write_atomically(options.work / "zoo.md", (table(results) + "\n").encode())
    write_atomically(options.work / "zoo.json", (json.dumps(results, indent=1) + "\n").encode())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--faces", type=Path, required=True, help="LFW, as person/image.jpg")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--networks", nargs="+", default=[DEFAULT_KEY, *ZOO])
    parser.add_argument("--pairs", type=int, default=40, help="for each curve")
    parser.add_argument("--cache", type=Path)
    return parser.parse_args()


def divided(faces: Path, work: Path) -> tuple[Path, Path]:
    """Make two folders of links to people drawn at random, nobody in both."""
    found = list_faces(faces)
    people = list(group_by_identity([face.identity for face in found]).items())
    order = iter(np.random.default_rng(SEED).permutation(len(people)))
    folders = work / "train", work / "test"
    for folder, wanted in zip(folders, (TRAIN, TEST), strict=True):
        folder.mkdir(parents=True, exist_ok=True)
        taken = 0
        while taken < wanted:
            name, photographs = people[next(order)]
            link = folder / name
            if not link.exists():
                link.symlink_to((faces / name).resolve())
            taken += len(photographs)
    return folders


def measured(key: str, train: Path, test: Path, options: argparse.Namespace) -> dict[str, Any]:
    cache = ("--cache", str(options.cache)) if options.cache else ()
    shares = accuracies(key, list_faces(train), options.cache)
    share = max(shares, key=lambda one: shares[one])
    bundle = str(options.work / key)
    given = ("--network", key, "--faces", str(train), "--crop", share, *cache)
    trained = lpel("train", *given, "--method", "responses", "--coalitions", "8", "--out", bundle)
    verified = lpel("verify", "--bundle", bundle, "--faces", str(test))
    verified.pop("roc")
    # The same pairs, fills and random orders for every method.
    curves = ("--curve", "similar", "--curve", "dissimilar", "--every", "8", "--draws", "5")
    assessed = {
        method: lpel(
            *("assess", "--bundle", bundle, "--faces", str(test), "--method", method, *curves),
            *("--n", str(options.pairs), "--out", f"{bundle}-{method}"),
        )
        for method in METHODS
    }
    return {
        "crops": shares,
        "crop": share,
        "threshold": own_threshold(options.work / key),
        "responses": trained["responses"]["test_loss"],
        "parity": trained["parity"]["embedder"],
        "verification": verified,
        "curves": {
            method: {
                kind: {name: curve[name] for name in KEPT} for kind, curve in one["curves"].items()
            }
            for method, one in assessed.items()
        },
    }


def accuracies(key: str, faces: list[Labelled], cache: Path | None) -> dict[str, float]:
    """Accuracy on pairs of some people's photographs, by the share that is cut out."""
    network = published(key)
    exported = from_published(network, lambda s: example_crops(faces, "0.5", s), cache=cache)
    found: dict[str, float] = {}
    for share in SHARES:
        engine = Embedder(exported.model, exported.record, as_crop(share))
        scored = scored_photographs(engine, faces, comparison_of(network))
        found[share] = cross_validate(*scored, 10).accuracy
    return found


def scored_photographs(
    engine: Embedder, faces: list[Labelled], comparison: Comparison
) -> tuple[Scores, Labels]:
    """Similarities of 1,000 pairs of some of the photographs, and whether each is of one person."""
    groups = Classes.of([face.identity for face in faces])
    several = [faces[i] for k in groups.with_two for i in groups.members[k][:4]][:FOR_CROPS]
    crops = [read_face(content_of(one.source), engine.crop, engine.record.shape) for one in several]
    classes = Classes.of([one.identity for one in several])
    rng = np.random.default_rng(SEED)
    return scored_pairs(engine.embed(crops), classes, comparison.similarity, 1000, rng)


def comparison_of(network: Published) -> Comparison:
    """How its users compare two embeddings; the distance is taken as it is."""
    return COSINE if network.compares_by == "cosine" else Euclidean(1.0)


def own_threshold(bundle: Path) -> float:
    """A bundle's threshold on the scale that its network compares by."""
    manifest = read_manifest(bundle)
    return manifest.comparison.own_of(manifest.threshold.value)


def lpel(*arguments: str) -> dict[str, Any]:
    command = [str(Path(sys.executable).with_name("lpel")), *arguments, "--json"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def table(results: dict[str, Any]) -> str:
    """The table of docs/zoo.md, in Markdown."""
    header = (
        "| network | method | similar, less random order | less another pair's map "
        "| less the distance from the centre | dissimilar, less random order "
        "| less another pair's map | less the distance from the centre |"
    )
    rows = [header, "|" + "---|" * header.count(" | ") + "---|"]
    rows += [
        f"| {published(key).title} | {method} | {' | '.join(differences(one, method))} |"
        for key, one in results.items()
        for method in METHODS
    ]
    return "\n".join([_networks(results), "", *rows])


def _networks(results: dict[str, Any]) -> str:
    """The networks themselves: accuracy, threshold, what responses cannot predict."""
    header = "| network | crop | accuracy, % | threshold | not predicted by responses |"
    rows = [header, "|---|---|---|---|---|"]
    for key, one in results.items():
        best = one["verification"]["best"]
        accuracy = f"{100 * best['accuracy']:.1f} ({100 * best['standard_error']:.1f})"
        cells = (published(key).title, one["crop"], accuracy, f"{one['threshold']:.3f}")
        rows.append(f"| {' | '.join(cells)} | {one['responses']['vectors']:.2f} |")
    return "\n".join(rows)


def differences(one: dict[str, Any], method: str) -> list[str]:
    """Of a method's areas from those of its controls, for both kinds of pairs."""
    return [
        difference(one, method, kind, against)
        for kind in ("similar", "dissimilar")
        for against in ("random", "another pair", "centre")
    ]


def difference(one: dict[str, Any], method: str, kind: str, against: str) -> str:
    """By how much a method's area differs from a control's, in bold where it beats it."""
    curve = one["curves"][method][kind]
    (found,) = (c for c in curve["comparisons"] if c["against"] == against)
    low, mean, high = (found["difference"][name] for name in ("low", "mean", "high"))
    text = f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"
    return f"**{text}**" if found["outcome"] == "better" else text


if __name__ == "__main__":
    main()
