"""The people held apart, the pairs of theirs that everything is measured on, and the networks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.explainer import Explainer
from lpel_serving.faithfulness.deletion_curve import IDENTICAL
from lpel_serving.faithfulness.photograph_pairs import PhotographPairs
from lpel_serving.images.datasets.faces import leave_out, list_faces
from lpel_serving.images.datasets.pairs import Pair
from lpel_serving.support.progress import Progress
from lpel_tf.bundles.bundling import store_key
from lpel_tf.data.dataset import embed_faces, split_by_identity
from lpel_tf.networks.embedders import ExportedEmbedder, from_facenet
from lpel_tf.networks.example_crops import example_crops
from lpel_tf.networks.facenet import DEFAULT_KEY, facenet
from lpel_tf.support.cache import cache_folder

EXCLUDED = ("Elton_John", "Madonna")
"""Who is in the demo, and was left out of the shipped decoders' training."""
SEED = 0
"""Of the split by people: that of the shipped decoders."""
MOST = 2
"""Times that one person is the test: a few have hundreds of photographs."""


@dataclass(frozen=True, eq=False)
class Setting:
    """What the benchmark is run on.

    Attributes
    ----------
    explainer
        The bundle with the shipped decoders.
    exported
        Its embedder.
    similar, dissimilar
        Pairs rightly decided. The i-th of both have one test image, so that what a method measures
        of that image serves both.
    donors
        For each pair a photograph of somebody else than the test, called dissimilar to it.
    """

    explainer: Explainer
    exported: ExportedEmbedder
    similar: PhotographPairs
    dissimilar: PhotographPairs
    donors: tuple[Path, ...]


def prepare(faces_folder: Path, bundle: Path, n: int, progress: Progress) -> Setting:
    """Split the people as `lpel train` does, and draw pairs of those that it tests on."""
    explainer = Explainer.load(bundle)
    faces = leave_out(list_faces(faces_folder, None), EXCLUDED)
    crop = explainer.manifest.crop
    exported = from_facenet(
        facenet(DEFAULT_KEY), lambda size: example_crops(faces, crop, size), progress=progress
    )
    store = cache_folder("embeddings") / f"{store_key(exported, crop)}.sqlite"
    everyone = embed_faces(explainer.embedder, faces, 40, store, progress=progress)
    test = split_by_identity(everyone, np.random.default_rng(SEED)).test
    people = set(test.identities)
    paths = [face.path for face in faces if face.identity in people]
    h, who = test.embeddings, np.array(test.identities)
    cosines = h @ h.T
    threshold = explainer.manifest.threshold.value
    rng = np.random.default_rng((SEED, 5))
    similar: list[tuple[int, int]] = []
    dissimilar: list[tuple[int, int]] = []
    donors: list[Path] = []
    met = dict.fromkeys(test.identities, 0)
    for test_photograph in rng.permutation(len(who)):
        own = who == who[test_photograph]
        alike = np.flatnonzero(
            own & (cosines[test_photograph] > threshold) & (cosines[test_photograph] < IDENTICAL)
        )
        others = np.flatnonzero(~own & (cosines[test_photograph] <= threshold))
        if len(alike) and met[who[test_photograph]] < MOST and len(similar) < n:
            met[who[test_photograph]] += 1
            other, donor = rng.choice(others, 2, replace=False)
            similar.append((int(rng.choice(alike)), int(test_photograph)))
            dissimilar.append((int(other), int(test_photograph)))
            donors.append(paths[donor])
    return Setting(
        explainer,
        exported,
        _pairs(explainer.embedder, paths, h, similar, same=True),
        _pairs(explainer.embedder, paths, h, dissimilar, same=False),
        tuple(donors),
    )


def _pairs(
    embedder: Embedder,
    paths: list[Path],
    h: np.ndarray,
    chosen: list[tuple[int, int]],
    *,
    same: bool,
) -> PhotographPairs:
    references, tests = (list(side) for side in zip(*chosen, strict=True))
    pairs = tuple(Pair(paths[r], paths[t], same) for r, t in chosen)
    return PhotographPairs(embedder, pairs, h[references], h[tests], same)
