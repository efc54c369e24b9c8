"""Deletion and insertion of verification accuracy, as the face-explanation literature reports them.

The pixels of the test image (the probe) that a map ranks highest are taken away, or they alone are
kept; the reference (the gallery) stays. The better the map, the sooner accuracy falls when they go,
and the sooner it comes back when they are all there is. A probe with nothing left resembles no one,
so that pairs of two people tend to stay right and deletion to end near one half.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.decision import Decisions
from lpel_serving.equations.fill import Fill
from lpel_serving.faithfulness.deletion_curve import prefixes
from lpel_serving.methods.checked_map import checked_map
from lpel_serving.methods.controls.derived import AnotherPair
from lpel_serving.methods.measured.stream import DEFAULT_BATCH, EmbeddingJob, embed_jobs
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import Networks
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.progress import Progress, silent
from lpel_tf.research.measures.equal_error import equal_error_threshold
from lpel_tf.research.measures.mixtures import Mixtures, mixtures, pixel_order, refuse_broken
from lpel_tf.research.measures.percentages import pixel_counts

Game = Literal["deletion", "insertion"]
GAMES: tuple[Game, ...] = get_args(Game)
ANOTHER_PAIR = "another pair"
DEFAULT_LEVELS = tuple(range(0, 101, 10))


@dataclass(frozen=True)
class AccuracySettings:
    """The exact definition of the two games.

    Attributes
    ----------
    levels
        Percentages of the test image's pixels, whole numbers ascending from 0 to 100.
    fill
        What pixels are replaced by; black in the literature.
    polarity
        The map asked for, of every pair whatever was decided on it: why it is similar if True, why
        it is dissimilar if False.
    """

    levels: tuple[int, ...] = DEFAULT_LEVELS
    fill: Fill = field(default_factory=lambda: Fill("black"))
    polarity: bool = True

    def __post_init__(self) -> None:
        whole = all(isinstance(level, int) for level in self.levels)  # pyright: ignore[reportUnnecessaryIsInstance]
        ascending = whole and list(self.levels) == sorted(set(self.levels))
        if not ascending or self.levels[:1] != (0,) or self.levels[-1:] != (100,):
            raise ParameterError(
                "levels are whole percentages ascending from 0 to 100, such as (0, 50, 100); "
                f"received {self.levels}."
            )

    def counts(self, pixels: int) -> NDArray[np.int64]:
        """The number of pixels at each level, halves rounded up, shape (levels,)."""
        return pixel_counts(self.levels, pixels)


@dataclass(frozen=True, eq=False)
class MeasuredAccuracy:
    """Which pairs are decided rightly as pixels are taken away or brought back.

    Attributes
    ----------
    settings
        How it was measured.
    threshold
        Of equal errors on the whole images; a pair more similar is called the same.
    names
        The methods; the map of another pair, if it was asked for, last.
    right
        Right decisions, bool, shape (2, methods, pairs, levels): deletion, then insertion.
    """

    settings: AccuracySettings
    threshold: float
    names: tuple[str, ...]
    right: NDArray[np.bool_]


def measure_accuracy(
    networks: Networks,
    pairs: Sequence[FacePair],
    same: NDArray[np.bool_],
    methods: Mapping[str, Method],
    settings: AccuracySettings,
    rng: np.random.Generator,
    *,
    another_pair_of: str | None = None,
    batch_size: int = DEFAULT_BATCH,
    progress: Progress = silent,
) -> MeasuredAccuracy:
    """Play both games on every pair with the maps of every method.

    Parameters
    ----------
    networks
        The embedder that is asked, and what the methods need.
    pairs
        Of one person and of two; each is read once, one by one, so that they may be lazy. The
        decision that they hold is not used.
    same
        Whether each is of one person, shape (pairs,).
    methods
        By name, at least one.
    settings
        The definition.
    rng
        The source of randomness: the same one gives the same result at any batch size.
    another_pair_of
        The name of a method whose map of the next pair is measured too, as a control.
    batch_size
        Images in one inference.
    progress
        ReportProgress of each pair.

    Raises
    ------
    ParameterError
        If there are not pairs of both kinds, `same` does not fit them, or a method is missing.
    EmbeddingError
        If a method's map or an embedding is not finite.
    """
    names = _checked_names(pairs, same, methods, another_pair_of, batch_size)
    seed = int(rng.integers(2**62))

    def jobs() -> Iterator[EmbeddingJob[tuple[int, FacePair, Mixtures]]]:
        for i, (pair, following) in enumerate(_with_next(pairs, settings.polarity)):
            asked = dict(methods)
            if another_pair_of is not None:
                asked[ANOTHER_PAIR] = AnotherPair(methods[another_pair_of], following)
            plan = _plan(networks, pair, asked, settings, (seed, i))
            yield EmbeddingJob((i, pair, plan), plan.images(), len(plan.sets))

    shape = (len(GAMES), len(names), len(pairs), len(settings.levels))
    similarities = np.empty(shape, np.float32)
    with progress("accuracy (deletion and insertion)", len(pairs)) as advance:
        for (i, pair, plan), embedded in embed_jobs(networks.embed, jobs(), batch_size):
            refuse_broken(pair.h_r)
            h = plan.distinct([pair.h_t], embedded)
            h_r = np.broadcast_to(pair.h_r, h.shape)
            of_each = networks.comparison.similarity(h_r, h)
            similarities[:, :, i] = np.moveaxis(of_each[plan.place], -1, 0)
            advance(1)
    threshold = equal_error_threshold(similarities[0, 0, :, 0], same)
    accepted = Decisions(similarities, threshold).similar
    return MeasuredAccuracy(settings, threshold, names, accepted == same[:, np.newaxis])


def _checked_names(
    pairs: Sequence[FacePair],
    same: NDArray[np.bool_],
    methods: Mapping[str, Method],
    another_pair_of: str | None,
    batch_size: int,
) -> tuple[str, ...]:
    """Refuse what cannot be measured before anything is embedded; name what will be measured."""
    if same.dtype != np.bool_ or same.shape != (len(pairs),):
        raise ParameterError(
            f"expected for each of {len(pairs)} pairs whether it is of one person, as bool; "
            f"received {same.dtype} of shape {same.shape}."
        )
    if same.all() or not same.any():
        raise ParameterError(
            f"accuracy needs pairs of one person and of two; received {same.sum()} and "
            f"{(~same).sum()}."
        )
    if batch_size < 1:
        raise ParameterError(f"a batch holds at least 1 image; received {batch_size}.")
    if not methods or (another_pair_of is not None and another_pair_of not in methods):
        raise ParameterError(
            f"no method {another_pair_of or ''!r} to measure; given are: {', '.join(methods)}."
        )
    if ANOTHER_PAIR in methods:
        raise ParameterError(f"{ANOTHER_PAIR!r} names the control: call the method otherwise.")
    return tuple(methods) if another_pair_of is None else (*methods, ANOTHER_PAIR)


def _with_next(pairs: Sequence[FacePair], polarity: bool) -> Iterator[tuple[FacePair, FacePair]]:
    """Read each pair once, with the next one; the first is next to the last."""
    first = current = replace(pairs[0], similar=polarity)
    for i in range(1, len(pairs)):
        following = replace(pairs[i], similar=polarity)
        yield current, following
        current = following
    yield current, first


def _plan(
    networks: Networks,
    pair: FacePair,
    methods: Mapping[str, Method],
    settings: AccuracySettings,
    seed: tuple[int, int],
) -> Mixtures:
    """Explain a pair by every method; shape of the plan's places (methods, levels, games)."""
    tie_breaker = np.random.default_rng((*seed, 0))
    filled = settings.fill(pair.test, np.random.default_rng((*seed, 2)))
    wanted: list[NDArray[np.bool_]] = []
    for name, method in methods.items():
        # Each method gets the same random numbers, so that a control is of the very same map.
        values = checked_map(method, pair, networks, np.random.default_rng((*seed, 1)), name)
        order = pixel_order(values, len(pair.test), tie_breaker)
        top = prefixes(order, settings.counts(len(order)))
        wanted.append(np.stack([top, ~top], axis=1))
    return mixtures(pair.test, filled, np.stack(wanted), other_known=False)
