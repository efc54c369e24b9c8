"""The setting of a comparison: a bundle, its network in Keras, and pairs of people held out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from lpel_export.precision.choice import in_precision
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.bundle.surrogate_graphs import SurrogateGraphs
from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.explainer import Explainer
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.faithfulness.photograph_pairs import PhotographPairs
from lpel_serving.images.crops import parse_crop
from lpel_serving.images.datasets.faces import Face, list_faces
from lpel_serving.methods.catalogue.description import networks_in
from lpel_serving.methods.networks import Networks, with_embed
from lpel_serving.support.progress import Progress
from lpel_tf.bundles.store_names import store_key
from lpel_tf.data.dataset import embed_faces
from lpel_tf.data.split import Split
from lpel_tf.decoders.decoder import decoder_shape
from lpel_tf.networks.exported import ExportedEmbedder
from lpel_tf.networks.facenet import DEFAULT_KEY, build, facenet
from lpel_tf.networks.weights import fetch
from lpel_tf.research.comparison.asked import Needs
from lpel_tf.research.gradients.differentiable import Differentiable
from lpel_tf.research.harness.pairs import PairsOfOneTest, pairs_of_one_test
from lpel_tf.research.harness.people import People, embed_people
from lpel_tf.research.harness.shipped import SEED, shipped_network, shipped_photographs
from lpel_tf.research.measures.equal_error import equal_error_threshold
from lpel_tf.support.cache import cache_folder
from lpel_tf.support.quiet import load_tensorflow

CALIBRATED = 128
"""Photographs that int8 is calibrated on."""
WHOLE = "1"
"""The crop of a second set of people, such as ORL's, whose photographs show little but the
face: the largest square in the middle."""


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
    model
        The bundle's embedder in ONNX, with local features if it has a surrogate.
    quick
        The embedder in a lower precision, which embeds altered images; None for the bundle's own.
    surrogate
        Both graphs of the bundle's surrogate; None if it has none.
    """

    explainer: Explainer
    exported: ExportedEmbedder
    differentiable: Differentiable
    pairs: PairsOfOneTest
    model: bytes
    quick: Embedder | None = None
    surrogate: SurrogateGraphs | None = None

    @property
    def networks(self) -> Networks:
        """What altered images are embedded by: see `lpel_tf.research.comparison.screening`."""
        return (
            self.explainer if self.quick is None else with_embed(self.explainer, self.quick.embed)
        )

    @property
    def precision(self) -> str:
        """Of the embedder of altered images."""
        return "float32" if self.quick is None else "int8"

    @property
    def needs(self) -> Needs:
        """The networks that the bundle has for methods to run."""
        return networks_in(self.explainer.manifest)

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


def prepare(
    faces_folder: Path, bundle: Path, n: int, progress: Progress, *, precision: str = "float32"
) -> Setting:
    """Split the people as `lpel train` does, and draw n pairs of each kind of those it tests on.

    Parameters
    ----------
    faces_folder
        LFW's development people.
    bundle
        With the shipped decoders.
    n
        Pairs of each decision.
    progress
        Reports how far everything is.
    precision
        Of the embedder of altered images, ``float32`` or ``int8``; int8 is calibrated on some of
        the photographs that the decoders were trained on.
    """
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
    side_of = people.split.side_of
    trained_on = [one for one in photographs if side_of.get(one) == "train"]
    quick = _in_precision(explainer, exported, trained_on, precision, progress)
    loaded, network = load_bundle(bundle), shipped_differentiable()
    return Setting(
        explainer, exported, network, drawn, loaded.embedder, quick, surrogate=loaded.surrogate
    )


def prepare_second(first: Setting, faces_folder: Path, n: int, progress: Progress) -> Setting:
    """Draw pairs of a second set of people, on nobody of whom anything was trained.

    Their photographs are used whole.
    """
    explainer = first.explainer
    record = explainer.embedder.record
    embedder = Embedder(first.exported.model, record, parse_crop(WHOLE))
    photographs = list_faces(faces_folder)
    target = decoder_shape(record.shape)
    store = cache_folder("embeddings") / f"{store_key(first.exported, WHOLE, target)}.sqlite"
    everyone = embed_faces(embedder, photographs, target, store, progress=progress)
    nobody = everyone.select(np.zeros(len(everyone), np.bool_))
    people = People(WHOLE, embedder, everyone, Split(nobody, nobody, everyone), tuple(photographs))
    drawn = pairs_of_one_test(
        people,
        n,
        threshold=explainer.manifest.threshold.value,
        rng=np.random.default_rng((SEED, 6)),
    )
    return replace(first, pairs=drawn)


def _in_precision(
    explainer: Explainer,
    exported: ExportedEmbedder,
    trained_on: Sequence[Face],
    precision: str,
    progress: Progress,
) -> Embedder | None:
    """The embedder in a lower precision, calibrated on photographs spread over those given."""
    if precision == "float32":
        return None
    chosen = trained_on[:: max(1, len(trained_on) // CALIBRATED)][:CALIBRATED]
    crops = np.stack([explainer.embedder.read(one.path) for one in chosen])
    model = in_precision(exported.model, precision, crops, progress=progress)
    return Embedder(model, exported.record, explainer.embedder.crop)


def shipped_differentiable() -> Differentiable:
    """Build FaceNet in Keras, from its weights."""
    load_tensorflow()
    network = facenet(DEFAULT_KEY)
    return Differentiable(build(network, fetch(network)), network.standardisation)
