"""What the sections of a reproduction share: faces, networks, decoders, pairs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpel_serving.engine.embedder import Embedder
from lpel_serving.equations.fill import Fill
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.deletion_curve import Interval, bootstrap
from lpel_serving.faithfulness.drawable import least_shared
from lpel_serving.faithfulness.photograph_pairs import PhotographPairs
from lpel_serving.faithfulness.study import QUESTIONS, Answer, ask
from lpel_serving.images.crops import parse_crop
from lpel_serving.images.datasets.labelled import Labelled
from lpel_serving.images.datasets.passed_over import Unusable
from lpel_serving.images.subject import FACES, Subject
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.report.pictures import displayable
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.progress import Progress
from lpel_tf.bundles.thresholds import fit_on_split
from lpel_tf.data.sides import SplitBy
from lpel_tf.decoders.decoder import IMAGE_SIZE, mean_squared_error
from lpel_tf.networks.exported import ExportedEmbedder
from lpel_tf.research.emsnn.autoencoder import (
    Autoencoder,
    AutoencoderRecipe,
    match_reconstruction,
)
from lpel_tf.research.harness.decoders import (
    ADAMAX,
    Setting,
    TrainedDecoder,
    through_onnx,
    with_decoders,
)
from lpel_tf.research.harness.pairs import decided_pairs
from lpel_tf.research.harness.people import People, embed_people
from lpel_tf.research.reproduction.sizes import Sizes

SUPERPIXEL = 5


@dataclass(frozen=True, eq=False)
class Laboratory:
    """Faces, networks and sizes; what takes long is made when it is first asked for.

    Attributes
    ----------
    embedder
        The network that is explained.
    photographs
        The faces, by person.
    crops
        How faces are cut out: the tight crop that the thesis uses, and perhaps a loose one.
    sizes
        How large the experiments are.
    threshold
        On the scale that the network compares by: the similarity above which a pair is called
        similar, 0.3 in the thesis, or the distance below which it is.
    seed
        Of all randomness.
    work
        Folder for what an interrupted run goes on from.
    cache
        Root of the cache, where embeddings are kept; the platform's own when None.
    hide_photographs
        Show reconstructions in place of photographs.
    progress
        Reports how far everything is.
    unusable
        Gathers photographs that cannot be used; without it the first one is an error.
    split
        What is held out: see `lpel_tf.data.split.split_faces`.
    comparison
        How the network compares: ``cosine``, ``euclidean``, or the path of a learned head, in a
        file of Keras or ONNX.
    subject
        What the photographs show, in whose words the report speaks.
    """

    embedder: ExportedEmbedder
    photographs: tuple[Labelled, ...]
    crops: tuple[str, ...]
    sizes: Sizes
    threshold: float
    seed: int
    work: Path
    cache: Path | None
    hide_photographs: bool
    progress: Progress
    unusable: Unusable | None = None
    split: SplitBy | None = None
    comparison: str = "cosine"
    subject: Subject = FACES

    def __post_init__(self) -> None:
        check_crops(self.crops)

    @cached_property
    def main(self) -> Setting:
        """The first crop."""
        return self._prepare(self.crops[0])

    @cached_property
    def loose(self) -> Setting | None:
        """The second crop, if there is one."""
        return self._prepare(self.crops[1]) if len(self.crops) > 1 else None

    @cached_property
    def similar_pairs(self) -> PhotographPairs:
        """Pairs of one person, called similar, cut out tightly."""
        return self.draw(self.main, self.sizes.pairs, same=True)

    @cached_property
    def dissimilar_pairs(self) -> PhotographPairs:
        """Pairs of two people, called dissimilar, cut out tightly."""
        return self.draw(self.main, self.sizes.pairs, same=False)

    @cached_property
    def autoencoder(self) -> Autoencoder:
        """EMSNN's, trained until it reconstructs as well as the decoder does (section 5.5.1)."""
        split, decoder = self.main.split, self.main.decoders[ADAMAX].weights
        wanted = mean_squared_error(decoder(split.validation.embeddings), split.validation.targets)
        recipe = AutoencoderRecipe(
            epochs=self.sizes.autoencoder_epochs,
            batch_size=self.sizes.autoencoder_batch,
            seed=self.seed,
        )
        return match_reconstruction(
            split.train,
            split.validation,
            wanted,
            recipe,
            steps=self.sizes.autoencoder_steps,
            progress=self.progress,
        )

    @cached_property
    def emsnn_decoder(self) -> TrainedDecoder:
        """The decoder half of the autoencoder, exported and run by the engine."""
        return through_onnx(self.autoencoder.decoder, self.main.split.test.embeddings[:100])

    def draw(self, setting: Setting, n: int, *, same: bool) -> PhotographPairs:
        """Draw pairs; the same ones each time."""
        return decided_pairs(
            setting,
            n,
            same=same,
            threshold=self.similarity_threshold(setting),
            rng=np.random.default_rng((self.seed, int(same))),
            least=least_shared(setting.compared.comparison) if same else None,  # of their curves
            subject=self.subject,
        )

    def similarity_threshold(self, people: People) -> float:
        """The threshold as a similarity, with the spread of these people's embeddings."""
        return people.compared.record.similarity_of(self.threshold)

    def ask(
        self,
        key: str,
        question: str,
        setting: Setting,
        pairs: PhotographPairs,
        methods: dict[str, Method],
        *,
        every: int,
        draws: int,
        superpixel: int = SUPERPIXEL,
        fill: Fill | None = None,
    ) -> Answer:
        """Measure curves with the decoder that the thesis trains; see `study.ask`."""
        kind, fill = QUESTIONS[question].kind, fill or Fill(grain=IMAGE_SIZE)
        settings = CurveSettings(kind, superpixel, IMAGE_SIZE, every, fill, draws=draws)
        return ask(
            setting.engine(),
            pairs,
            QUESTIONS[question],
            methods,
            settings,
            self.seed,
            networks_identity=" ".join(
                [self.embedder.sha256, setting.crop, self.emsnn_decoder.sha256, *setting.sha256s]
            ),
            partial=self.work / f"{key}.partial",
            progress=self.progress,
        )

    def interval(self, values: Sequence[float] | NDArray[np.floating]) -> Interval:
        """Mean and 95 % interval over pairs."""
        return bootstrap(np.asarray(values, np.float64), np.random.default_rng(self.seed))

    def shown(self, crop: Pixels, embedding: NDArray[np.float32]) -> Pixels:
        """A face as figures may show it."""
        if not self.hide_photographs:
            return crop
        decode = self.main.decoders[ADAMAX].decode
        return displayable(decode(embedding[np.newaxis])[0])

    def shown_pair(self, pair: FacePair) -> tuple[Pixels, Pixels]:
        """Reference and test as figures may show them."""
        return self.shown(pair.reference, pair.h_r), self.shown(pair.test, pair.h_t)

    def with_fitted_threshold(self) -> "Laboratory":
        """The same with the most accurate threshold on pairs of what is held out, cut tightly."""
        people, rng = self._embed(self.crops[0]), np.random.default_rng(self.seed)
        comparison, subject = people.compared.comparison, self.subject
        fitted = fit_on_split(people.split, rng, comparison, subject=subject).threshold.value
        return replace(self, threshold=people.compared.record.own_of(fitted))

    def _embed(self, crop: str) -> People:
        return embed_people(
            Embedder(self.embedder.model, self.embedder.record, parse_crop(crop)),
            self.embedder,
            self.photographs,
            crop,
            seed=self.seed,
            by=self.split,
            comparison=self.comparison,
            cache=self.cache,
            unusable=self.unusable,
            progress=self.progress,
        )

    def _prepare(self, crop: str) -> Setting:
        people = self._embed(crop)
        self.similarity_threshold(people)  # if there is no such distance, that is said at once
        return with_decoders(
            people,
            epochs=self.sizes.decoder_epochs,
            batch_size=self.sizes.decoder_batch,
            seed=self.seed,
            work=self.work,
            progress=self.progress,
        )


def check_crops(crops: Sequence[str]) -> None:
    """Raise `ParameterError` unless there is one crop that can be made, or two different ones."""
    if not 1 <= len(set(crops)) == len(crops) <= 2:
        raise ParameterError(
            "one crop is needed, or two different ones, the tight one first; received "
            f"{', '.join(crops) or 'none'}."
        )
    for crop in crops:
        parse_crop(crop)
