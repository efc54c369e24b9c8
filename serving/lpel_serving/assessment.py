"""Measuring the quality curves of a method, of its rivals and of its controls, on many pairs."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lpel_serving.controls import RANDOM, controls
from lpel_serving.curve import counts, prefixes
from lpel_serving.embedder import DEFAULT_BATCH
from lpel_serving.errors import EmbeddingError, ParameterError
from lpel_serving.fill import Fill
from lpel_serving.images import Pixels
from lpel_serving.methods.method import FacePair, Method, Networks
from lpel_serving.partial import Partial
from lpel_serving.progress import Progress, silent
from lpel_serving.replacement import KINDS, Kind, Replacement, replacement
from lpel_serving.stream import Job, embed_jobs
from lpel_serving.superpixels import descending, grid_side, superpixel_sums

_SAVE_SECONDS = 15.0


@dataclass(frozen=True)
class CurveSettings:
    """The exact definition of a quality curve.

    Attributes
    ----------
    kind
        How superpixels are replaced: see `lpel_serving.replacement.replacement`.
    superpixel
        Side of a superpixel in pixels of the decoder's images.
    image_size
        Side of the decoder's images.
    every
        The similarity is measured after every so many superpixels; 1 in the thesis.
    fill
        What superpixels are replaced by.
    shared_noise
        The same noise in both images, for the kind ``both``.
    draws
        Random orders for each pair.
    """

    kind: Kind
    superpixel: int = 5
    image_size: int = 40
    every: int = 1
    fill: Fill = field(default_factory=Fill)
    shared_noise: bool = False
    draws: int = 10

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ParameterError(f"no curve is called {self.kind!r}; there are: {KINDS}.")
        if self.draws < 1:
            raise ParameterError(f"at least 1 random order is needed; received {self.draws}.")
        counts(self.side**2, self.every)

    @property
    def side(self) -> int:
        """Superpixels along one side."""
        return grid_side(self.image_size, self.superpixel)

    @property
    def replaced(self) -> NDArray[np.int64]:
        """How many superpixels are replaced at each step, shape (steps,)."""
        return counts(self.side**2, self.every)


@dataclass(frozen=True, eq=False)
class Measured:
    """Similarities as superpixels are replaced.

    Attributes
    ----------
    settings
        How they were measured.
    similar
        The decision on all the pairs.
    subject
        The method that is assessed.
    names
        The orders, the subject first; the random ones, which are last, all have one name.
    similarities
        Cosine of the two images, float64, shape (pairs, orders, steps).
    embedded
        How many images were embedded for the curves, what the methods themselves asked for not
        counted.
    """

    settings: CurveSettings
    similar: bool
    subject: str
    names: tuple[str, ...]
    similarities: NDArray[np.float64]
    embedded: int


@dataclass(frozen=True, eq=False)
class _Plan:
    """One pair's orders as distinct sets of superpixels, none embedded twice."""

    change: Replacement
    sets: NDArray[np.bool_]
    place: NDArray[np.int64]

    def images(self) -> Iterator[Pixels]:
        for chosen in self.sets:
            yield from self.change.images(chosen)

    def job(self) -> "Job[_Plan]":
        return Job(self, self.images(), len(self.sets) * self.change.images_per_step)


def measure_curves(
    networks: Networks,
    pairs: Sequence[FacePair],
    subject: tuple[str, Method],
    settings: CurveSettings,
    rng: np.random.Generator,
    *,
    rivals: Mapping[str, Method] | None = None,
    batch_size: int = DEFAULT_BATCH,
    partial: Partial | None = None,
    progress: Progress = silent,
) -> Measured:
    """Measure how similarity changes as superpixels are replaced, most important first (4.2).

    Beside the method's own order stand those of its rivals and of all the controls.

    Parameters
    ----------
    networks
        The embedder that is asked, and what the methods need.
    pairs
        At least two, all with the same decision; read one by one, so that they may be lazy.
    subject
        Name and method.
    settings
        The definition of the curve.
    rng
        The source of randomness: the same one gives the same result at any batch size.
    rivals
        More methods to measure on the same pairs.
    batch_size
        Images in one inference.
    partial
        Keeps what is done, so that an interrupted measurement goes on.
    progress
        Told of each pair.

    Raises
    ------
    ParameterError
        If there are fewer than two pairs, or their decisions differ.
    EmbeddingError
        If a method's map is not finite.
    """
    if len(pairs) < 2:
        raise ParameterError(
            f"curves need at least 2 pairs with the same decision; received {len(pairs)}."
        )
    seed = int(rng.integers(2**62))
    similar = pairs[0].similar
    named = {subject[0]: subject[1], **(rivals or {})}
    names = (*_order_names(pairs, subject[1], named, settings), *[RANDOM] * settings.draws)
    kept = _Kept.load(partial, len(pairs), len(names), len(settings.replaced), seed)

    def jobs() -> Iterator[Job[_Plan]]:
        for i in range(kept.done, len(pairs)):
            if pairs[i].similar != similar:
                raise ParameterError("the pairs' decisions differ: measure similar ones apart.")
            yield _plan(networks, pairs, i, subject[1], named, settings, seed).job()

    with progress(f"curves ({settings.kind})", len(pairs)) as advance:
        advance(kept.done)
        try:
            for plan, embeddings in embed_jobs(networks.embed, jobs(), batch_size):
                kept.add(plan.change.similarities(embeddings)[plan.place], len(embeddings))
                advance(1)
        finally:
            kept.save()
    return Measured(settings, similar, subject[0], names, kept.similarities, kept.embedded)


