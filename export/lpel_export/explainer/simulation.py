"""What a one-file explainer by `surrogate` simulates: its fill, its coalitions, their weights."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.manifest import SurrogateRecord
from lpel_serving.equations.fill import TRANSPLANT
from lpel_serving.methods.simulated.design import fixed_design
from lpel_serving.methods.simulated.surrogate_attribution import (
    DEFAULT_STEPS,
    SurrogateAttribution,
)
from lpel_serving.support.errors import ParameterError


def chosen_fill(record: SurrogateRecord, fill: str | None) -> str:
    """Return the fill that a file simulates, by default the method's own.

    Raises
    ------
    ParameterError
        If the surrogate does not know it, or it cannot explain every pair.
    """
    chosen = fill or SurrogateAttribution().fill
    fits = [one for one in record.fills if one != TRANSPLANT]
    if chosen not in fits:
        raise ParameterError(
            f"a file explains pairs of both decisions, which this surrogate can with the fills "
            f"{', '.join(fits) or 'none'}; received {chosen!r}."
        )
    return chosen


def constants(record: SurrogateRecord, fill: str) -> dict[str, NDArray[Any]]:
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
