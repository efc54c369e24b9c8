"""Measure what is usual of the shipped decoders' maps, and put it beside them.

The people are those who were held out of training. Usage:

    python scripts/ship_usual.py BUNDLE FACES --exclude Elton_John --exclude Madonna --also mtcnn

BUNDLE holds the shipped decoders, as `lpel demo` makes it. With --also it is measured once more
with another crop; it is noted that it holds for that one, if it does.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from lpel_serving import Explainer
from lpel_serving.bundle.usual_record import ALIKE, UsualRecord
from lpel_serving.engine.photographs import embed_photographs
from lpel_serving.engine.usual import measure_usual
from lpel_serving.engine.usual_pairs import reading
from lpel_serving.equations.regions import REGIONS
from lpel_serving.images.datasets.faces import Face, find_faces, leave_out
from lpel_serving.support.files import write_atomically
from lpel_tf.data.kept_apart import faces_apart

SHIPPED = Path(__file__).parent.parent / "lpel_tf" / "pretrained"
ON = "LFW's photographs of the people who were kept apart when the decoders were trained"


def main() -> None:
    """Write it into the facts of the decoders."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--exclude", action="append", default=[])
    parser.add_argument("--seed", type=int, default=0, help="draws the pairs")
    parser.add_argument("--also", action="append", default=[], help="another crop")
    asked = parser.parse_args()
    explainer = Explainer.load(asked.bundle)
    key = explainer.manifest.embedder.name.removeprefix("FaceNet ")
    path = SHIPPED / f"{key}.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    faces = leave_out(find_faces(asked.faces, None).faces, asked.exclude)
    trained_with = facts["training"]["recipe"]["seed"]
    usual = measure(explainer, faces, trained_with, asked.seed)
    alike = {
        crop: apart(
            usual,
            measure(Explainer.load(asked.bundle, crop=crop), faces, trained_with, asked.seed),
        )
        for crop in asked.also
    }
    for crop, far in alike.items():
        sys.stdout.write(f"{crop}: mean shares are at most {far:.4f} off\n")
    command = " ".join(
        [
            f"python scripts/ship_usual.py bundle lfw --seed {asked.seed}",
            *(f"--exclude {name}" for name in asked.exclude),
            *(f"--also {crop}" for crop in asked.also),
        ]
    )
    holds = {crop: round(far, 4) for crop, far in alike.items() if far <= ALIKE}
    measured = {**usual.measured, **({"alike": holds} if holds else {}), "command": command}
    facts["usual"] = asdict(usual) | {"measured": measured}
    write_atomically(path, (json.dumps(facts, indent=2) + "\n").encode())


def measure(
    explainer: Explainer,
    faces: tuple[Face, ...],
    trained_with: int,
    seed: int,
    *,
    simulates: bool = True,
) -> UsualRecord:
    """Measure on the people among these whom a training with a seed held out.

    Without `simulates` the orders of the surrogate are left out, which take longest.
    """
    kept_apart = faces_apart(faces, trained_with)
    embeddings = embed_photographs(
        explainer.embedder, explainer.comparison, [face.path for face in kept_apart]
    )
    found = np.isfinite(embeddings).all(axis=1)  # a crop that looks for faces may find none
    shown = [face for face, one in zip(kept_apart, found, strict=True) if one]
    manifest = explainer.manifest
    usual = measure_usual(
        explainer,
        embeddings[found],
        [face.identity for face in shown],
        manifest.threshold.value,
        np.random.default_rng(seed),
        responds=explainer.responds,
        crop=manifest.crop,
        on=ON,
        read=reading(explainer.embedder, [face.path for face in shown])
        if simulates and explainer.simulates
        else None,
    )
    if usual is None:
        raise SystemExit("the photographs give too few pairs.")
    return usual


def apart(usual: UsualRecord, other: UsualRecord) -> float:
    """How far the mean shares of two are from each other, at most."""
    shares = [
        (one.for_[name].mean, two.for_[name].mean)
        for method in usual.methods
        for decision in usual.methods[method]
        for one, two in [(usual.of(method, decision), other.of(method, decision))]
        if one is not None and two is not None
        for name in REGIONS
    ]
    return max(abs(one - two) for one, two in shares)


if __name__ == "__main__":
    main()
