"""Measures the deletion curves of a method, its rivals and its controls on many pairs."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpel_serving.faithfulness.controls import CONTROLS, RANDOM, names_of_controls
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.plan import CurvePlan, SubjectMaps, plan_pair
from lpel_serving.methods.measured.stream import DEFAULT_BATCH, EmbeddingJob, embed_jobs
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import Networks
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.partial import Partial
from lpel_serving.support.progress import Progress, silent

_SAVE_SECONDS = 15.0


@dataclass(frozen=True, eq=False)
class Measured:
    """Similarities as superpixels are replaced.

    Attributes
    ----------
    settings
        How they were measured.
    similar
        The decision, the same on all pairs.
    subject
        The method that is assessed.
    names
        The orders, the subject first; the random ones come last, all with the same name.
    similarities
        Cosine of the two images, float64, shape (pairs, orders, steps).
    embedded
        The number of images embedded for the curves, without those that the methods embedded.
    """

    settings: CurveSettings
    similar: bool
    subject: str
    names: tuple[str, ...]
    similarities: NDArray[np.float64]
    embedded: int


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
    """Measure the similarity as superpixels are replaced, most relevant first (section 4.2).

    The orders are those of the method, of its rivals and of all controls.

    Parameters
    ----------
    networks
        The embedder, and the decoders that the methods need.
    pairs
        At least two, all with the same decision; read one by one, so they may be lazy.
    subject
        Name and method.
    settings
        The settings of the curve.
    rng
        The source of randomness; the result does not depend on the batch size.
    rivals
        More methods to measure on the same pairs.
    batch_size
        Images in one inference.
    partial
        A checkpoint, to resume an interrupted measurement.
    progress
        Receives progress after each pair.

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
    rivals = rivals or {}
    controls = names_of_controls(decodes=networks.decodes)
    names = _order_names(subject[0], rivals, controls, settings.draws)
    maps = SubjectMaps(networks, pairs, subject, seed)
    kept = _Kept.load(partial, len(pairs), len(names), len(settings.replaced), seed)

    def jobs() -> Iterator[EmbeddingJob[CurvePlan]]:
        for i in range(kept.done, len(pairs)):
            yield plan_pair(networks, pairs[i], i, maps, rivals, settings, seed).job()

    with progress(f"curves ({settings.kind})", len(pairs)) as advance:
        advance(kept.done)
        try:
            for plan, embeddings in embed_jobs(networks.embed, jobs(), batch_size):
                kept.add(plan.similarities(embeddings), len(embeddings))
                advance(1)
        finally:
            kept.save()
    return Measured(settings, maps.similar, subject[0], names, kept.similarities, kept.embedded)


def _order_names(
    subject: str, rivals: Mapping[str, Method], controls: Sequence[str], draws: int
) -> tuple[str, ...]:
    taken = {subject, *CONTROLS} & set(rivals) or {subject} & set(CONTROLS)
    if taken:
        raise ParameterError(
            f"two orders would be called {', '.join(taken)}: give methods names of their own, "
            f"other than those of the controls, {', '.join(CONTROLS)}."
        )
    ordered = [name for name in controls if name != RANDOM]
    return (subject, *rivals, *ordered, *[RANDOM] * draws)


class _Kept:
    """The similarities so far, in memory, with periodic checkpoints on disk."""

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
            if rows.shape[1:] == kept.similarities.shape[1:] and int(arrays["pairs"]) == pairs:
                kept.similarities[: len(rows)] = rows
                kept.done, kept.embedded = len(rows), int(arrays["embedded"])
        return kept

    def add(self, similarities: NDArray[np.float64], embedded: int) -> None:
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
                    "pairs": np.array(len(self.similarities)),
                }
            )
