"""Computes the maps of a shard's pairs, and their deletion curves beside random orderings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.settings import BatchSettings
from lpel_serving.batch.stages.embedding import read_image
from lpel_serving.batch.stages.stage import Stopped, give_up_if
from lpel_serving.batch.store.by_number import Failure
from lpel_serving.batch.store.folder import IMAGES_IN_CHUNK, Places
from lpel_serving.engine.explainer import Explainer
from lpel_serving.equations.decision import Decisions
from lpel_serving.faithfulness.curve_settings import settings_for
from lpel_serving.faithfulness.pair_check import check_pair, question_for
from lpel_serving.methods.both_ways import explain_both_ways
from lpel_serving.methods.catalogue.description import asks
from lpel_serving.methods.each_once import EachOnce
from lpel_serving.methods.many import Maps, explain_many, explains_many
from lpel_serving.methods.measured.stream import DEFAULT_BATCH
from lpel_serving.methods.method import FacePair, Method, Networks
from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.support.arrow import read_table
from lpel_serving.support.errors import EmbeddingError, ParameterError

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

    def faces(self, pair: int) -> FacePair:
        """Return the images of a pair."""
        r, t = int(self.references[pair]), int(self.tests[pair])
        reference, test = (self.crops[int(self.numbers[place])] for place in (r, t))
        similar = bool(self.decisions.similar[pair])
        return FacePair(reference, test, self.embeddings[r], self.embeddings[t], similar)


def maps_of(
    pairs: Pairs, method: Method, explainer: Explainer, seed: int, stopped: Stopped
) -> Iterator[Maps | Failure]:
    """Explain pairs both ways, a few at a time, or say why one cannot be explained."""
    if explains_many(method):
        of_pairs = (pairs.references, pairs.tests, pairs.decisions.similar)
        for found in explain_many(method, explainer, pairs.embeddings, *of_pairs):
            give_up_if(stopped)
            is_error = isinstance(found, EmbeddingError)
            yield Failure(UNEXPLAINED, str(found)) if is_error else found
        return
    networks = _networks(pairs, method, explainer, stopped)
    for pair in range(len(pairs.decisions)):
        give_up_if(stopped)
        faces = pairs.faces(pair)
        try:
            both = explain_both_ways(method, faces, networks, np.random.default_rng(seed))
        except (ParameterError, EmbeddingError) as error:
            yield Failure(UNEXPLAINED, str(error))
        else:
            yield both.forward[np.newaxis], both.swapped[np.newaxis]


def _networks(pairs: Pairs, method: Method, explainer: Explainer, stopped: Stopped) -> Networks:
    """The networks; where a method needs a surrogate, they know the shard's local features.

    A job keeps embeddings alone: local features take a second pass, one for each image of a shard,
    in portions between which the job may stop.
    """
    if not (explainer.simulates and asks(method, "surrogate")):
        return explainer
    crops = [pairs.crops[number] for number in pairs.numbers.tolist()]
    once = EachOnce(explainer)
    for start in range(0, len(crops), DEFAULT_BATCH):
        give_up_if(stopped)
        once.features(np.stack(crops[start : start + DEFAULT_BATCH]))
    return once


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
    side = explainer.manifest.decoder.image_size
    question = question_for(similar=pair.similar)
    defined = settings_for(question.kind, side, every=settings.every, draws=settings.draws)
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
