"""The quality curves of a shard's pairs, each beside random orders."""

from typing import Any

from lpel_serving.batch.settings import BatchSettings
from lpel_serving.engine.explainer import Explainer
from lpel_serving.faithfulness.curve_settings import settings_for
from lpel_serving.faithfulness.pair_check import check_pair, question_for
from lpel_serving.methods.method import FacePair
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import EmbeddingError, ParameterError

COLUMNS = ("curve_own", "curve_random", "curve_area", "curve_random_areas", "curve_note")


def curve_of(
    pair: FacePair, signed_map: Floats, explainer: Explainer, settings: BatchSettings
) -> dict[str, Any]:
    """Measure a pair's own curve and random ones: see `faithfulness.pair_check.check_pair`.

    Returns
    -------
    dict[str, Any]
        Values of `COLUMNS`; where there is no curve of a pair, only a note that says why.
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
