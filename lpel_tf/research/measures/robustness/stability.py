"""Stability: how much a map changes under irrelevant changes of the image."""

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow

from lpel_serving.equations.agreement import spearman
from lpel_serving.methods.checked_map import checked_map
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.pictures import to_picture, to_pixels
from lpel_serving.support.progress import Progress, silent

CHANGES = ("shift", "mirror", "jpeg", "seed")
DEFAULT_QUALITY = 50


def stability(
    networks: Networks,
    pairs: Sequence[FacePair],
    method: Method,
    rng: np.random.Generator,
    *,
    jpeg_quality: int = DEFAULT_QUALITY,
    progress: Progress = silent,
) -> dict[str, NDArray[np.float64]]:
    """Correlate each pair's map with the one after a small change.

    The changed test image is embedded anew; the reference, the decision explained and, except for
    ``seed``, the random numbers stay as they are.

    Parameters
    ----------
    networks
        Asked for the new embeddings, and by the method.
    pairs
        At least one; read one by one, so that they may be lazy.
    method
        Whose maps are compared.
    rng
        The source of randomness.
    jpeg_quality
        Pillow's, from 1 to 100.
    progress
        ReportProgress of each pair.

    Returns
    -------
    dict[str, NDArray[np.float64]]
        Spearman's rank correlations in [-1, 1], shape (pairs,); 0 where a map is constant.
        ``shift``: the test image one pixel to the right, its edge repeated, the map as it comes.
        ``mirror``: the test image mirrored, and the map mirrored back. ``jpeg``: the test image
        compressed. ``seed``: other random numbers.

    Raises
    ------
    ParameterError
        If there are no pairs, or there is no such JPEG quality.
    EmbeddingError
        If a map is not finite.
    """
    if not len(pairs):
        raise ParameterError("stability is measured on at least 1 pair; received none.")
    if not 1 <= jpeg_quality <= 100:
        raise ParameterError(f"a JPEG quality lies in 1 to 100; received {jpeg_quality}.")
    seed = int(rng.integers(2**62))
    correlations = np.empty((len(CHANGES), len(pairs)))
    with progress("stability", len(pairs)) as advance:
        for i in range(len(pairs)):
            correlations[:, i] = _compare(networks, pairs[i], method, jpeg_quality, (seed, i))
            advance(1)
    return dict(zip(CHANGES, correlations, strict=True))


def shifted(image: Pixels) -> Pixels:
    """Move an image, shape (H, W, C), one pixel to the right; the left edge is repeated."""
    return np.concatenate([image[:, :1], image[:, :-1]], axis=1)


def mirrored(image: Pixels) -> Pixels:
    """Exchange left and right of an image, shape (H, W, C)."""
    return np.ascontiguousarray(image[:, ::-1])


def compressed(image: Pixels, quality: int) -> Pixels:
    """Write an image, shape (H, W, C), as JPEG in memory and read it again."""
    buffer = io.BytesIO()
    to_picture(image).save(buffer, "JPEG", quality=quality)
    with pillow.open(buffer, formats=["JPEG"]) as opened:
        return to_pixels(opened)


def _compare(
    networks: Networks, pair: FacePair, method: Method, quality: int, seed: tuple[int, int]
) -> list[float]:
    """The correlations of one pair, in the order of `CHANGES`."""

    def explain(changed: FacePair, draw: int = 0) -> NDArray[np.float32]:
        return checked_map(method, changed, networks, np.random.default_rng((*seed, draw)))

    images = [shifted(pair.test), mirrored(pair.test), compressed(pair.test, quality)]
    embeddings = networks.embed(np.stack(images))
    after_shift, after_mirror, after_jpeg = (
        explain(replace(pair, test=image, h_t=h_t))
        for image, h_t in zip(images, embeddings, strict=True)
    )
    maps = [after_shift, after_mirror[:, ::-1], after_jpeg, explain(pair, draw=1)]
    original = explain(pair)
    return [spearman(original, values) for values in maps]
