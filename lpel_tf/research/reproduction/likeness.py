"""Agreement of maps over many pairs: rank correlation, and overlap of masks."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.agreement import intersection_over_union, spearman
from lpel_serving.equations.mask import mask
from lpel_serving.faithfulness.deletion_curve import Interval, bootstrap
from lpel_serving.methods.decoded.lpel import explain_embeddings
from lpel_serving.methods.networks import Networks
from lpel_tf.research.reproduction.section import between

Maps = Sequence[NDArray[np.float32]] | NDArray[np.float32]


@dataclass(frozen=True)
class Likeness:
    """How alike maps are, over pairs: rank correlation, and overlap of their masks."""

    spearman: Interval
    iou: Interval

    def row(self, name: str) -> tuple[str, str, str]:
        """As a row of a table."""
        return name, between(self.spearman), between(self.iou)

    def words(self) -> str:
        """As half a sentence."""
        return (
            f"rank correlation {between(self.spearman)}, overlap of the masks {between(self.iou)}"
        )

    def data(self) -> dict[str, Any]:
        """As JSON-serialisable values."""
        return asdict(self)


def likeness(first: Maps, second: Maps, seed: int) -> Likeness:
    """Compare maps pair by pair: two sequences of N maps of one shape."""
    pairs = list(zip(first, second, strict=True))
    return Likeness(
        _interval([spearman(a, b) for a, b in pairs], seed),
        _interval([intersection_over_union(mask(a), mask(b)) for a, b in pairs], seed),
    )


def lpel_maps(
    networks: Networks, h_r: NDArray[np.float32], h_t: NDArray[np.float32], *, similar: bool
) -> NDArray[np.float32]:
    """Explain many pairs by LPEL from their embeddings, shape (N, D): maps, shape (N, H, H)."""
    explained = explain_embeddings(networks.decode, h_r, h_t, np.full(len(h_r), similar))
    return np.stack([one.heat_map for one in explained])


def _interval(values: list[float], seed: int) -> Interval:
    return bootstrap(np.array(values), np.random.default_rng(seed))
