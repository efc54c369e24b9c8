"""Computes the maps of a shard's pairs, and their deletion curves beside random orderings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.settings import BatchSettings
from lpel_serving.batch.stages.embedding import read_image
from lpel_serving.batch.stages.keeping import NOTHING, Keeping, Simulations
from lpel_serving.batch.stages.stage import Stopped, give_up_if
from lpel_serving.batch.store.by_number import GIVEN, Failure
from lpel_serving.batch.store.folder import IMAGES_IN_CHUNK, Places
from lpel_serving.engine.explainer import Explainer
from lpel_serving.equations.decision import Decisions
from lpel_serving.faithfulness.curve_settings import settings_for
from lpel_serving.faithfulness.pair_check import check_pair, question_for
from lpel_serving.methods.both_ways import BothWays, explain_both_ways
from lpel_serving.methods.each_once import knowing
from lpel_serving.methods.from_features import explain_features, explains_features
from lpel_serving.methods.many import ExplainSome, Maps, explain_many, explains_many, in_blocks
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import ImageFeatures, Networks
from lpel_serving.methods.simulated.stored import SimulatedImages, explain_from_simulated
from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.support.arrow import read_table
from lpel_serving.support.errors import BundleError, EmbeddingError, ParameterError

_AT_HAND = 64 * 2**20
"""Bytes of simulations that a shard holds in memory: images often recur in pairs close by."""

UNEXPLAINED = "unexplained"
"""The error code of a pair that the method refuses."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs of a shard that can be decided.

    Attributes
    ----------
    numbers
        Of the distinct images, int64, shape (M,).
    embeddings
        Theirs, float32, shape (M, D).
    crops
        Theirs by number, if the images themselves are needed.
    references, tests
        Positions of the pairs' images among them, int64, shape (N,).
    decisions
        On the pairs, N of them.
    """

    numbers: NDArray[np.int64]
    embeddings: Floats
    crops: Mapping[int, Pixels]
    references: NDArray[np.int64]
    tests: NDArray[np.int64]
    decisions: Decisions

    def of(self, pair: int) -> list[int]:
        """Where reference and test of a pair are among the images."""
        return [int(self.references[pair]), int(self.tests[pair])]

    def features(self, places: list[int], keeping: Keeping) -> ImageFeatures:
        """Find what was kept of some of the images."""
        return keeping.features(self.numbers[places], self.embeddings[places])

    def faces(self, pair: int) -> FacePair:
        """Return the images of a pair."""
        r, t = self.of(pair)
        reference, test = (self.crops[int(self.numbers[place])] for place in (r, t))
        similar = bool(self.decisions.similar[pair])
        return FacePair(reference, test, self.embeddings[r], self.embeddings[t], similar)


def maps_of(
    pairs: Pairs,
    method: Method,
    explainer: Explainer,
    seed: int,
    stopped: Stopped,
    keeping: Keeping = NOTHING,
) -> Iterator[Maps | Failure]:
    """Explain pairs both ways, a few at a time, or say why one cannot be explained.

    No image passes through the embedder again, but where the method alters it.
    """
    of_pairs = (pairs.references, pairs.tests, pairs.decisions.similar)
    if explains_many(method):
        blocks = explain_many(method, explainer, pairs.embeddings, *of_pairs)
    elif keeping.simulations is not None:
        blocks = _simulated_blocks(pairs, keeping, keeping.simulations, explainer)
    else:
        yield from _one_by_one(pairs, method, explainer, seed, stopped, keeping)
        return
    for found in blocks:
        give_up_if(stopped)
        is_error = isinstance(found, EmbeddingError)
        yield Failure(UNEXPLAINED, str(found)) if is_error else found


def _simulated_blocks(
    pairs: Pairs, keeping: Keeping, simulations: Simulations, explainer: Explainer
) -> Iterator[Maps | EmbeddingError]:
    """Explain from what was simulated of photographs; what was not is simulated here."""
    arrays = simulations.arrays
    most = max(2, _AT_HAND // arrays.bytes)
    numbers: list[int] = pairs.numbers.tolist()
    with arrays.reading(most) as read:

        @lru_cache(most)
        def simulate(place: int) -> Floats:
            return simulations.of(pairs.features([place], keeping), explainer)[0]

        def masked(place: int) -> Floats:
            is_read = simulations.ahead and numbers[place] < GIVEN
            return read(numbers[place]) if is_read else simulate(place)

        images = SimulatedImages(
            simulations.design,
            explainer.comparison,
            explainer.comparison.scale(pairs.embeddings),
            masked,
        )
        explain: ExplainSome = partial(explain_from_simulated, images, size=simulations.method.size)
        yield from in_blocks(explain, pairs.references, pairs.tests, pairs.decisions.similar)


def _one_by_one(
    pairs: Pairs,
    method: Method,
    explainer: Explainer,
    seed: int,
    stopped: Stopped,
    keeping: Keeping,
) -> Iterator[Maps | Failure]:
    explain = _from_features if explains_features(method) else _from_images
    for pair in range(len(pairs.decisions)):
        give_up_if(stopped)
        try:
            both = explain(pairs, pair, method, explainer, seed, keeping)
        except (ParameterError, EmbeddingError, BundleError) as error:
            yield Failure(UNEXPLAINED, str(error))
        else:
            yield both.forward[np.newaxis], both.swapped[np.newaxis]


def _from_features(
    pairs: Pairs, pair: int, method: Method, explainer: Explainer, seed: int, keeping: Keeping
) -> BothWays:
    del seed
    features = pairs.features(pairs.of(pair), keeping)
    similar = bool(pairs.decisions.similar[pair])
    return explain_features(method, features, explainer, similar=similar)


def _from_images(
    pairs: Pairs, pair: int, method: Method, explainer: Explainer, seed: int, keeping: Keeping
) -> BothWays:
    faces = pairs.faces(pair)
    networks: Networks = explainer
    if keeping.local is not None:
        known = pairs.features(pairs.of(pair), keeping)
        networks = knowing(explainer, (faces.reference, faces.test), known)
    return explain_both_ways(method, faces, networks, np.random.default_rng(seed))


def read_crops(
    numbers: NDArray[np.int64], explainer: Explainer, places: Places
) -> dict[int, Pixels | Failure]:
    """Read embedded images again, each once, or say why one cannot be read."""
    found: dict[int, Pixels | Failure] = {}
    for number in np.unique(numbers).tolist():
        images = read_table(places.images(number // IMAGES_IN_CHUNK))
        place = number % IMAGES_IN_CHUNK
        digest = images["digest"][place].as_py()
        face = read_image(explainer, images, place, digest)
        found[number] = face if isinstance(face, Failure) else face.pixels
    return found


CURVE_COLUMNS = ("curve_own", "curve_random", "curve_area", "curve_random_areas", "curve_note")


def curve_of(
    pair: FacePair, signed_map: Floats, explainer: Explainer, settings: BatchSettings
) -> dict[str, Any]:
    """Measure a pair's own curve and random ones: see `faithfulness.pair_check.check_pair`.

    Returns
    -------
    dict[str, Any]
        Values of `CURVE_COLUMNS`; where there is no curve of a pair, only a note that says why.
    """
    shape = explainer.manifest.drawn
    question = question_for(similar=pair.similar)
    defined = settings_for(question.kind, shape, every=settings.every, draws=settings.draws)
    try:
        found = check_pair(explainer, pair, signed_map, question, defined, settings.seed)
    except (ParameterError, EmbeddingError) as error:
        return {"curve_note": str(error)}
    return {
        "curve_own": found.own.tolist(),
        "curve_random": found.random.mean(axis=0).tolist(),
        "curve_area": found.area,
        "curve_random_areas": found.random_areas.tolist(),
    }