def _order_names(
    pairs: Sequence[FacePair],
    subject: Method,
    named: Mapping[str, Method],
    settings: CurveSettings,
) -> tuple[str, ...]:
    of_subject = _controls(subject, pairs[1], settings)
    taken = {RANDOM, *of_subject} & set(named)
    if taken:
        raise ParameterError(f"{', '.join(taken)} is a control already: give methods other names.")
    return (*named, *of_subject)


def _controls(subject: Method, another: FacePair, settings: CurveSettings) -> dict[str, Method]:
    return controls(
        subject,
        another,
        side=settings.side,
        kind=settings.kind,
        fill=settings.fill,
        shared_noise=settings.shared_noise,
    )


def _plan(
    networks: Networks,
    pairs: Sequence[FacePair],
    i: int,
    subject: Method,
    named: Mapping[str, Method],
    settings: CurveSettings,
    seed: int,
) -> _Plan:
    """Ask every method about pair `i`, and list the images that their orders need."""
    pair, another = pairs[i], pairs[(i + 1) % len(pairs)]
    orders: list[NDArray[np.int64]] = []
    tie_breaker = np.random.default_rng((seed, i, 0))
    for name, method in {**named, **_controls(subject, another, settings)}.items():
        # Each method gets the same random numbers, so that a control is of the very same map.
        values = method(pair, networks, np.random.default_rng((seed, i, 1)))
        if not np.isfinite(values).all():
            raise EmbeddingError(f"the map of the method {name} holds NaN or infinity.")
        orders.append(descending(superpixel_sums(values, settings.side), tie_breaker))
    orders += [tie_breaker.permutation(settings.side**2) for _ in range(settings.draws)]
    rows = np.concatenate([prefixes(order, settings.replaced) for order in orders])
    sets, place = np.unique(rows, axis=0, return_inverse=True)
    change = replacement(
        pair,
        settings.kind,
        settings.fill,
        np.random.default_rng((seed, i, 2)),
        shared_noise=settings.shared_noise,
    )
    return _Plan(change, sets, place.reshape(len(orders), -1))


class _Kept:
    """The similarities so far, in memory and now and then on disk."""

    def __init__(self, partial: Partial | None, shape: tuple[int, int, int], seed: int) -> None:
        self.similarities = np.full(shape, np.nan)
        self.done = 0
        self.embedded = 0
        self._partial = partial
        self._seed = seed
        self._saved = time.monotonic()

    @classmethod
    def load(
        cls, partial: Partial | None, pairs: int, orders: int, steps: int, seed: int
    ) -> "_Kept":
        kept = cls(partial, (pairs, orders, steps), seed)
        arrays = partial.load() if partial is not None else None
        if arrays is not None and int(arrays["seed"]) == seed:
            rows = arrays["similarities"]
            if rows.shape[1:] == kept.similarities.shape[1:] and len(rows) <= pairs:
                kept.similarities[: len(rows)] = rows
                kept.done, kept.embedded = len(rows), int(arrays["embedded"])
        return kept

    def add(self, similarities: NDArray[np.float32], embedded: int) -> None:
        self.similarities[self.done] = similarities
        self.done += 1
        self.embedded += embedded
        if time.monotonic() - self._saved > _SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        self._saved = time.monotonic()
        if self._partial is not None and self.done:
            self._partial.save(
                {
                    "similarities": self.similarities[: self.done],
                    "embedded": np.array(self.embedded),
                    "seed": np.array(self._seed),
                }
            )
