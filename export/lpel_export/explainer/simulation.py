"""What a one-file explainer by `surrogate` simulates: its fill, its coalitions, their weights."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_export.conversion.keras_to_onnx import OPSET
from lpel_export.explainer.networks import as_function
from lpel_serving.bundle.loading import Bundle
from lpel_serving.bundle.manifest import (
    COALITION,
    DONOR_EMBEDDING,
    DONOR_FEATURES,
    EFFECTS,
    EMBEDDING,
    FILL,
    LOCAL_FEATURES,
    MASKED_EMBEDDING,
    SHOWN_STATE,
    SurrogateRecord,
)
from lpel_serving.bundle.surrogate_graphs import SurrogateGraphs
from lpel_serving.equations.fill import TRANSPLANT
from lpel_serving.methods.catalogue.registry import SURROGATE
from lpel_serving.methods.simulated.design import fixed_design
from lpel_serving.methods.simulated.surrogate_attribution import (
    DEFAULT_STEPS,
    SurrogateAttribution,
)
from lpel_serving.support.errors import ParameterError


def chosen_fill(bundle: Bundle, method: str, fill: str | None) -> str | None:
    """Return the fill that a file simulates, by default the method's own; None if it does not.

    Raises
    ------
    ParameterError
        If the surrogate does not know it, it cannot explain every pair, or nothing is simulated.
    """
    record = bundle.manifest.surrogate
    if method != SURROGATE or record is None:
        if fill is not None:
            raise ParameterError(
                f"a fill is for the method {SURROGATE}; {method} simulates nothing."
            )
        return None
    chosen = fill or SurrogateAttribution().fill
    fits = [one for one in record.fills if one != TRANSPLANT]
    if chosen not in fits:
        raise ParameterError(
            f"a file explains pairs of both decisions, which this surrogate can with the fills "
            f"{', '.join(fits) or 'none'}; received {chosen!r}."
        )
    return chosen


def simulation_constants(record: SurrogateRecord, fill: str) -> dict[str, NDArray[Any]]:
    """Name the constants of the program: see `lpel_export.explainer.program`."""
    superpixels = record.side**2
    design = fixed_design(DEFAULT_STEPS, superpixels)
    return {
        "coalitions": design.coalitions[np.newaxis],
        "fill": np.array(record.fills.index(fill), np.int64),
        "weights": design.weights[:, np.newaxis].astype(np.float32),
        "blocks": np.array([0, DEFAULT_STEPS, superpixels + 1], np.int64),
        "count": np.array([superpixels], np.float32),
        "grid": np.array([0, record.side, record.side], np.int64),
    }


def surrogate_functions(graphs: SurrogateGraphs) -> Iterable[Any]:
    """Make functions of both graphs: ``Hide`` of an image, ``Simulate`` of that and coalitions."""
    hidden = (SHOWN_STATE, EFFECTS)
    seen = (EMBEDDING, LOCAL_FEATURES, DONOR_EMBEDDING, DONOR_FEATURES, FILL)
    yield as_function(graphs.surrogate, "Hide", OPSET, inputs=seen, outputs=hidden)
    asked = (*hidden, EMBEDDING, DONOR_EMBEDDING, COALITION)
    masked = (MASKED_EMBEDDING,)
    yield as_function(graphs.simulation, "Simulate", OPSET, inputs=asked, outputs=masked)
