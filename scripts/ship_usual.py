"""Measure what is usual of the shipped decoders' maps, and put it beside them.

The people are those whom the training kept apart. Usage:

    python scripts/ship_usual.py BUNDLE FACES --exclude Elton_John --exclude Madonna

BUNDLE holds the shipped decoders, as `lpel demo` makes it.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from lpel_serving import Explainer
from lpel_serving.faces import Face, find_faces, leave_out
from lpel_serving.files import write_atomically
from lpel_serving.photographs import embed_photographs
from lpel_serving.usual import measure_usual
from lpel_serving.usual_record import UsualRecord
from lpel_tf.kept_apart import faces_apart

SHIPPED = Path(__file__).parent.parent / "lpel_tf" / "pretrained"
ON = "LFW's photographs of the people who were kept apart when the decoders were trained"


def main() -> None:
    """Write it into the facts of the decoders."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--exclude", action="append", default=[])
    parser.add_argument("--seed", type=int, default=0, help="draws the pairs")
    asked = parser.parse_args()
    explainer = Explainer.load(asked.bundle)
    key = explainer.manifest.embedder.name.removeprefix("FaceNet ")
    path = SHIPPED / f"{key}.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    faces = leave_out(find_faces(asked.faces, None).faces, asked.exclude)
    usual = measure(explainer, faces, facts["training"]["recipe"]["seed"], asked.seed)
    command = " ".join(
        [
            f"python scripts/ship_usual.py bundle lfw --seed {asked.seed}",
            *(f"--exclude {name}" for name in asked.exclude),
        ]
    )
    facts["usual"] = asdict(usual) | {"measured": {**usual.measured, "command": command}}
    write_atomically(path, (json.dumps(facts, indent=2) + "\n").encode())


def measure(
    explainer: Explainer, faces: tuple[Face, ...], trained_with: int, seed: int
) -> UsualRecord:
    """Measure on the people among these whom a training with a seed kept apart."""
    apart = faces_apart(faces, trained_with)
    embeddings = embed_photographs(explainer.embedder, [face.path for face in apart])
    manifest = explainer.manifest
    usual = measure_usual(
        explainer,
        embeddings,
        [face.identity for face in apart],
        manifest.threshold.value,
        np.random.default_rng(seed),
        responds=explainer.responds,
        crop=manifest.crop,
        on=ON,
    )
    if usual is None:
        raise SystemExit("the photographs give too few pairs.")
    return usual


if __name__ == "__main__":
    main()
