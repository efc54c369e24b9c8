"""The faithfulness check of one pair: its own map's deletion curve against random orderings."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.comparison import Comparison
from lpel_serving.equations.decision import DECISIONS
from lpel_serving.faithfulness import pair_check_words
from lpel_serving.faithfulness.assessment import Measured
from lpel_serving.faithfulness.controls import RANDOM
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.deletion_curve import area
from lpel_serving.faithfulness.drawable import fitting
from lpel_serving.faithfulness.judgement import Scale, normalised, scale_of
from lpel_serving.faithfulness.plan import plan_orders
from lpel_serving.faithfulness.study import QUESTIONS, Question
from lpel_serving.methods.measured.stream import embed_jobs
from lpel_serving.methods.method import FacePair
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Floats, SignedMap
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.progress import Progress, silent

DEFAULT_BATCH = 4
"""Small, for frequent progress and fast cancellation."""

_TIE = 1e-6
"""Areas closer than this are ties: the difference is float32 rounding."""


@dataclass(frozen=True, eq=False)
class PairCheck:
    """A pair's own deletion or transplant curve beside those of random orders.

    Attributes
    ----------
    question
        The curve, one of `lpel_serving.faithfulness.study.QUESTIONS`.
    scale
        The scale of the curves: see `lpel_serving.faithfulness.judgement.scale_of`.
    flat
        Whether the map is constant, so that its own order is random too.
    replaced
        Superpixels replaced at each step, int64, shape (steps,).
    own
        The curve of the map's order, float64, shape (steps,).
    random
        The curves of the random orders, float64, shape (draws, steps).
    area
        Under the own curve.
    random_areas
        Under the random ones, float64, shape (draws,).
    first
        The similarity with nothing replaced, 1 at most.
    control
        Whether the map is a control's: see `lpel_serving.methods.method.is_control`.
    """

    question: Question
    scale: Scale
    flat: bool
    replaced: NDArray[np.int64]
    own: NDArray[np.float64]
    random: NDArray[np.float64]
    area: float
    random_areas: NDArray[np.float64]
    first: float
    control: bool = False

    @property
    def lower_is_better(self) -> bool:
        """Whether a good order makes the curve fall, as for similar pairs."""
        return self.question.similar

    @property
    def beaten(self) -> int:
        """The number of random orders that the map's order beats; ties do not count."""
        return int(np.count_nonzero(self._lead > _TIE))

    @property
    def words(self) -> tuple[str, ...]:
        """The result of the check, in sentences."""
        flat = ("The map is flat, so that its order was random too.",) if self.flat else ()
        lost = int(np.count_nonzero(self._lead < -_TIE))
        said = pair_check_words.headline(self.beaten, lost, len(self.random))
        return *flat, said, *pair_check_words.in_numbers(self)

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the check cannot prove, in sentences."""
        return pair_check_words.caveats(control=self.control)

    @property
    def _lead(self) -> NDArray[np.float64]:
        """By how much the map's order is better than each random one."""
        difference = self.random_areas - self.area
        return difference if self.lower_is_better else -difference


def question_for(*, similar: bool) -> Question:
    """The default curve for a decision."""
    return QUESTIONS[DECISIONS[similar]]


def check_pair(
    networks: Networks,
    pair: FacePair,
    signed_map: SignedMap,
    question: Question,
    settings: CurveSettings,
    seed: int,
    *,
    control: bool = False,
    batch_size: int = DEFAULT_BATCH,
    progress: Progress = silent,
) -> PairCheck:
    """Replace a pair's superpixels in the order of its map, and in random orders.

    The curves are those that `lpel assess` measures on many pairs; no image is embedded twice.

    Parameters
    ----------
    networks
        The embedder; its errors, such as on cancellation, are passed on.
    pair
        The pair that was explained.
    signed_map
        Its map, float32, shape (H, W), finite: positive where the test speaks for the decision.
    question
        The curve, of the pair's decision: see `question_for`.
    settings
        The settings of the curve; its kind is the question's.
    seed
        Seed of all randomness, at least 0; equal seeds give equal bytes at any batch size.
    control
        Whether the map is a control's.
    batch_size
        Images in one inference.
    progress
        Opened with the number of images to embed; called after each batch.

    Raises
    ------
    ParameterError
        If the question is about the other decision, the pair's curve cannot be normalised, or
        `batch_size` is below 1.
    EmbeddingError
        If an embedding is not finite.
    """
    settings = replace(settings, kind=question.kind)
    _check(pair, networks.comparison, question, settings)
    plan = plan_orders(pair, networks.comparison, 0, [signed_map], settings, seed)
    job = plan.job()
    with progress("curves of this pair", job.count) as advance:

        def embed(crops: NDArray[np.uint8]) -> Floats:
            embeddings = networks.embed(crops)
            advance(len(crops))
            return embeddings

        ((_, embeddings),) = embed_jobs(embed, [job], batch_size)
    names = ("own", *[RANDOM] * settings.draws)
    similarities = plan.similarities(embeddings)[np.newaxis]
    measured = Measured(settings, pair.similar, "own", names, similarities, job.count)
    curves = normalised(measured)[0]
    areas = area(curves, settings.replaced)
    return PairCheck(
        question=question,
        scale=scale_of(settings, similar=pair.similar),
        flat=bool(signed_map.min() == signed_map.max()),
        replaced=settings.replaced,
        own=curves[0],
        random=curves[1:],
        area=float(areas[0]),
        random_areas=areas[1:],
        first=float(measured.similarities[0, 0, 0]),
        control=control,
    )


def images_of(
    pair: FacePair,
    comparison: Comparison,
    question: Question,
    settings: CurveSettings,
    seed: int,
) -> int:
    """Upper bound of the number of images that a pair's check embeds.

    Raises
    ------
    ParameterError
        As `check_pair`.
    """
    settings = replace(settings, kind=question.kind)
    _check(pair, comparison, question, settings)
    any_map = np.arange(settings.side**2, dtype=np.float32).reshape(settings.side, -1)
    return plan_orders(pair, comparison, 0, [any_map], settings, seed).job().count


def _check(
    pair: FacePair, comparison: Comparison, question: Question, settings: CurveSettings
) -> None:
    """Raise before anything is embedded if no curve can be drawn."""
    if pair.similar != question.similar:
        raise ParameterError(
            f"this curve is for {DECISIONS[question.similar]} pairs, and the pair was called "
            f"{DECISIONS[pair.similar]}: choose another curve."
        )
    first = comparison.similarity(pair.h_r[np.newaxis], pair.h_t[np.newaxis])
    scale = scale_of(settings, similar=pair.similar)
    fits, why, instead = fitting(first, comparison, scale)
    if not fits.all():
        raise ParameterError(
            f"the pair was called {DECISIONS[pair.similar]} at a similarity of {first[0]:.6f}, and "
            f"{why}: {instead}."
        )
