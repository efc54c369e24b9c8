"""The document of an explained pair: everything but its arrays, the same in every interface.

`lpel explain`, the service, the demo and Python serialise it or parts of it; a batch's columns are
its numbers. The arrays stand in `lpel_serving.report.array_file`.
"""

from collections.abc import Sequence
from typing import Any, cast

from lpel_serving.bundle.origin import Origin
from lpel_serving.images.found import faces_record, in_words
from lpel_serving.methods.decided import DecidedPair
from lpel_serving.methods.explanation import Explanation, PairExplanation
from lpel_serving.methods.used import MethodUsed
from lpel_serving.report.map_words import shares_of
from lpel_serving.report.numbers import (
    comparison_numbers,
    decision_numbers,
    map_numbers,
    origin_numbers,
    plausibility_numbers,
    region_numbers,
    usual_numbers,
)
from lpel_serving.report.verdict import Verdict, compared, explained, origin_and_method
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.errors import ParameterError


def document(pair: PairExplanation) -> dict[str, Any]:
    """Describe an explained pair completely, as JSON-serialisable values.

    Parameters
    ----------
    pair
        As returned by `lpel_serving.Explainer.explain`.

    Returns
    -------
    dict[str, Any]
        The decision, its words and caveats, both maps' numbers with the regions, and what they were
        made with; ``docs/service.md`` and the service's ``/openapi.json`` describe the keys.

    Raises
    ------
    ParameterError
        If the pair does not say what explained it.
    """
    origin, method = origin_and_method(pair)
    of_test, of_reference = shares = shares_of(pair)
    verdict = explained(pair, shares)

    def one_way(explanation: Explanation, crop: Pixels, regions: Any) -> dict[str, Any]:
        return {
            "regions": region_numbers(regions, pair.usual),
            **map_numbers(explanation, crop),
            "typical_mse": origin.typical_mse,
        }

    return {
        **_of_decision(pair, origin, verdict),
        "beside_map": verdict.beside_map,
        "usual": usual_numbers(pair.usual),
        "agreement": {"spearman": pair.agreement.spearman, "mask_iou": pair.agreement.iou},
        "explanations": {
            "reference": one_way(pair.swapped, pair.reference_crop, of_reference),
            "test": one_way(pair.forward, pair.test_crop, of_test),
        },
        "method": {
            **method_record(method, control=pair.control),
            "epsilon": method.epsilon,
            "seed": method.seed,
        },
        **origin_numbers(origin),
    }


def decided_document(pair: DecidedPair) -> dict[str, Any]:
    """Describe a pair that was decided but not explained, as JSON-serialisable values.

    Raises
    ------
    ParameterError
        If the pair does not say what decided.
    """
    if pair.origin is None:
        raise ParameterError("expected a pair that says which bundle decided on it.")
    origin = pair.origin
    verdict = compared(
        pair.decision,
        crop=origin.crop,
        own_crop=origin.own_crop,
        comparison=origin.comparison,
        plausibility=pair.plausibility,
        subject=origin.subject,
        embedder=origin.embedder,
    )
    return {**_of_decision(pair, origin, verdict), **origin_numbers(origin)}


def method_record(method: MethodUsed, *, control: bool) -> dict[str, Any]:
    """Describe a method and its parameters as JSON-serialisable values."""
    own = method.parameters.items()
    parameters: dict[str, Any] = {
        name: [*cast("Sequence[Any]", value)] if isinstance(value, tuple) else value
        for name, value in own
    }
    return {"name": method.name, "control": control, "parameters": parameters}


def _of_decision(pair: DecidedPair, origin: Origin, verdict: Verdict) -> dict[str, Any]:
    return {
        **decision_numbers(pair.decision),
        **comparison_numbers(pair.decision, origin.comparison),
        "plausibility": plausibility_numbers(pair.plausibility),
        "words": [*verdict.words, *in_words(pair.found)],
        "caveats": list(verdict.caveats),
        **({"faces": faces_record(pair.found)} if _looks_for_faces(pair) else {}),
    }


def _looks_for_faces(pair: DecidedPair) -> bool:
    """Whether there may be faces in the pictures: the bundle is of them, or the crop found some."""
    return pair.origin is None or pair.origin.subject.of_faces or any(pair.found)
