"""The origin of a result: crop, network and bundle."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import entry_points
from typing import Any, cast

from lpel_serving.bundle.assessment_record import AssessmentRecord
from lpel_serving.bundle.comparison_record import BY_COSINE, ComparisonRecord
from lpel_serving.bundle.manifest import Manifest
from lpel_serving.images.crops import CentreCrop, Crop, is_named, made_by, own_name
from lpel_serving.images.subject import FACES, Subject

MEASURED = "FaceNet 20170512-110547"
"""The network whose maps this project has measured (docs/faithfulness.md)."""


def is_measured(embedder: str) -> bool:
    """Whether a bundle's network is the one that was measured, in whichever numbers it is kept.

    What was measured of it is said of no other: see `AssessmentRecord` for a bundle's own.
    """
    return embedder.startswith(MEASURED)


@dataclass(frozen=True)
class Origin:
    """What a result was computed with, except the method.

    Attributes
    ----------
    crop
        How the faces were cut out: see `lpel_serving.images.crops.parse_crop`.
    own_crop
        The bundle's own crop, for which its threshold was fitted.
    embedder
        The bundle's name of its network.
    bundle
        Identity of the bundle; empty if there is none.
    models
        SHA-256 of every file of the bundle, by its name.
    typical_mse
        The decoder's error on people it was not trained on; None if it was not measured.
    comparison
        How the network compares two embeddings.
    subject
        What the bundle compares.
    assessment
        The bundle's own deletion curves; None if they were not measured.
    """

    crop: str
    own_crop: str
    embedder: str
    bundle: str = ""
    models: Mapping[str, str] = field(default_factory=dict[str, str])
    typical_mse: float | None = None
    comparison: ComparisonRecord = BY_COSINE
    subject: Subject = FACES
    assessment: AssessmentRecord | None = None


def origin_of(manifest: Manifest, crop: Crop | str) -> Origin:
    """Return the origin of a bundle's results, for a crop or the name of one."""
    own = manifest.crop
    return Origin(
        crop=crop if isinstance(crop, str) else own if _is_own(crop, own) else crop_name(crop),
        own_crop=own,
        embedder=manifest.embedder.name,
        bundle=manifest.identity,
        models={name: file.sha256 for name, file in manifest.files.items()},
        typical_mse=_typical_error(manifest),
        comparison=manifest.comparison,
        subject=manifest.subject,
        assessment=manifest.assessment,
    )


def crop_name(crop: Crop) -> str:
    """Name a crop as `parse_crop` reads it; by its class or function where it is not installed."""
    return own_name(crop) or _plugin_name(made_by(crop))


def _is_own(crop: Crop, own: str) -> bool:
    """Whether a crop is the bundle's own, however it is written: ``0.480`` equals ``0.48``."""
    return is_named(crop, own) if isinstance(crop, CentreCrop) else crop_name(crop) == own


@lru_cache
def _plugin_name(maker: str) -> str:
    """Search the installed crops; cached, since that takes longer than explaining a pair."""
    found = (one.name for one in entry_points(group="lpel.crops") if one.value == maker)
    return next(found, maker.rpartition(":")[2])


def _typical_error(manifest: Manifest) -> float | None:
    losses = None if manifest.decoder is None else manifest.decoder.training.get("test_loss")
    if not isinstance(losses, dict):
        return None
    typical = cast("dict[str, Any]", losses).get("decoder")
    return typical if isinstance(typical, float) else None
