"""`Explainer`: loads a bundle's networks, and explains pairs of faces from their photographs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.loading import Bundle, load_bundle, plausibility_of
from lpel_serving.bundle.manifest import Manifest
from lpel_serving.engine.comparing import open_comparison
from lpel_serving.engine.decoder import Decoder
from lpel_serving.engine.distinct import Choice, distinct_crops
from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.pair import decide_pair, explain_pair
from lpel_serving.engine.responder import Responder
from lpel_serving.engine.surrogate import open_surrogate
from lpel_serving.equations.direction import check_comparable
from lpel_serving.equations.mask import DEFAULT_EPSILON, check_epsilon
from lpel_serving.images.crops import Crop, as_crop
from lpel_serving.images.reading import Image
from lpel_serving.methods.catalogue.description import asks
from lpel_serving.methods.catalogue.registry import default_method, default_name
from lpel_serving.methods.explanation import PairExplanation
from lpel_serving.methods.measured.stream import DEFAULT_BATCH
from lpel_serving.methods.method import Method
from lpel_serving.methods.networks import (
    ImageFeatures,
    Simulation,
    no_decoder,
    no_features,
    no_simulation,
)
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import ParameterError


class Explainer:
    """Explains why a siamese network called two faces the same or different.

    Safe to share among threads. Use `Explainer.load`.

    Attributes
    ----------
    manifest
        The bundle's manifest.
    bundle_sha256
        The bundle's digest: see `lpel_serving.bundle.loading.Bundle`.
    embedder
        The embedding network, for callers that need only embeddings.
    provider
        The execution provider that is active, such as ``"cpu"``.
    plausibility
        The check of plausibility; None if it was not fitted.
    comparison
        How its network compares two embeddings.
    """

    def __init__(self, bundle: Bundle, crop: Crop, provider: str, threads: int | None) -> None:
        self.manifest: Manifest = bundle.manifest
        self.bundle_sha256 = bundle.sha256
        self.comparison = open_comparison(bundle, provider)
        embedder, dimension = bundle.manifest.embedder, bundle.manifest.embedder.dimension
        self.embedder = Embedder(bundle.embedder, embedder, crop, provider, threads)
        self._decoder: Decoder | None = None
        drawn = bundle.manifest.decoder
        if drawn is not None and bundle.decoder is not None:
            self._decoder = Decoder(bundle.decoder, drawn, dimension, provider)
        self._responder: Responder | None = None
        record = bundle.manifest.responses
        if record is not None and bundle.responses is not None:
            self._responder = Responder(
                bundle.responses, record, dimension, self.comparison, provider
            )
        self._surrogate = open_surrogate(
            bundle, self.embedder.local_shape, self.comparison, provider
        )
        self.plausibility = plausibility_of(bundle)
        self.provider = self.embedder.provider

    @classmethod
    def load(
        cls,
        bundle: str | Path,
        *,
        crop: Crop | str | None = None,
        provider: str = "cpu",
        threads: int | None = None,
    ) -> "Explainer":
        """Load and verify a bundle.

        Parameters
        ----------
        bundle
            The folder that `lpel train` or `lpel demo` wrote.
        crop
            How to cut faces out of photographs: see `parse_crop`. The bundle's own when None.
        provider
            The execution provider: ``"cpu"``, ``"cuda"``, … It is used for the whole model, or an
            error is raised.
        threads
            Threads of one inference, at most one for each core; onnxruntime's choice when None.

        Raises
        ------
        BundleError
            If the bundle is incomplete, altered, or made for a newer engine.
        ProviderError
            If the provider cannot be used.
        """
        loaded = load_bundle(bundle)
        chosen = loaded.manifest.crop if crop is None else crop
        return cls(loaded, as_crop(chosen), provider, threads)

    def embed(self, crops: NDArray[np.uint8]) -> Floats:
        """Compute the embeddings ``h = f(x)`` of face crops; see `Embedder.embed`."""
        return self.embedder.embed(crops)

    def decode(self, embeddings: Floats) -> Floats:
        """Reconstruct images ``g(h)`` from embeddings; see `Decoder.decode`.

        Raises
        ------
        ParameterError
            If the bundle has no decoder.
        """
        return no_decoder(embeddings) if self._decoder is None else self._decoder.decode(embeddings)

    @property
    def decodes(self) -> bool:
        """Whether the bundle has a decoder."""
        return self._decoder is not None

    @property
    def responds(self) -> bool:
        """Whether the bundle has a response decoder."""
        return self._responder is not None

    @property
    def simulates(self) -> bool:
        """Whether the bundle has a surrogate, and so local features."""
        return self._surrogate is not None

    @property
    def simulated_fills(self) -> tuple[str, ...]:
        """The fills that the bundle's surrogate knows; none without one."""
        return () if self._surrogate is None else self._surrogate.record.fills

    @property
    def default_method(self) -> Method:
        """The best method for the bundle: see `lpel_serving.methods.catalogue.registry`."""
        return default_method(responds=self.responds, simulates=self.simulates)

    @property
    def default_name(self) -> str:
        """The name of `default_method`, for `find_method`."""
        return default_name(responds=self.responds, simulates=self.simulates)

    def respond(self, embeddings: Floats) -> Floats:
        """Predict attribution vectors from embeddings; see `Responder.respond`.

        Raises
        ------
        ParameterError
            If the bundle has no response decoder.
        """
        if self._responder is None:
            raise ParameterError(
                "this bundle has no response decoder: train one with `lpel train --method "
                "responses`, or choose another method, such as coalitions or lpel."
            )
        return self._responder.respond(embeddings)

    def features(self, crops: NDArray[np.uint8]) -> ImageFeatures:
        """Compute embeddings and local features of face crops; see `Embedder.features`.

        Raises
        ------
        ParameterError
            If the bundle has no surrogate.
        """
        return no_features(crops) if self._surrogate is None else self.embedder.features(crops)

    def simulate(
        self, images: ImageFeatures, fill: str, donors: ImageFeatures | None = None
    ) -> Simulation:
        """Prepare to ask what replacing superpixels does; see `Surrogate.simulate`.

        Raises
        ------
        ParameterError
            If the bundle has no surrogate.
        """
        simulate = no_simulation if self._surrogate is None else self._surrogate.simulate
        return simulate(images, fill, donors)

    def explain(
        self,
        reference: Image,
        test: Image,
        *,
        epsilon: float = DEFAULT_EPSILON,
        method: Method | None = None,
        seed: int = 0,
        faces: Choice = (None, None),
    ) -> PairExplanation:
        """Explain one pair both ways; see `explain_pairs`."""
        pairs = [(reference, test)]
        return self.explain_pairs(pairs, epsilon=epsilon, method=method, seed=seed, faces=[faces])[
            0
        ]

    def explain_pairs(
        self,
        pairs: Sequence[tuple[Image, Image]],
        *,
        epsilon: float = DEFAULT_EPSILON,
        method: Method | None = None,
        seed: int = 0,
        batch_size: int = DEFAULT_BATCH,
        faces: Sequence[Choice] | None = None,
    ) -> list[PairExplanation]:
        """Explain many pairs both ways, embedding every distinct image once.

        Parameters
        ----------
        pairs
            References and tests: paths, bytes, Pillow images, or uint8 arrays, RGB or grey.
        epsilon
            Threshold of the mask (Eq. 4.7).
        method
            An explanation method, such as `find_method` returns. When None, `default_method`.
        seed
            Seed of the method's randomness, the same for each pair.
        batch_size
            Images in one inference. A pair's result is the same, byte for byte, alone or among
            others.
        faces
            For each pair, which of the faces in reference and test, from 0, the largest; the
            largest where it is None. It has to be None for a crop that detects no faces.

        Raises
        ------
        ImageError
            If an image cannot be used, or has no such face.
        NoDirectionError
            If the embedding of an image is zero: its similarity to everything is 0.
        ParameterError
            If `epsilon` is out of range, or the method cannot explain such a pair.
        """
        chosen = self.default_method if method is None else method
        check_epsilon(epsilon)
        choices = [(None, None)] * len(pairs) if faces is None else faces
        both = zip(pairs, choices, strict=True)
        named = [one for pair, choice in both for one in zip(pair, choice, strict=True)]
        distinct = distinct_crops(self.embedder, named)
        crops, places, found = distinct.crops, distinct.places, distinct.found
        features = None
        if self.simulates and asks(chosen, "surrogate"):
            features = self.embedder.features(crops, batch_size)
            embeddings = features.embeddings
        else:
            embeddings = self.embedder.embed(crops, batch_size)
        crop = self.embedder.crop

        def explain(i: int) -> PairExplanation:
            r, t = places[i : i + 2]
            both, h = (crops[r], crops[t]), (embeddings[r], embeddings[t])
            check_comparable(self.comparison, np.stack(h), ("the reference", "the test image"))
            of_pair = (found[i], found[i + 1])
            pair = decide_pair(
                self.manifest,
                self.comparison,
                self.plausibility,
                both,
                h,
                crop=crop,
                found=of_pair,
            )
            known = None if features is None else features[[r, t]]
            return explain_pair(
                pair, chosen, self, self.manifest, crop, known=known, epsilon=epsilon, seed=seed
            )

        return [explain(i) for i in range(0, len(places), 2)]
