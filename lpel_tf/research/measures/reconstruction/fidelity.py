"""Fidelity of reconstructions: as pixels, in structure, and to the network that sees them again."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from lpel_serving.images.resizing import decoder_target, resize
from lpel_serving.methods.measured.stream import DEFAULT_BATCH
from lpel_serving.methods.networks import Networks
from lpel_serving.report.numbers import reconstruction_error
from lpel_serving.report.pictures import displayable
from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.support.errors import EmbeddingError, ParameterError
from lpel_serving.support.extras import require
from lpel_serving.support.image_shape import ImageShape
from lpel_serving.support.progress import Progress, silent
from lpel_tf.research.measures.mixtures import refuse_broken

_WINDOW = 7
"""Pixels across a window of the structural similarity; an odd number."""


@dataclass(frozen=True, eq=False)
class Fidelity:
    """What reconstructions share with the images whose embeddings they are made from.

    Attributes
    ----------
    pixel_error
        Mean squared error over pixels and channels, Eq. 4.1, pixels in [0, 1], float64, shape (N,);
        0 is best.
    structural_similarity
        SSIM (Wang et al. 2004), mean over channels and windows of 7 by 7 pixels, or as large as
        fit, at the reconstruction's size and in 8 bits; in [-1, 1], float64, shape (N,); 1 is best.
        Blur costs it more than it costs the squared error.
    similarity
        Of ``h`` and ``f(g(h))``, by the network's own comparison: their cosine for most; at most 1,
        which is best, float64, shape (N,). The reconstruction is clipped, made 8-bit and enlarged
        to the image's size before it is embedded.
    """

    pixel_error: NDArray[np.float64]
    structural_similarity: NDArray[np.float64]
    similarity: NDArray[np.float64]


def measure_fidelity(
    networks: Networks,
    crops: Iterable[Pixels],
    embeddings: Floats,
    *,
    batch_size: int = DEFAULT_BATCH,
    progress: Progress = silent,
) -> Fidelity:
    """Decode embeddings, and compare with the images both as pixels and as the network sees them.

    Parameters
    ----------
    networks
        Embedder and decoder.
    crops
        The images that were embedded, uint8, shape (H, W, C) each; read a batch at a time.
    embeddings
        Their embeddings, float32, shape (N, D).
    batch_size
        Images in one inference.
    progress
        ReportProgress of each batch.

    Raises
    ------
    ParameterError
        If there are not as many images as embeddings, there are none, or `batch_size` is below 1.
    EmbeddingError
        If a reconstruction or an embedding is not finite.
    MissingExtraError
        If scikit-image is not installed.
    """
    if batch_size < 1:
        raise ParameterError(f"a batch holds at least 1 image; received {batch_size}.")
    if not len(embeddings):
        raise ParameterError("fidelity is measured on at least 1 image; received none.")
    pixel_error, structure, similarity = np.empty((3, len(embeddings)))
    reader = iter(crops)
    with progress("fidelity of the decoder", len(embeddings)) as advance:
        for start in range(0, len(embeddings), batch_size):
            h = embeddings[start : start + batch_size]
            batch = list(islice(reader, len(h)))
            if len(batch) < len(h):
                raise ParameterError(
                    f"expected an image for each of {len(embeddings)} embeddings; "
                    f"received {start + len(batch)}."
                )
            here = slice(start, start + len(h))
            pixel_error[here], structure[here], similarity[here] = _compare(networks, batch, h)
            advance(len(h))
    if next(reader, None) is not None:
        raise ParameterError(f"expected {len(embeddings)} images, as embeddings; received more.")
    return Fidelity(pixel_error, structure, similarity)


def _compare(
    networks: Networks, crops: list[Pixels], h: Floats
) -> tuple[list[float], list[float], Floats]:
    """Pixel errors, structural similarities and similarities to the network of a batch."""
    refuse_broken(h)
    reconstructions = networks.decode(h)
    if not np.isfinite(reconstructions).all():
        raise EmbeddingError("a reconstruction holds NaN or infinity: the decoder is broken.")
    errors = [reconstruction_error(*both) for both in zip(reconstructions, crops, strict=True)]
    bytes_ = displayable(reconstructions)
    structures = [_structural_similarity(*both) for both in zip(bytes_, crops, strict=True)]
    seen = [
        resize(image, ImageShape(*crop.shape)) for image, crop in zip(bytes_, crops, strict=True)
    ]
    again = networks.embed(np.stack(seen))
    refuse_broken(again)
    return errors, structures, networks.comparison.similarity(h, again)


def _structural_similarity(reconstruction: Pixels, crop: Pixels) -> float:
    metrics = require("skimage.metrics", "research")
    shape = ImageShape(*reconstruction.shape)
    side = min(shape[:2])
    similarity = metrics.structural_similarity(
        decoder_target(crop, shape),
        reconstruction,
        win_size=min(_WINDOW, side - 1 + side % 2),
        channel_axis=-1,
    )
    return float(similarity)
