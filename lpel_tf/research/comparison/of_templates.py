"""Methods that are given embeddings alone, as where lists hold templates and no photographs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lpel_serving.bundle.manifest import Manifest
from lpel_serving.methods.from_features import (
    explain_features,
    explains_features,
    template_features,
)
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import SignedMap

OF_TEMPLATES = ", of templates"
"""What is put after the name of a method that is given embeddings alone."""


@dataclass(frozen=True)
class OfTemplates:
    """A method that is given no local features, as a batch job has it of a list of embeddings.

    Attributes
    ----------
    method
        One that explains from features.
    superpixels, channels
        K and C of the surrogate.
    """

    method: Method
    superpixels: int
    channels: int

    def __call__(self, pair: FacePair, networks: Networks, rng: np.random.Generator) -> SignedMap:
        """Explain a pair by its embeddings alone."""
        del rng
        embeddings = np.stack([pair.h_r, pair.h_t])
        images = template_features(embeddings, self.superpixels, self.channels)
        return explain_features(self.method, images, networks, similar=pair.similar).forward


def of_templates(methods: Mapping[str, Method], manifest: Manifest) -> dict[str, Method]:
    """Those of some methods that can explain templates, without the photographs, by other names."""
    record = manifest.surrogate
    if record is None:
        return {}
    return {
        f"{name}{OF_TEMPLATES}": OfTemplates(one, record.side**2, record.channels)
        for name, one in methods.items()
        if explains_features(one)
    }
