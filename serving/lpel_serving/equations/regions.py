"""Regions of a face in a centred crop, and the share of a heat-map in each."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.summation import fixed_dot, fixed_sum
from lpel_serving.equations.superpixels import strip_shares
from lpel_serving.support.errors import ParameterError

ELSEWHERE = "elsewhere"
"""Hair, ears, neck and background."""

Outline = tuple[tuple[float, float], ...]
"""Heights from top to bottom, each with half the width there, both as shares of the crop's side."""

_FACE: Outline = ((0.0, 0.3), (0.2, 0.32), (0.5, 0.37), (0.7, 0.34), (0.85, 0.28), (1.0, 0.2))
OUTLINES: Mapping[str, Outline] = MappingProxyType(
    {
        "forehead": ((0.0, 1.0), (0.26, 1.0)),
        "eyes": ((0.26, 1.0), (0.46, 1.0)),
        "cheeks": ((0.46, 1.0), (1.0, 1.0)),
        "mouth": ((0.69, 0.12), (0.72, 0.18), (0.77, 0.22), (0.82, 0.2), (0.88, 0.12)),
        "chin": ((0.88, 0.22), (1.0, 0.22)),
        "nose": ((0.36, 0.04), (0.46, 0.06), (0.58, 0.13), (0.65, 0.13), (0.69, 0.08)),
    }
)
"""Each is symmetric about the middle, ends where the face does, and covers those named before.

Set by eye on the mean of 300 of LFW's centred crops (0.48 of the photograph), which frame a face as
aligned ones do. The eyes have their brows, the nose its bridge, the cheeks the sides of the jaw.
"""

REGIONS = ("forehead", "eyes", "nose", "cheeks", "mouth", "chin", ELSEWHERE)
"""From the top of the face to its bottom."""

_GRID = 240
"""Side of the grid on which regions are laid out: a multiple of the usual sides of maps."""


@dataclass(frozen=True)
class RegionShare:
    """How much of a heat-map lies in one region.

    Attributes
    ----------
    name
        One of `REGIONS`.
    area
        Share of the crop that the region covers, in (0, 1).
    for_
        Share of all that speaks for the decision, in [0, 1]; 0 if nothing does.
    against
        Share of all that speaks against it, in [0, 1]; 0 if nothing does.
    """

    name: str
    area: float
    for_: float
    against: float


def region_shares(heat_map: NDArray[np.float32]) -> tuple[RegionShare, ...]:
    """Divide a heat-map among the regions of a face in the middle of the crop.

    Parameters
    ----------
    heat_map
        Of any size, float32, shape (H, W), finite: positive where a pixel speaks for the decision,
        negative where it speaks against it. A pixel in several regions counts in each with the
        share of it that lies there.

    Returns
    -------
    tuple[RegionShare, ...]
        In the order of `REGIONS`. Areas sum to 1, and so does what is for and what is against.

    Raises
    ------
    ParameterError
        If the map has another shape, or is not finite.
    """
    if heat_map.ndim != 2 or not heat_map.size or not np.isfinite(heat_map).all():
        raise ParameterError(
            "expected a finite heat-map of shape (H, W); received shape "
            f"{heat_map.shape}{'' if np.isfinite(heat_map).all() else ', with NaN or infinity'}."
        )
    for_, against = share_arrays(heat_map)
    return tuple(
        RegionShare(*parts)
        for parts in zip(REGIONS, _areas().tolist(), for_.tolist(), against.tolist(), strict=True)
    )


def share_arrays(
    heat_maps: NDArray[np.float32],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Divide many heat-maps among the regions; see `region_shares`.

    Parameters
    ----------
    heat_maps
        Float32, shape (..., H, W), finite.

    Returns
    -------
    tuple[NDArray[np.float64], NDArray[np.float64]]
        What is for the decision and what is against it, float64, shape (..., regions) each.
    """
    *axes, height, width = heat_maps.shape
    members = _members(height, width)
    flat = heat_maps.reshape(*axes, 1, height * width).astype(np.float64)
    return _shares(fixed_dot(np.maximum(flat, 0), members)), _shares(
        fixed_dot(np.maximum(-flat, 0), members)
    )


def region_labels(size: int) -> NDArray[np.int64]:
    """Return the region of each pixel's centre as an index into `REGIONS`, shape (size, size)."""
    # From whole numbers, so that a pixel and its mirror image are treated the same.
    twice = 2 * np.arange(size) + 1
    heights, from_middle = twice / (2 * size), np.abs(twice - size) / (2 * size)
    face = _inside(_FACE, heights, from_middle)
    result = np.full((size, size), REGIONS.index(ELSEWHERE))
    for name, outline in OUTLINES.items():
        result[face & _inside(outline, heights, from_middle)] = REGIONS.index(name)
    return result


def _inside(
    outline: Outline, heights: NDArray[np.float64], from_middle: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether each point lies in an outline, shape (heights, distances from the middle)."""
    corners, halves = np.array(outline).T
    half = np.asarray(np.interp(heights, corners, halves), np.float64)
    half[(heights < corners[0]) | (heights >= corners[-1])] = 0
    return from_middle < half[:, np.newaxis]


@cache
def _areas() -> NDArray[np.float64]:
    return np.bincount(region_labels(_GRID).ravel()) / _GRID**2


@lru_cache(maxsize=8)
def _members(height: int, width: int) -> NDArray[np.float64]:
    """How much of each pixel of a map lies in each region, shape (regions, height * width)."""
    rows, columns = strip_shares(height, _GRID), strip_shares(width, _GRID)
    labels = region_labels(_GRID)
    return np.stack(
        [(rows.T @ (labels == place) @ columns).ravel() for place in range(len(REGIONS))]
    )


def _shares(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide by the total; where it is 0 the shares are 0."""
    total = fixed_sum(sums)[..., np.newaxis]
    return sums / np.where(total > 0, total, 1)
