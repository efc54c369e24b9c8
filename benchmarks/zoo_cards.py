"""Published networks on LFW's list of pairs: accuracy, threshold, confidence, for docs/zoo.md.

Usage: python benchmarks/zoo_cards.py --faces lfw --pairs pairsDevTrain.txt
       (two minutes a network on two cores)

The share of the photograph that is cut out is chosen on people who are in no pair of the list, and
the confidence fitted on theirs. The accuracy is that of ten parts of the list, each at the
threshold of the others. What is printed are the rows of the table.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving import list_faces
from lpel_serving.bundle.confidence_record import fit_confidence
from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.photographs import pair_similarities
from lpel_serving.equations.comparison import COSINE
from lpel_serving.images.crops import as_crop
from lpel_serving.images.datasets.pairs_list import read_pairs
from lpel_serving.verification.accuracy import best_threshold, cross_validate
from lpel_tf.networks.example_crops import example_crops
from lpel_tf.networks.facenet import DEFAULT_KEY
from lpel_tf.networks.zoo.keys import ZOO, from_published, published
from zoo import accuracies, comparison_of, scored_photographs

FOLDS, BINS = 10, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--faces", type=Path, required=True, help="LFW, as person/image.jpg")
    parser.add_argument("--pairs", type=Path, required=True, help="pairsDevTrain.txt")
    parser.add_argument("--networks", nargs="+", default=[DEFAULT_KEY, *ZOO])
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    print("| network | crop | accuracy, % | threshold | calibration error |\n|---|---|---|---|---|")
    found = {key: card(key, options) for key in options.networks}
    for key, one in found.items():
        accuracy = f"{100 * one['accuracy']:.1f} ({100 * one['standard_error']:.1f})"
        cells = (
            one["crop"],
            accuracy,
            f"{one['threshold']:.3f}",
            f"{one['calibration_error']:.3f}",
        )
        print(f"| {published(key).title} | {' | '.join(cells)} |")
    print(json.dumps(found, indent=1))


def card(key: str, options: argparse.Namespace) -> dict[str, Any]:
    """Measure one network on the list, everything else on people who are not in it."""
    network = published(key)
    pairs = read_pairs(options.pairs, options.faces)
    listed = {path.parent.name for pair in pairs for path in (pair.reference, pair.test)}
    others = [face for face in list_faces(options.faces) if face.identity not in listed]
    shares = accuracies(key, others, options.cache)
    share = max(shares, key=lambda one: shares[one])
    exported = from_published(
        network, lambda s: example_crops(others, "0.5", s), cache=options.cache
    )
    engine, comparison = (
        Embedder(exported.model, exported.record, as_crop(share)),
        comparison_of(network),
    )
    confidence = fit_confidence(*scored_photographs(engine, others, comparison), "other people")
    if confidence is None:
        raise SystemExit("the photographs give too few pairs of people who are not in the list.")
    similarities = pair_similarities(engine, comparison, pairs)
    same = np.array([pair.same for pair in pairs])
    found = cross_validate(similarities, same, FOLDS)
    limit = best_threshold(similarities, same)
    predicted = np.array([confidence.of(float(one)).same_person for one in similarities])
    return {
        "people_apart": len({face.identity for face in others}),
        "crops": shares,
        "crop": share,
        "accuracy": found.accuracy,
        "standard_error": found.standard_error,
        "threshold": limit if comparison is COSINE else float(np.sqrt(2 * (1 - limit))),
        "calibration_error": calibration_error(predicted, same),
    }


def calibration_error(predicted: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """Mean over pairs of how far their bin's prediction is from what was observed there."""
    place = np.minimum((predicted * BINS).astype(int), BINS - 1)
    gaps = [
        np.count_nonzero(place == k) * abs(predicted[place == k].mean() - same[place == k].mean())
        for k in np.unique(place)
    ]
    return float(sum(gaps) / len(same))


if __name__ == "__main__":
    main()
