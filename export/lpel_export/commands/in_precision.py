"""`lpel export --precision`: lowers the embedder's precision on faces, and says what that loses."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lpel_serving.images.datasets.passed_over import PassedOver, Unusable

if TYPE_CHECKING:
    from lpel_serving.bundle.loading import Bundle
    from lpel_serving.images.subject import Subject
    from lpel_serving.support.arrays import Pixels

CALIBRATION_FACES = 256


class Precision(StrEnum):
    """The numbers that the embedder computes in."""

    float32 = "float32"
    float16 = "float16"
    int8 = "int8"


def in_precision(
    bundle: "Bundle",
    precision: Precision,
    faces: Path,
    crop: str | None,
    seed: int,
    unusable: Unusable,
) -> "tuple[Bundle, tuple[PassedOver, ...]]":
    """Lower the embedder's precision.

    Parameters
    ----------
    bundle, precision
        The bundle, whose embedder is float32, and what to make of it.
    faces, crop
        Photographs as identity/image.jpg, up to twice `CALIBRATION_FACES` of which are drawn: half
        calibrate, half measure the loss; and how to cut them, the bundle's own crop when None.
    seed
        Of the drawing.
    unusable
        Counts photographs that cannot be read.

    Returns
    -------
    tuple[Bundle, tuple[PassedOver, ...]]
        The bundle, and what of the folder was passed over.
    """
    import numpy as np

    from lpel_export.precision.lower import check_float32, lower_precision
    from lpel_serving.commands.shared.progress import progress_bar
    from lpel_serving.images.crops import parse_crop
    from lpel_serving.images.cutting import read_face
    from lpel_serving.images.datasets.faces import find_faces
    from lpel_serving.support.errors import ImageError, NoFaceError

    check_float32(bundle)
    chosen = parse_crop(crop or bundle.manifest.crop)
    shape = bundle.manifest.embedder.shape
    found = find_faces(faces)
    order = np.random.default_rng(seed).permutation(len(found.faces))[: 2 * CALIBRATION_FACES]
    drawn = [found.faces[int(i)].path for i in order]
    crops: list[Pixels] = []
    with progress_bar(f"reading {bundle.manifest.subject.many}", len(order)) as advance:
        for path in drawn:
            try:
                crops.append(read_face(path, chosen, shape))
            except NoFaceError:
                pass
            except ImageError as error:
                unusable.add(path, error)
            advance(1)
    unusable.check(drawn)
    lowered = lower_precision(bundle, str(precision), crops, progress=progress_bar)
    return lowered, (*found.passed_over, *unusable.found())


def loss_in_words(report: Mapping[str, Any], subject: "Subject") -> str:
    """Say what `in_precision` lost, by the report that it put among the bundle's parities."""
    return (
        f"In {report['precision']} the embedder has {report['bytes'] / 1e6:.1f} MB instead of "
        f"{report['bytes_float32'] / 1e6:.1f}; on {report['samples']} {subject.many} its "
        f"embeddings have a cosine of {report['cosine_min']:.5f} at least, "
        f"{report['cosine_mean']:.5f} on average, with the original's.{_alarms(report)}"
    )


def _alarms(report: Mapping[str, Any]) -> str:
    from lpel_export.precision.lower import check_holds

    if not report.get("implausible"):
        return ""
    kept = "" if check_holds(report) else ", and is left out of the bundle"
    return f" The check of plausibility raises an alarm at {report['implausible']} of them{kept}."
