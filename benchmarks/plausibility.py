"""Alarms of the check of plausibility: on faces of people held out, and on no faces.

    .venv/bin/python benchmarks/plausibility.py --bundle demo-output/bundle --faces lfw \
        --other-faces orl --mnist mnist.npz --omniglot omniglot

False alarms: the check is fitted anew on eight tenths of the people, its limit on another tenth,
and applied to the last, who are held out of both; in twelve random splits, of which the first is
that of the shipped decoders. The bundle's own check is applied to everything else: the faces of
other people, by another camera; faces cut out otherwise; and pictures that show no face,
of which six kinds are drawn here.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lpel_serving.commands.shared.progress import progress_bar
from lpel_serving.engine.explainer import Explainer
from lpel_serving.images.crops import CentreCrop
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.images.reading import read_pixels
from lpel_serving.images.resizing import resize
from lpel_serving.support.files import write_atomically
from lpel_serving.support.image_shape import ImageShape
from lpel_serving.verification.plausibility import Plausibility, fit_plausibility
from lpel_tf.data.dataset import FaceSet
from lpel_tf.data.split import split_by_identity
from lpel_tf.research.harness.people import embed_people
from lpel_tf.research.harness.shipped import SEED, shipped_network, shipped_photographs

ROOT = Path(__file__).parent.parent
SPLITS = 12
MOST = 200
"""Pictures of each kind."""
SHARES = (0.36, 0.4, 0.44, 0.52, 0.56, 0.6, 0.72, 1.0)


def main() -> None:
    """Measure, print a table, and write the numbers."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--bundle", type=Path, required=True)
    options.add_argument("--faces", type=Path, required=True, help="LFW's folder")
    options.add_argument("--other-faces", type=Path, help="faces of another camera, as crops")
    options.add_argument("--mnist", type=Path, help="mnist.npz")
    options.add_argument("--omniglot", type=Path, help="a folder of drawn characters")
    options.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/plausibility.json")
    asked = options.parse_args()
    explainer = Explainer.load(asked.bundle)
    check = explainer.plausibility
    if check is None:
        sys.exit("the bundle has no check of plausibility: make it again with `lpel demo`.")
    found = {"faces held apart": false_alarms(explainer, asked.faces)}
    for name, crops in pictures(explainer, asked):
        found[name] = alarms(check, explainer.embed(np.stack(crops)))
        print(f"{name:45}{found[name]['alarms']:5} of {found[name]['pictures']}", flush=True)
    write_atomically(asked.out, (json.dumps(found, indent=2) + "\n").encode())


def false_alarms(explainer: Explainer, folder: Path) -> dict[str, Any]:
    """Fit without a tenth of the people, and check them, in several splits."""
    faces, crop = shipped_photographs(folder), explainer.manifest.crop
    exported = shipped_network(faces, crop, progress_bar)
    people = embed_people(
        explainer.embedder, exported, faces, crop, seed=SEED, progress=progress_bar
    )
    found = [_in_split(people.everyone, SEED + number) for number in range(SPLITS)]
    shares = [one["share"] for one in found]
    print(
        f"{'faces held apart, in the first split':45}{found[0]['alarms']} of {found[0]['pictures']}"
    )
    print(
        f"  mean over {SPLITS} splits {np.mean(shares):.4f}, highest {max(shares):.4f}", flush=True
    )
    return {"mean": float(np.mean(shares)), "highest": max(shares), "splits": found}


def _in_split(everyone: FaceSet, seed: int) -> dict[str, Any]:
    split = split_by_identity(everyone, np.random.default_rng(seed))
    limit_on = split.validation
    check = fit_plausibility(split.train.embeddings, limit_on.embeddings, limit_on.identities)
    if check is None:
        sys.exit("these are too few photographs to fit the check on.")
    return alarms(check, split.test.embeddings) | by_person(check, split.test)


def by_person(check: Plausibility, faces: FaceSet) -> dict[str, float]:
    """The same share with every person counting once, and that of all pairs of photographs."""
    passed = check.plausible(faces.embeddings)
    people = np.array(faces.identities)
    shares = [np.mean(~passed[people == person]) for person in np.unique(people)]
    n, good = len(passed), int(passed.sum())
    return {
        "share_by_person": float(np.mean(shares)),
        "share_of_pairs": 1 - good * (good - 1) / (n * (n - 1)),
    }


def alarms(check: Plausibility, embeddings: np.ndarray) -> dict[str, Any]:
    """Count alarms."""
    raised = int(np.count_nonzero(~check.plausible(embeddings)))
    return {"alarms": raised, "pictures": len(embeddings), "share": raised / len(embeddings)}


def pictures(
    explainer: Explainer, asked: argparse.Namespace
) -> Iterable[tuple[str, list[np.ndarray]]]:
    """Other faces, then what shows none."""
    size = explainer.manifest.embedder.shape
    rng = np.random.default_rng(0)
    paths = apart(asked.faces)
    some = [paths[place] for place in rng.permutation(len(paths))[:MOST]]
    photographs = [read_pixels(path) for path in some]
    if asked.other_faces:
        others = [face.path for face in list_faces(asked.other_faces, None)]
        yield "faces of another camera", [resize(square(read_pixels(p)), size) for p in others]
    for share in SHARES:
        cut = CentreCrop(share)
        yield f"faces cut out with {share} for 0.48", [cut(one, size) for one in photographs]
    cut = CentreCrop(0.48)
    yield "faces upside down", [cut(one[::-1].copy(), size) for one in photographs]
    sys.path.insert(0, str(ROOT / "tests"))
    from support.non_faces import KINDS

    for name, draw in KINDS.items():
        drawn = np.random.default_rng(1)
        yield name, [draw(drawn) for _ in range(MOST)]
    yield "corners of photographs, above the face", [corner(one, size, 0) for one in photographs]
    yield "corners of photographs, below it", [corner(one, size, -60) for one in photographs]
    if asked.mnist:
        with np.load(asked.mnist) as arrays:
            digits = arrays["x_test"][:MOST]
        yield "digits", [resize(np.repeat(one[..., None], 3, axis=2), size) for one in digits]
    if asked.omniglot:
        files = sorted(asked.omniglot.rglob("*.png"))
        chosen = [files[place] for place in rng.permutation(len(files))[:MOST]]
        grey = [np.asarray(Image.open(path).convert("RGB")) for path in chosen]
        yield "drawn characters", [resize(one, size) for one in grey]


def apart(folder: Path) -> list[Path]:
    """The photographs of people whom the bundle's check was not fitted on, but for its limit."""
    faces = shipped_photographs(folder)
    identities = tuple(face.identity for face in faces)
    nothing = np.zeros((len(faces), 1), np.float32)
    everyone = FaceSet(nothing, nothing.astype(np.uint8), identities)
    split = split_by_identity(everyone, np.random.default_rng(SEED))
    others = {*split.validation.identities, *split.test.identities}
    return [face.path for face in faces if face.identity in others]


def square(pixels: np.ndarray) -> np.ndarray:
    """The square in the middle."""
    return CentreCrop()(pixels, ImageShape(*[min(pixels.shape[:2])] * 2))


def corner(pixels: np.ndarray, size: ImageShape, top: int) -> np.ndarray:
    """A corner of 60 pixels, beside where a face is."""
    return resize(pixels[top:][:60, :60], size)


if __name__ == "__main__":
    main()
