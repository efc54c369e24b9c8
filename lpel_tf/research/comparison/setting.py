"""The setting of a comparison: a bundle, its network in Keras, and pairs of people held out."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from lpel_serving.engine.explainer import Explainer
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.faithfulness.photograph_pairs import PhotographPairs
from lpel_serving.support.progress import Progress
from lpel_tf.networks.embedders import ExportedEmbedder
from lpel_tf.networks.facenet import DEFAULT_KEY, build, facenet
from lpel_tf.networks.weights import fetch
from lpel_tf.research.gradients.differentiable import Differentiable
from lpel_tf.research.harness.pairs import PairsOfOneTest, pairs_of_one_test
from lpel_tf.research.harness.people import embed_people
from lpel_tf.research.harness.shipped import SEED, shipped_network, shipped_photographs
from lpel_tf.research.measures.equal_error import equal_error_threshold
from lpel_tf.support.quiet import load_tensorflow


@dataclass(frozen=True, eq=False)
class Setting:
    """What a comparison is made on.

    Attributes
    ----------
    explainer
        The bundle with the shipped decoders.
    exported
        Its embedder.
    differentiable
        The same network in Keras.
    pairs
        Pairs rightly decided, a similar and a dissimilar one for each test image.
    """

    explainer: Explainer
    exported: ExportedEmbedder
    differentiable: Differentiable
    pairs: PairsOfOneTest

    @property
    def similar(self) -> PhotographPairs:
        """The similar pairs."""
        return self.pairs.similar

    @property
    def dissimilar(self) -> PhotographPairs:
        """The dissimilar pairs."""
        return self.pairs.dissimilar

    @cached_property
    def theta(self) -> float:
        """The threshold of equal errors on these very pairs."""
        decided = (self.similar, self.dissimilar)
        cosines = np.concatenate([cosine_similarity(one.h_r, one.h_t) for one in decided])
        same = np.repeat([True, False], [len(one) for one in decided])
        return equal_error_threshold(cosines, same)


def prepare(faces_folder: Path, bundle: Path, n: int, progress: Progress) -> Setting:
    """Split the people as `lpel train` does, and draw n pairs of each kind of those it tests on."""
    explainer = Explainer.load(bundle)
    photographs, crop = shipped_photographs(faces_folder), explainer.manifest.crop
    exported = shipped_network(photographs, crop, progress)
    people = embed_people(
        explainer.embedder, exported, photographs, crop, seed=SEED, progress=progress
    )
    drawn = pairs_of_one_test(
        people,
        n,
        threshold=explainer.manifest.threshold.value,
        rng=np.random.default_rng((SEED, 5)),
    )
    return Setting(explainer, exported, shipped_differentiable(), drawn)


def shipped_differentiable() -> Differentiable:
    """Build FaceNet in Keras, from its weights."""
    load_tensorflow()
    network = facenet(DEFAULT_KEY)
    return Differentiable(build(network, fetch(network)), network.standardisation)
