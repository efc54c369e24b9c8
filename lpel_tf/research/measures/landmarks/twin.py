"""The inpainting game on one twin: pixels restored at each mass, and scores against the mask.

A map's values less their minimum, divided by their sum, are its mass, so that only a constant is
taken away and the order, which is all that our maps promise, remains; a constant map has the same
mass everywhere. Pixels are given back from the highest down, ties at random, and at 100 % all are,
as in the code of Williford et al.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.equations.superpixels import descending
from lpel_serving.faithfulness.deletion_curve import prefixes
from lpel_serving.methods.method import FacePair
from lpel_serving.support.arrays import Floats, Pixels, SignedMap
from lpel_serving.support.errors import ParameterError
from lpel_tf.research.measures.mixtures import Mixtures, enlarge, mixtures


@dataclass(frozen=True, eq=False)
class Game:
    """Results of every method's map on one twin, without the flips.

    Attributes
    ----------
    h_twin
        The twin's embedding, float32, shape (D,).
    plan
        What is given back, shape of its wishes (methods, masses + rates).
    false_alarms
        Share of the pixels outside the mask that are salient, float64, shape (methods, masses).
    iou, hit
        Intersection over union with the mask, float64, and whether the highest pixel lies in it,
        bool; shape (methods,).
    share
        Of the pixels that changed.
    """

    h_twin: Floats
    plan: Mixtures
    false_alarms: NDArray[np.float64]
    iou: NDArray[np.float64]
    hit: NDArray[np.bool_]
    share: float

    def flips(self, h_probe: Floats, embedded: Floats) -> NDArray[np.bool_]:
        """Whether each image is nearer to the probe than to the twin, shape of the wishes.

        Raises
        ------
        EmbeddingError
            If an embedding is not finite.
        """
        h = self.plan.distinct([self.h_twin, h_probe], embedded)[self.plan.place]
        to_probe, to_twin = (
            cosine_similarity(h, np.broadcast_to(one, h.shape)) for one in (h_probe, self.h_twin)
        )
        return to_probe > to_twin


def plan_game(
    probe: Pixels,
    pair: FacePair,
    maps: Sequence[SignedMap],
    levels: tuple[tuple[int, ...], tuple[int, ...]],
    seed: tuple[int, ...],
) -> Game:
    """Lay out the game on a twin.

    Parameters
    ----------
    probe
        What the twin was made from, uint8, shape (S, S, 3).
    pair
        The reference, and the twin as the test.
    maps
        One for each method, of any size.
    levels
        Masses and rates, in percent.
    seed
        Of the breaking of ties, the same for each method.

    Raises
    ------
    ParameterError
        If nothing changed, or everything.
    """
    masses, rates = levels
    mask = np.any(pair.test != probe, axis=-1).ravel()
    if mask.all() or not mask.any():
        raise ParameterError(
            f"expected a twin of which a part changed; {np.count_nonzero(mask)} of {len(mask)} "
            "pixels did: choose another donor or another box."
        )
    area = np.array([np.count_nonzero(mask)])
    wishes: list[NDArray[np.bool_]] = []
    scores: list[tuple[NDArray[np.float64], float, bool]] = []
    for one in maps:
        values = enlarge(one, len(probe)).ravel()
        order = descending(values, np.random.default_rng(seed))
        counts = np.concatenate([_by_mass(values[order], masses), _by_rate(~mask[order], rates)])
        salient = prefixes(order, counts)
        wishes.append(salient)
        false_alarms = salient[: len(masses), ~mask].mean(axis=1)
        top = prefixes(order, area)[0]
        overlap = np.count_nonzero(top & mask) / np.count_nonzero(top | mask)
        scores.append((false_alarms, overlap, bool(mask[order[0]])))
    false_alarms, iou, hit = zip(*scores, strict=True)
    plan = mixtures(pair.test, probe, np.stack(wishes), other_known=True)
    return Game(
        pair.h_t, plan, np.stack(false_alarms), np.array(iou), np.array(hit), float(mask.mean())
    )


def _by_mass(falling: NDArray[np.float64], masses: tuple[int, ...]) -> NDArray[np.int64]:
    """The fewest pixels that hold each mass, shape (masses,), from values in falling order."""
    above = falling - falling.min()
    together = np.cumsum(above if above.any() else np.ones_like(above))
    percent = np.array(masses, np.int64)
    # Less a rounding error, lest a sum just below what it should be call for one pixel more.
    wanted = percent / 100 * together[-1] * (1 - 1e-9)
    counts = (together < wanted[:, np.newaxis]).sum(axis=1) + 1
    counts[percent == 0], counts[percent == 100] = 0, len(above)
    return counts


def _by_rate(outside: NDArray[np.bool_], rates: tuple[int, ...]) -> NDArray[np.int64]:
    """The most pixels of an order with no more false alarms than allowed, shape (rates,)."""
    alarms = np.cumsum(outside)
    allowed = np.array(rates, np.int64) * alarms[-1] // 100
    return (alarms <= allowed[:, np.newaxis]).sum(axis=1)
