"""Explains pairs from features of their images that are known, without the images themselves."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from lpel_serving.methods.both_ways import BothWays
from lpel_serving.methods.checked_map import checked, name_of
from lpel_serving.methods.method import Method, capability
from lpel_serving.methods.networks import ImageFeatures, Networks
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import ParameterError


class ExplainsFeatures(Method, Protocol):
    """A method that looks at embeddings and local features, and never at the images."""

    def from_features(
        self, images: ImageFeatures, networks: Networks, /, *, similar: bool
    ) -> BothWays:
        """Explain a decision both ways; the maps are those of the pair of images.

        Parameters
        ----------
        images
            Reference and test.
        networks
            What it asks; no image is embedded.
        similar
            The decision.
        """
        ...


def explains_features(method: Method) -> bool:
    """Whether `explain_features` accepts a method."""
    return capability(method, "from_features") is not None


def explain_features(
    method: Method, images: ImageFeatures, networks: Networks, *, similar: bool
) -> BothWays:
    """Explain a decision both ways from features of reference and test.

    Parameters
    ----------
    method
        One for which `explains_features` is true.
    images, networks, similar
        See `ExplainsFeatures`.

    Raises
    ------
    ParameterError
        If the method looks at images, or cannot explain such a pair.
    EmbeddingError
        If a map is not finite.
    """
    own: Callable[..., BothWays] | None = capability(method, "from_features")
    name = name_of(method)
    if own is None:
        raise ParameterError(f"the method {name} looks at the images themselves: give it the pair.")
    found = own(images, networks, similar=similar)
    forward, swapped = checked(found.forward, name), checked(found.swapped, name)
    return replace(found, forward=forward, swapped=swapped)


def template_features(embeddings: Floats, superpixels: int, channels: int) -> ImageFeatures:
    """Features of embeddings whose photographs are not there: their local features are 0.

    A surrogate is trained on some images without local features, so that it answers from 0 too, by
    what it knows of such embeddings, and less well: see docs/surrogate.md.

    Parameters
    ----------
    embeddings
        Float32, shape (N, D).
    superpixels, channels
        K and C of the surrogate.
    """
    none = np.zeros((len(embeddings), superpixels, channels), np.float32)
    return ImageFeatures(embeddings, none)
