"""A job and its identity, so that results of different jobs are never mixed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

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
from lpel_serving.images.crops import parse_crop
from lpel_serving.methods.catalogue.description import missing_needs
from lpel_serving.methods.measured.stream import DEFAULT_BATCH
from lpel_serving.methods.method import Need
from lpel_serving.support.errors import OutputError, ParameterError
from lpel_serving.support.files import write_atomically
from lpel_serving.support.urls import refuse_urls

_CONFIGURATION = ("the settings", "the crop", "the provider")
_CALLED = {"responses": "response decoder"}
_SEARCH = "the search"
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
        return _SEARCH in self.about

    @property
    def identity(self) -> str:
        """SHA-256 of everything that determines the results."""
        return identity_of(self.about)


def identity_of(about: Mapping[str, Any]) -> str:
    """Identify a job by everything that determines its results."""
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _check_needs(settings: BatchSettings, manifest: Manifest) -> None:
    """Raise `ParameterError` if the bundle lacks a network that the method needs."""
    there: set[Need] = {"images", "decoder"}
    if manifest.responses is not None:
        there.add("responses")
    if manifest.surrogate is not None:
        there.add("surrogate")
    lacking = missing_needs(settings.make_method(), there)
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
    crop = job.crop or manifest.crop
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
        about[_SEARCH] = "among other images"
    # Workers may have another working folder.
    out, bundle = job.out.absolute(), job.bundle.absolute()
    found = replace(job, out=out, bundle=bundle, settings=settings, crop=crop)
    networks = BundleSource(bundle, crop, job.provider, loaded.sha256, loaded)
    about = json.loads(json.dumps(about))  # as read again
    return PreparedJob(found, manifest, networks, about, templates)


def claim(places: Places, asked: PreparedJob) -> PreparedJob:
    """Claim the folder for this job, or check that it is this job's.

    Returns
    -------
    PreparedJob
        With the unused settings taken from the job that began the folder: they are in its identity.

    Raises
    ------
    OutputError
        If it holds another job, or something else.
    """
    if not places.job.is_file():
        ours = (places.lock, places.own)
        strangers = [one.name for one in places.out.iterdir() if one not in ours]
        if strangers:
            raise OutputError(
                f"{places.out} is not empty ({strangers[0]}): name a folder that is, or one that "
                "`lpel batch` wrote."
            )
        _write_about(places, asked.about)
        return asked
    before = read_about(places)
    if _SEARCH not in before:
        asked = replace(asked, about={n: one for n, one in asked.about.items() if n != _SEARCH})
    asked = _as_begun(asked, before)
    changed = [
        _named(name, before.get(name), value)
        for name, value in asked.about.items()
        if before.get(name) != value
    ]
    is_planned = places.shards.is_file() or before.keys() != asked.about.keys()
    if changed and not is_planned:  # no results yet: its list may be corrected
        places.clear()
        _write_about(places, asked.about)
    elif changed:
        raise OutputError(
            f"{places.out} holds the results of another job: {', '.join(changed)} changed since. "
            "Write elsewhere, or delete it."
        )
    return asked


def _as_begun(asked: PreparedJob, before: Mapping[str, Any]) -> PreparedJob:
    """Take over settings without effect from the begun job: the results are the same."""
    begun, job = before.get("the settings"), asked.job
    old = cast("dict[str, Any]", begun) if isinstance(begun, dict) else {}
    names = job.settings.unused(search=job.lists.gallery is not None)
    if not all(isinstance(old.get(name), int) for name in names):
        return asked
    settings = replace(job.settings, **{name: old[name] for name in names})
    about = {**asked.about, "the settings": json.loads(json.dumps(settings.described()))}
    return replace(asked, job=replace(job, settings=settings), about=about)


def _named(name: str, before: Any, now: Any) -> str:
    """Name what changed, with its fields, and the methods: nobody need have named those."""
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return name
    old, new = cast("dict[str, Any]", before), cast("dict[str, Any]", now)
    fields = sorted(field for field in old.keys() | new.keys() if old.get(field) != new.get(field))
    methods = {"method": f"method from {old.get('method')} to {new.get('method')}"}
    return f"{name} ({', '.join(methods.get(field, field) for field in fields)})"


def _write_about(places: Places, about: Mapping[str, Any]) -> None:
    write_atomically(places.job, json.dumps(about, indent=2).encode() + b"\n")


def read_about(places: Places) -> Mapping[str, Any]:
    """Read what determines the results in a folder.

    Raises
    ------
    OutputError
        If it is no folder of a job.
    """
    try:
        return dict(json.loads(places.job.read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise OutputError(
            f"{places.out} holds no results of `lpel batch`: its {places.job.name} cannot be read."
        ) from error
