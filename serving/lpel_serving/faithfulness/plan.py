"""Plans the distinct images that the curves of one pair need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.comparison import Comparison
from lpel_serving.equations.superpixels import descending, superpixel_sums
from lpel_serving.faithfulness.controls import controls
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.deletion_curve import prefixes
from lpel_serving.methods.checked_map import checked_map
from lpel_serving.methods.measured.replacement import Replacement, replacement
from lpel_serving.methods.measured.stream import EmbeddingJob
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Floats, SignedMap
from lpel_serving.support.errors import ParameterError


@dataclass(frozen=True, eq=False)
class CurvePlan:
    """One pair's orders as distinct sets of superpixels, each embedded once.

    ``place`` is the index of each order's set at each step: first those in ``sets``, then those in
    ``known``, whose similarity is known without an embedding.
    """

    change: Replacement
    sets: NDArray[np.bool_]
    known: tuple[float, ...]
    place: NDArray[np.int64]

    def job(self) -> "EmbeddingJob[CurvePlan]":
        """The job of embedding the images."""
        images = (image for chosen in self.sets for image in self.change.images(chosen))
        return EmbeddingJob(self, images, len(self.sets) * self.change.images_per_step)

    def similarities(self, embeddings: Floats) -> NDArray[np.float64]:
        """Similarities of every order at every step, shape (orders, steps)."""
        return np.append(self.change.similarities(embeddings), self.known)[self.place]


class SubjectMaps:
    """The assessed method's maps, cached, since the next pair's map is a control of this pair's."""

    def __init__(
        self,
        networks: Networks,
        pairs: Sequence[FacePair],
        subject: tuple[str, Method],
        seed: int,
    ) -> None:
        self._inputs = (networks, pairs, subject, seed)
        self.similar = pairs[0].similar
        self._maps: dict[int, SignedMap] = {}

    def __call__(self, i: int) -> SignedMap:
        """The map of a pair; the pair after the last is the first."""
        networks, pairs, (name, method), seed = self._inputs
        i %= len(pairs)
        if i not in self._maps:
            pair = pairs[i]
            if pair.similar != self.similar:
                raise ParameterError("the pairs' decisions differ: measure similar ones apart.")
            rng = np.random.default_rng((seed, i, 1))
            self._maps[i] = checked_map(method, pair, networks, rng, name)
        kept = {i - 1, i, 0}
        self._maps = {place: values for place, values in self._maps.items() if place in kept}
        return self._maps[i]


def plan_pair(
    networks: Networks,
    pair: FacePair,
    i: int,
    maps: SubjectMaps,
    rivals: Mapping[str, Method],
    settings: CurveSettings,
    seed: int,
) -> CurvePlan:
    """Compute every method's map of pair `i`, and list the images that their orders need."""
    own, anothers = maps(i), maps(i + 1)
    others = {
        **rivals,
        **controls(
            own,
            anothers,
            side=settings.side,
            kind=settings.kind,
            fill=settings.fill,
            shared_noise=settings.shared_noise,
            decodes=networks.decodes,
        ),
    }
    values = [own]
    for name, method in others.items():
        # Each method gets the same random numbers, so that occlusion uses the curve's noise.
        rng = np.random.default_rng((seed, i, 1))
        values.append(checked_map(method, pair, networks, rng, name))
    return plan_orders(pair, networks.comparison, i, values, settings, seed)


def plan_orders(
    pair: FacePair,
    comparison: Comparison,
    i: int,
    values: Sequence[SignedMap],
    settings: CurveSettings,
    seed: int,
) -> CurvePlan:
    """List the images for the orders of some maps of pair `i`, followed by random orders."""
    orders = [
        descending(superpixel_sums(one, settings.side), np.random.default_rng((seed, i, 0)))
        for one in values
    ]
    chance = np.random.default_rng((seed, i, 2))
    orders += [chance.permutation(settings.side**2) for _ in range(settings.draws)]
    change = replacement(
        pair,
        comparison,
        settings.kind,
        settings.fill,
        np.random.default_rng((seed, i, 1)),
        shared_noise=settings.shared_noise,
    )
    return _lay_out(change, orders, settings.replaced)


def _lay_out(
    change: Replacement, orders: Sequence[NDArray[np.int64]], replaced: NDArray[np.int64]
) -> CurvePlan:
    rows = np.concatenate([prefixes(order, replaced) for order in orders])
    sets, place = np.unique(rows, axis=0, return_inverse=True)
    known = {j: value for j, one in enumerate(sets) if (value := change.known(one)) is not None}
    unknown = [j for j in range(len(sets)) if j not in known]
    rank = np.empty(len(sets), np.int64)
    rank[[*unknown, *known]] = np.arange(len(sets))
    return CurvePlan(
        change, sets[unknown], tuple(known.values()), rank[place].reshape(len(orders), -1)
    )
