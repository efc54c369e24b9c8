"""The networks that a method may run, what they compute of images, and their stand-ins."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.comparison import COSINE, Comparison
from lpel_serving.support.arrays import Floats, Memberships
from lpel_serving.support.errors import ParameterError


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """What the embedder computes of N images in one pass.

    Attributes
    ----------
    embeddings
        Float32, shape (N, D).
    local
        Local features: what the network knows of each superpixel half way, float32, shape
        (N, K, C).
    """

    embeddings: Floats
    local: Floats

    def __getitem__(self, places: slice | list[int]) -> "ImageFeatures":
        """Those of some of the images."""
        return ImageFeatures(self.embeddings[places], self.local[places])


class Simulation(Protocol):
    """What a surrogate knows of N images, to be asked as often as one likes."""

    def __call__(self, coalitions: Memberships, /) -> Floats:
        """Predict the embeddings of the images with coalitions of superpixels replaced.

        Parameters
        ----------
        coalitions
            True or 1 where a superpixel is replaced: bool or float32, shape (M, K), the same for
            all images, or (N, M, K). A number between 0 and 1 is something that no image has: the
            surrogate moves its state that part of the way from the shown to the replaced
            superpixel.

        Returns
        -------
        NDArray[np.float32]
            Expectations of scaled embeddings (of unit length, where their cosine is compared),
            shape (N, M, D): the less certain, the nearer to their mean.

        Raises
        ------
        ParameterError
            If coalitions are of another shape, or a membership is not between 0 and 1.
        """
        ...


class Simulates(Protocol):
    """Whatever asks a surrogate: `Networks`, or a surrogate alone."""

    @property
    def comparison(self) -> Comparison:
        """How the network compares two embeddings."""
        ...

    def simulate(
        self, images: ImageFeatures, fill: str, donors: ImageFeatures | None = None, /
    ) -> Simulation:
        """Prepare to predict what replacing superpixels does to images.

        That is the longer part: ask the result again rather than this.

        Parameters
        ----------
        images
            Of N images.
        fill
            What replaces superpixels: ``normal``, ``mean``, ``blur``, or ``transplant`` for the
            donor's own.
        donors
            For ``transplant``: an image for each of the images.

        Raises
        ------
        ParameterError
            If there is no surrogate, it does not know the fill, or donors are missing.
        """
        ...


class Networks(Simulates, Protocol):
    """The networks that a method may run; `Explainer` implements it."""

    @property
    def simulated_fills(self) -> tuple[str, ...]:
        """The fills that the surrogate knows, as they are by default; none without a surrogate."""
        ...

    def embed(self, crops: NDArray[np.uint8], /) -> Floats:
        """Compute ``f``: crops, uint8, shape (N, S, S, 3), to embeddings, shape (N, D)."""
        ...

    @property
    def decodes(self) -> bool:
        """Whether there is a decoder."""
        ...

    def decode(self, embeddings: Floats, /) -> Floats:
        """Compute ``g``: embeddings, shape (N, D), to images, shape (N, H, W, C).

        Raises
        ------
        ParameterError
            If there is no decoder.
        """
        ...

    def respond(self, embeddings: Floats, /) -> Floats:
        """Predict attribution vectors: embeddings, shape (N, D), to (N, K, D).

        The embeddings are as the embedder gives them; the vectors refer to the scaled ones: see
        `lpel_serving.equations.comparison`.

        Raises
        ------
        ParameterError
            If there is no response decoder.
        """
        ...

    def features(self, crops: NDArray[np.uint8], /) -> ImageFeatures:
        """Compute embeddings and local features of crops, uint8, shape (N, S, S, 3), in one pass.

        Raises
        ------
        ParameterError
            If there is no surrogate, and so no local features.
        """
        ...


def no_decoder(embeddings: Floats) -> Floats:
    """Stand in for a decoder where there is none.

    Raises
    ------
    ParameterError
        Always.
    """
    del embeddings
    raise ParameterError(
        "there is no decoder, which draws images from embeddings: train one, with `lpel train` "
        "without --no-decoder, or choose a method that needs none, such as responses."
    )


def no_responses(embeddings: Floats) -> Floats:
    """Stand in for a response decoder where there is none.

    Raises
    ------
    ParameterError
        Always.
    """
    raise ParameterError(
        f"there is no response decoder to predict the responses of {len(embeddings)} images: give "
        "one, or choose another method, such as coalitions."
    )


def no_features(crops: NDArray[np.uint8]) -> ImageFeatures:
    """Stand in for an embedder with local features where there is none.

    Raises
    ------
    ParameterError
        Always.
    """
    raise ParameterError(
        f"there is no surrogate, and so no local features of {len(crops)} images: train one with "
        "`lpel train --method surrogate`, or choose another method, such as responses."
    )


def no_simulation(
    images: ImageFeatures, fill: str, donors: ImageFeatures | None = None
) -> Simulation:
    """Stand in for a surrogate where there is none.

    Raises
    ------
    ParameterError
        Always.
    """
    del donors
    raise ParameterError(
        f"there is no surrogate to simulate the fill {fill} in {len(images.embeddings)} images: "
        "train one with `lpel train --method surrogate`, or choose another method."
    )


class Simulate(Protocol):
    """The type of `Networks.simulate`."""

    def __call__(
        self, images: ImageFeatures, fill: str, donors: ImageFeatures | None = None, /
    ) -> Simulation:
        """See `Networks.simulate`."""
        ...


@dataclass(frozen=True, eq=False)
class AssembledNetworks:
    """An embedder, decoders and a surrogate, combined into one `Networks`."""

    embed: Callable[[NDArray[np.uint8]], Floats]
    decode: Callable[[Floats], Floats]
    respond: Callable[[Floats], Floats] = no_responses
    features: Callable[[NDArray[np.uint8]], ImageFeatures] = no_features
    simulate: Simulate = no_simulation
    simulated_fills: tuple[str, ...] = ()
    comparison: Comparison = COSINE

    @property
    def decodes(self) -> bool:
        """See `Networks.decodes`."""
        return self.decode is not no_decoder


def with_embed(
    networks: Networks, embed: Callable[[NDArray[np.uint8]], Floats]
) -> AssembledNetworks:
    """Return the same networks with another way to embed images."""
    return AssembledNetworks(
        embed,
        networks.decode if networks.decodes else no_decoder,
        networks.respond,
        networks.features,
        networks.simulate,
        networks.simulated_fills,
        networks.comparison,
    )
