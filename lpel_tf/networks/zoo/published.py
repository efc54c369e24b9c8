"""What is known of a published network: its card."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lpel_tf.networks.exported import ExportedEmbedder
from lpel_tf.networks.npm import Package

Convert = Callable[[list[Path], NDArray[np.uint8]], ExportedEmbedder]
"""Exports a network from the members of its package, its parity checked on crops."""


@dataclass(frozen=True)
class PublishedNetwork:
    """A network that others trained and published.

    Attributes
    ----------
    key
        What it is called here.
    title
        What a bundle calls it.
    dimension
        Length of its embeddings.
    side
        Of its square RGB images, in pixels.
    standardisation
        What it does to pixels first, in words.
    compares_by
        How its users compare its embeddings.
    package
        Where its weights come from.
    licence
        What is known of the licence of the weights.
    faces
        What is known of the faces that it was trained on.
    convert
        Exports it.
    """

    key: str
    title: str
    dimension: int
    side: int
    standardisation: str
    compares_by: Literal["cosine", "euclidean"]
    package: Package
    licence: str
    faces: str
    convert: Convert

    @property
    def terms(self) -> str:
        """For a bundle: where the weights come from, and under which licence."""
        return f"{self.licence}; from {self.package.pinned} of npm, trained on {self.faces}"

    @property
    def route(self) -> Literal["npm"]:
        """Where its weights come from: npm's registry."""
        return "npm"
