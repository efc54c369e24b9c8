"""How much of a face the decoder gives back: to the eye, and to the network itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.images.crops import resize
from lpel_serving.methods.method import Networks
from lpel_serving.methods.stream import DEFAULT_BATCH
from lpel_serving.report.numbers import reconstruction_error
from lpel_serving.report.pictures import displayable
from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.support.errors import EmbeddingError, ParameterError
from lpel_serving.support.progress import Progress, silent


@dataclass(frozen=True, eq=False)
class Fidelity:
    """What reconstructions share with the images whose embeddings they are made from.

    Attributes
    ----------
    pixel_error
        Mean squared error over pixels and channels, Eq. 4.1, pixels in [0, 1], float64, shape (N,);
        0 is best.
    cosine
        Of ``h`` and ``f(g(h))``, in [-1, 1], float64, shape (N,); 1 is best. The reconstruction is
        clipped, made 8-bit and enlarged to the image's size before it is embedded.
    """

    pixel_error: NDArray[np.float64]
    cosine: NDArray[np.float64]


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
        The images that were embedded, uint8, shape (S, S, 3) each; read a batch at a time.
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
    """
    if batch_size < 1:
        raise ParameterError(f"a batch holds at least 1 image; received {batch_size}.")
    if not len(embeddings):
        raise ParameterError("fidelity is measured on at least 1 image; received none.")
    pixel_error, cosine = np.empty(len(embeddings)), np.empty(len(embeddings))
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
            pixel_error[here], cosine[here] = _compare(networks, batch, h)
            advance(len(h))
    if next(reader, None) is not None:
        raise ParameterError(f"expected {len(embeddings)} images, as embeddings; received more.")
    return Fidelity(pixel_error, cosine)


def _compare(networks: Networks, crops: list[Pixels], h: Floats) -> tuple[list[float], Floats]:
    """Pixel errors and cosines of a batch."""
    _refuse_broken(h)
    reconstructions = networks.decode(h)
    if not np.isfinite(reconstructions).all():
        raise EmbeddingError("a reconstruction holds NaN or infinity: the decoder is broken.")
    errors = [reconstruction_error(*both) for both in zip(reconstructions, crops, strict=True)]
    bytes_ = displayable(reconstructions)
    seen = [resize(image, len(crop)) for image, crop in zip(bytes_, crops, strict=True)]
    again = networks.embed(np.stack(seen))
    _refuse_broken(again)
    return errors, cosine_similarity(h, again)


def _refuse_broken(h: Floats) -> None:
    # The cosine of NaN would pass for that of a zero vector.
    if not np.isfinite(h).all():
        raise EmbeddingError("an embedding holds NaN or infinity: leave out images without a face.")
