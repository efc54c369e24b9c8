"""A network that sees two corners, one of which a test shares with its reference."""

import numpy as np

from lpel_serving.methods import AssembledNetworks, FacePair
from support.analytic import QUARTER, SIDE, no_decoder, pair_of
from support.networks import plain


def corners(crops: np.ndarray) -> np.ndarray:
    """An embedder: the brightness of the upper left and of the lower right quarter."""
    parts = (crops[:, :QUARTER, :QUARTER], crops[:, QUARTER:, QUARTER:])
    return np.stack([part.mean(axis=(1, 2, 3)) / 255 for part in parts], 1).astype(np.float32)


CORNERS = AssembledNetworks(corners, no_decoder)


def two_corners(similar: bool = True) -> FacePair:
    """The reference is bright in one corner, the test in that and in the opposite one.

    What the test has in the first corner speaks for similarity, what it has in the other against.
    """
    reference = plain(0, SIDE)
    reference[:QUARTER, :QUARTER] = 255
    return pair_of(reference, plain(255, SIDE), corners, similar)
