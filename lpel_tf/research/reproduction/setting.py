"""One way to cut faces out, with the embeddings and the decoders that belong to it."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lpel_export.conversion.keras_to_onnx import export_decoder
from lpel_export.conversion.parity import Parity, check_parity
from lpel_serving.bundle.manifest import EMBEDDING, RECONSTRUCTION
from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.session import open_session
from lpel_serving.equations.decision import Decision
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.faithfulness.deletion_curve import IDENTICAL
from lpel_serving.faithfulness.photograph_pairs import PhotographPairs
from lpel_serving.images.crops import parse_crop
from lpel_serving.images.datasets.faces import Face
from lpel_serving.images.datasets.pairs import Pair, draw_of_each
from lpel_serving.images.datasets.passed_over import Unusable
from lpel_serving.methods.method import AssembledNetworks
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import PairsError
from lpel_serving.support.progress import Progress
from lpel_tf.bundles.bundling import store_key
from lpel_tf.data.dataset import FaceSet, Split, embed_faces, split_by_identity
from lpel_tf.decoders.decoder import IMAGE_SIZE, to_keras
from lpel_tf.decoders.least_squares import LinearDecoder, solve
from lpel_tf.decoders.training import Recipe, check_faces, train_decoder
from lpel_tf.networks.embedders import ExportedEmbedder
from lpel_tf.support.cache import cache_folder

ADAMAX, LEAST_SQUARES, OURS = "Adamax", "least squares", "Adamax, whitened"
"""The decoders: as the thesis trains it, in closed form, and as `lpel train` does."""

_SPARE = 6
Decode = Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False)
class TrainedDecoder:
    """A decoder ready to run.

    Attributes
    ----------
    weights
        Kernel and bias.
    decode
        Embeddings to images.
    parity
        How far ONNX is from Keras; None for the closed form, which runs in numpy, since its large
        weights do not meet the tolerance of an export.
    """

    weights: LinearDecoder
    decode: Decode
    parity: Parity | None

    @property
    def sha256(self) -> str:
        """Hash of the weights, in hexadecimal."""
        return hashlib.sha256(
            self.weights.kernel.tobytes() + self.weights.bias.tobytes()
        ).hexdigest()


@dataclass(frozen=True, eq=False)
class Setting:
    """Faces cut out in one way.

    Attributes
    ----------
    crop
        The way: see `lpel_serving.images.crops.parse_crop`.
    embedder
        The network, with that crop.
    everyone
        All faces.
    split
        The same by people, for training, validation and test.
    test_photographs
        The photographs of ``split.test``, in its order.
    decoders
        By name: `ADAMAX`, `LEAST_SQUARES`, `OURS`.
    """

    crop: str
    embedder: Embedder
    everyone: FaceSet
    split: Split
    test_photographs: tuple[Face, ...]
    decoders: Mapping[str, TrainedDecoder]

    def engine(self, decoder: str = ADAMAX) -> AssembledNetworks:
        """The embedder with one of the decoders."""
        return AssembledNetworks(self.embedder.embed, self.decoders[decoder].decode)

    def pairs(
        self, n: int, *, same: bool, threshold: float | None, rng: np.random.Generator
    ) -> PhotographPairs:
        """Draw pairs of people not trained on, on which the network is right (chapter 6).

        Without a threshold, whatever the network says of them. Pairs of people not met before come
        first, so that a pair and the next one mostly show others.

        Raises
        ------
        PairsError
            If fewer than two are found.
        """
        test = self.split.test
        found: list[tuple[int, int]] = []
        for a, b, truth in draw_of_each(test.identities, _SPARE * n, rng):
            similarity = float(cosine_similarity(test.embeddings[a], test.embeddings[b]))
            right = threshold is None or Decision(similarity, threshold).similar == same
            if truth == same and right and similarity < IDENTICAL:
                found.append((a, b))
        order: list[int] = rng.permutation(len(found)).tolist()
        chosen = _new_people_first([found[i] for i in order], test.identities)[:n]
        if len(chosen) < 2:
            raise PairsError(
                f"the people kept apart for the test give {len(chosen)} pairs of the kind wanted; "
                "at least 2 are needed: give more photographs."
            )
        first, second = np.array(chosen).T
        photographs = self.test_photographs
        return PhotographPairs(
            self.embedder,
            tuple(Pair(photographs[a].path, photographs[b].path, same) for a, b in chosen),
            test.embeddings[first],
            test.embeddings[second],
            same,
        )


def _new_people_first(
    pairs: list[tuple[int, int]], identities: Sequence[str]
) -> list[tuple[int, int]]:
    """Put pairs in front whose people are in no pair before them, the others after."""
    seen: set[str] = set()
    fresh: list[tuple[int, int]] = []
    rest: list[tuple[int, int]] = []
    for a, b in pairs:
        people = {identities[a], identities[b]}
        (rest if people & seen else fresh).append((a, b))
        seen |= people
    return fresh + rest


def prepare(
    embedder: ExportedEmbedder,
    photographs: tuple[Face, ...],
    crop: str,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    work: Path,
    cache: Path | None,
    unusable: Unusable | None,
    progress: Progress,
) -> Setting:
    """Embed photographs and train the decoders, going on where an earlier run stopped.

    Parameters
    ----------
    embedder
        The network.
    photographs
        All of them.
    crop
        How faces are cut out.
    epochs, batch_size
        Of Adamax as the thesis uses it.
    seed
        Of the split and the trainings.
    work
        Folder for the state of trainings.
    cache
        Root of the cache, where embeddings are kept.
    unusable
        Gathers photographs that cannot be used; without it the first one is an error.
    progress
        ReportProgress how far it is.
    """
    engine = Embedder(embedder.model, embedder.record, parse_crop(crop))
    store = cache_folder("embeddings", root=cache) / f"{store_key(embedder, crop)}.sqlite"
    everyone = embed_faces(
        engine, photographs, IMAGE_SIZE, store, unusable=unusable, progress=progress
    )
    without = {face.path for face in (*everyone.without_face, *everyone.unusable)}
    shown = tuple(face for face in photographs if face.path not in without)
    split = split_by_identity(everyone, np.random.default_rng(seed))
    check_faces(split.train, split.validation)
    test_people = set(split.test.identities)
    as_thesis = Recipe(
        epochs=epochs,
        batch_size=batch_size,
        whiten=False,
        noise=0,
        decay=False,
        patience=epochs,
        seed=seed,
    )
    recipes = {ADAMAX: as_thesis, OURS: replace(Recipe(), seed=seed)}
    decoders: dict[str, TrainedDecoder] = {}
    for place, (name, recipe) in enumerate(recipes.items()):
        state = work / f"decoder-{crop}-{place}.npz"
        trained = train_decoder(
            split.train, split.validation, recipe, checkpoint=state, progress=progress
        )
        decoders[name] = through_onnx(trained.decoder, split.test.embeddings[:100])
    closed = solve(split.train, 0.0)
    decoders[LEAST_SQUARES] = TrainedDecoder(closed, closed, None)
    test_photographs = tuple(face for face in shown if face.identity in test_people)
    return Setting(crop, engine, everyone, split, test_photographs, decoders)


def through_onnx(weights: LinearDecoder, examples: Floats) -> TrainedDecoder:
    """Export a decoder, check its parity with Keras, and run it with the engine."""
    examples = np.resize(examples, (max(2, len(examples)), examples.shape[1]))
    exported = export_decoder(to_keras(weights), {"lpel": "decoder"})
    parity = check_parity(
        exported,
        examples,
        input_name=EMBEDDING,
        output_name=RECONSTRUCTION,
        inputs=f"embeddings of {len(examples)} faces",
    )
    session = open_session(
        exported.model, input_name=EMBEDDING, output_name=RECONSTRUCTION, threads=1
    )
    return TrainedDecoder(weights, session.run, parity)
