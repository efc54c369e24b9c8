"""A bundle with its embedder in lower precision, the loss of accuracy measured before writing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lpel_export.bundle.writer import with_embedder
from lpel_export.conversion.parity import LEAST_COSINE
from lpel_export.precision.choice import in_precision
from lpel_export.support.errors import ParityError
from lpel_serving.bundle.loading import Bundle, plausibility_of
from lpel_serving.engine.embedder import Embedder
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.images.crops import WholeImage
from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.progress import Progress, silent
from lpel_serving.verification.plausibility import holds

LEAST_FACES = 8


def lower_precision(
    bundle: Bundle, precision: str, crops: Sequence[Pixels], *, progress: Progress = silent
) -> Bundle:
    """Put the embedder of a bundle into float16 or int8.

    Half of the faces calibrate; on the other half the loss is measured, which the manifest keeps
    under ``parity``.

    Parameters
    ----------
    bundle
        The bundle, its embedder in float32.
    precision
        One of `lpel_export.precision.choice.PRECISIONS`.
    crops
        Face crops such as the network is to see, uint8, shape (H, W, C) each.
    progress
        Reports how far it is.

    Raises
    ------
    ParameterError
        If there are fewer than `LEAST_FACES`, or the bundle is in lower precision already.
    ParityError
        If an embedding has a cosine below `LEAST_COSINE` with its original.
    """
    check_float32(bundle)
    record, many = bundle.manifest.embedder, bundle.manifest.subject.many
    if len(crops) < LEAST_FACES:
        raise ParameterError(
            f"{precision} takes at least {LEAST_FACES} {many} to calibrate and to measure on, "
            f"better hundreds; received {len(crops)}."
        )
    model = in_precision(bundle.embedder, precision, np.stack(crops[::2]), progress=progress)
    report: dict[str, Any] = measure_loss(bundle, model, crops[1::2]) | {
        "precision": precision,
        "calibrated_on": len(crops[::2]),
        "before": bundle.manifest.parity.get("embedder"),
    }
    if not report["cosine_min"] >= LEAST_COSINE:  # NaN must fail too
        raise ParityError(
            f"in {precision} an embedding's cosine with its float32 original falls to "
            f"{report['cosine_min']:.4f}; at least {LEAST_COSINE} is expected. Nothing was "
            f"exported: give more {many}, framed as the network will see them."
        )
    named = replace(record, name=f"{record.name}, {precision}")
    return with_embedder(bundle, model, named, report, keep_plausibility=check_holds(report))


def check_holds(report: Mapping[str, Any]) -> bool:
    """Whether the check of plausibility may stay, by the report of `measure_loss`."""
    return holds(report.get("implausible", 0), report["samples"])


def check_float32(bundle: Bundle) -> None:
    """Raise `ParameterError` if a bundle's embedder is in lower precision already."""
    report: Any = bundle.manifest.parity.get("embedder", {})
    if "precision" in report:
        raise ParameterError(
            f"{bundle.manifest.embedder.name} is in lower precision already: start from the "
            "float32 bundle."
        )


def measure_loss(bundle: Bundle, model: bytes, crops: Sequence[Pixels]) -> dict[str, Any]:
    """Compare a model's embeddings of faces with those of a bundle's embedder.

    Where the bundle has a check of plausibility, the report says at how many faces it then raises
    an alarm; where the embedder gives local features, by how much they differ.
    """
    record = bundle.manifest.embedder
    before, after = (Embedder(one, record, WholeImage()) for one in (bundle.embedder, model))
    embedded = [before.embed(crops), after.embed(crops)]
    local = {}
    if before.local_shape is not None:
        local = _local_loss(before.features(crops).local, after.features(crops).local)
    cosines = cosine_similarity(*embedded)
    check = plausibility_of(bundle)
    alarms = {} if check is None else {"implausible": int((~check.plausible(embedded[1])).sum())}
    return {
        **alarms,
        **local,
        "cosine_min": float(cosines.min()),
        "cosine_mean": float(cosines.mean()),
        "max_difference": float(np.abs(embedded[0] - embedded[1]).max()),
        "samples": len(crops),
        "bytes": len(model),
        "bytes_float32": len(bundle.embedder),
    }


def _local_loss(before: Floats, after: Floats) -> dict[str, float]:
    """The root mean squared difference of local features, as a share of their deviation."""
    deviation = float(np.std(before))
    difference = float(np.sqrt(np.mean(np.square(after - before))))
    return {"local_features_difference": difference / deviation if deviation else difference}
