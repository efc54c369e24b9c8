"""A job, what it needs of its bundle, and all that determines its results."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from lpel_serving.batch.input.lists import Lists, list_digest
from lpel_serving.batch.input.rows import LISTED
from lpel_serving.batch.input.templates import hold_templates
from lpel_serving.batch.output.result_table import FORMAT
from lpel_serving.batch.settings import FEW_ROWS, BatchSettings
from lpel_serving.batch.stages.keeping import Keeping, keeping_of
from lpel_serving.batch.stages.stage import BundleSource
from lpel_serving.batch.store.folder import IMAGES_IN_CHUNK, Places
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.bundle.manifest import Manifest
from lpel_serving.engine.session import check_provider
from lpel_serving.images.crop_words import called
from lpel_serving.images.crops import parse_crop
from lpel_serving.methods.catalogue.description import missing_needs, networks_in
from lpel_serving.methods.measured.stream import DEFAULT_BATCH
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.urls import refuse_urls

_CONFIGURATION = ("the settings", "the crop", "the provider")
_CALLED = {"responses": "response decoder"}
SEARCH = "the search"
"""Whether a probe is excluded from its own results. Folders of 0.1, where it was not, lack this."""


@dataclass(frozen=True)
class Job:
    """A job.

    Attributes
    ----------
    lists
        Its lists.
    out
        The folder of its results.
    bundle, crop, provider
        See `lpel_serving.engine.explainer.Explainer.load`.
    settings
        How to explain.
    batch_size
        Images in one inference; does not affect the results.
    kept
        A file of embeddings to read and to extend; none are kept when None.
    """

    lists: Lists
    out: Path
    bundle: Path
    settings: BatchSettings
    crop: str | None = None
    provider: str = "cpu"
    batch_size: int = DEFAULT_BATCH
    kept: Path | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.batch_size <= IMAGES_IN_CHUNK:
            raise ParameterError(
                f"a batch holds 1 to {IMAGES_IN_CHUNK} images; received {self.batch_size}."
            )

    @property
    def rows_in_shard(self) -> int:
        """Rows of the list that are explained as one piece of work."""
        rows = self.settings.rows_in_shard
        if self.lists.gallery is None:
            return rows
        probes = max(1, rows // self.settings.top)
        return probes - probes % FEW_ROWS or probes


@dataclass(frozen=True)
class PreparedJob:
    """A job together with everything that determines its results.

    Attributes
    ----------
    job
        With the names of method and crop filled in.
    manifest
        Of its bundle.
    networks
        What embeds and explains.
    about
        Everything that determines the results, as JSON-serialisable values, under names that a user
        understands.
    templates
        Whether a list holds embeddings in place of photographs, and there is a surrogate, which
        then does not see the photographs.
    """

    job: Job
    manifest: Manifest
    networks: BundleSource
    about: Mapping[str, Any]
    templates: bool = False

    @property
    def keeping(self) -> Keeping:
        """What is kept of each image beside its embedding."""
        later = self.job.kept is not None
        return keeping_of(self.job.settings, self.manifest, Places(self.job.out), later=later)

    @property
    def config_sha256(self) -> str:
        """SHA-256 of the settings that determine the results of one bundle on one list."""
        return identity_of({name: self.about[name] for name in _CONFIGURATION})

    @property
    def apart(self) -> bool:
        """Whether a search excludes the probe itself."""
        return SEARCH in self.about

    @property
    def identity(self) -> str:
        """SHA-256 of everything that determines the results."""
        return identity_of(self.about)


def identity_of(about: Mapping[str, Any]) -> str:
    """Identify a job by everything that determines its results."""
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _check_needs(settings: BatchSettings, manifest: Manifest) -> None:
    """Raise `ParameterError` if the bundle lacks a network that the method needs."""
    lacking = missing_needs(settings.make_method(), networks_in(manifest))
    if lacking:
        which = " or ".join(_CALLED.get(one, one) for one in lacking)
        raise ParameterError(
            f"this bundle has no {which}: train one with `lpel train --method {lacking[0]}`, or "
            "choose another method, such as lpel."
        )


def prepare(job: Job) -> PreparedJob:
    """Read the lists and the manifest of a job, and fill in its defaults.

    Raises
    ------
    PairsError
        If a list cannot be read.
    BundleError
        If the bundle cannot be used.
    ProviderError
        If the provider is not in the installed onnxruntime.
    ParameterError
        If the settings do not fit the bundle, or no crop has that name.
    """
    # Fail now rather than after hours of planning.
    refuse_urls(vars(job.lists) | vars(job))
    check_provider(job.provider)
    loaded = load_bundle(job.bundle)
    manifest = loaded.manifest
    simulates = manifest.surrogate is not None
    templates = simulates and hold_templates(job.lists)
    settings = job.settings.resolved(
        responds=manifest.responses is not None,
        simulates=simulates,
        templates=templates,
    )
    _check_needs(settings, manifest)
    crop = called(job.crop, manifest.crop)
    parse_crop(crop)
    gallery = None if job.lists.gallery is None else list_digest(job.lists.gallery, LISTED)
    about = {
        "the bundle": loaded.sha256,
        "the list": list_digest(job.lists.rows, job.lists.columns),
        "the gallery": gallery,
        "the settings": settings.described(),
        "the crop": crop,
        "the provider": job.provider,
        "the version of lpel-tf": version("lpel-tf"),
        "the format of the results": FORMAT,
    }
    if gallery is not None:
        about[SEARCH] = "among other images"
    # Workers may have another working folder.
    out, bundle = job.out.absolute(), job.bundle.absolute()
    found = replace(job, out=out, bundle=bundle, settings=settings, crop=crop)
    networks = BundleSource(bundle, crop, job.provider, loaded.sha256, loaded)
    about = json.loads(json.dumps(about))  # as read again
    return PreparedJob(found, manifest, networks, about, templates)
