"""Checks a bundle step by step, as the engine would load it, and reports each finding."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.comparison_record import BY_COSINE
from lpel_serving.bundle.loading import MODEL_SUFFIX, Bundle, load_bundle, read_manifest
from lpel_serving.bundle.manifest import EXPLAINER_FILE, Manifest
from lpel_serving.bundle.safety.metadata import read_metadata
from lpel_serving.engine.explainer import Explainer
from lpel_serving.engine.session import check_opens
from lpel_serving.engine.surrogate import try_out_surrogate
from lpel_serving.images.crops import WholeImage, parse_crop
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import BundleError, EmbeddingError, ParameterError

_GREY = 128


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes
    ----------
    name
        What was checked.
    passed
        Whether the check passed.
    detail
        What was found, in one line.
    """

    name: str
    passed: bool
    detail: str


def check_bundle(folder: Path) -> list[Check]:
    """Verify the files of a bundle, open its models on the CPU, and run them on a grey image.

    Checking stops at the first failure, which is the last result.

    Raises
    ------
    MissingExtraError
        If no onnxruntime is installed.
    """
    done: list[Check] = []
    name = "manifest"
    try:
        manifest = read_manifest(folder)
        done.append(Check(name, True, f"schema {manifest.schema}, every field as expected"))
        name = "files"
        bundle = load_bundle(folder)
        done.extend(_files(bundle))
        name = "crop"
        done.append(Check(name, True, _crop(manifest.crop)))
        name = "sessions"
        explainer = Explainer(bundle, WholeImage(), "cpu", None)
        done.append(Check(name, True, f"every model opens on {explainer.provider}"))
        name = "embedder"
        grey = np.full((1, *manifest.embedder.shape), _GREY, np.uint8)
        embedding = explainer.embed(grey)
        done.append(Check(name, True, _made("a grey image", embedding)))
        if manifest.comparison != BY_COSINE:
            name = "comparison"
            done.append(Check(name, True, _compared(explainer, embedding)))
        if explainer.decodes:
            name = "decoder"
            done.append(Check(name, True, _made("its embedding", explainer.decode(embedding))))
        if explainer.plausibility is not None:
            name = "plausibility"
            distances = explainer.plausibility.distances(embedding)
            done.append(Check(name, True, f"a grey image lies {distances[0]:.4g} from the known"))
        if explainer.responds:
            name = "responses"
            done.append(Check(name, True, _made("its embedding", explainer.respond(embedding))))
        if manifest.surrogate is not None:
            name = "surrogate"
            masked = try_out_surrogate(explainer, manifest.surrogate, grey)
            done.append(Check(name, True, _made("a grey image", masked)))
        if EXPLAINER_FILE in manifest.files:
            name = EXPLAINER_FILE
            done.append(Check(name, True, _one_file((folder / name).read_bytes(), manifest)))
    except (BundleError, EmbeddingError, ParameterError) as error:
        done.append(Check(name, False, " ".join(str(error).split())))
    return done


def _files(bundle: Bundle) -> Iterator[Check]:
    for name, record in bundle.manifest.files.items():
        detail = f"{record.bytes:,} bytes, SHA-256 {record.sha256} as listed"
        if name.endswith(MODEL_SUFFIX):
            detail += "; standard operators, weights inside and finite"
        yield Check(name, True, detail)
    yield Check("folder", True, "holds nothing that the manifest does not list")


def _crop(text: str) -> str:
    if entry_points(group="lpel.crops", name=text):  # not loaded: loading a detector takes seconds
        return f"{text}, a plugin that is installed"
    parse_crop(text)
    return text


def _one_file(model: bytes, manifest: Manifest) -> str:
    check_opens(model)
    about = read_metadata(memoryview(model))
    if about.get("bundle_sha256") != manifest.identity:
        raise BundleError(
            f"it was made of another bundle, {about.get('bundle_sha256', 'which it does not name')}"
            f"; this one is {manifest.identity}: run `lpel export` again."
        )
    return f"opens, was made of this bundle, explains by {about.get('method')}"


def _compared(explainer: Explainer, embedding: Floats) -> str:
    """Compare an image with itself."""
    record = explainer.manifest.comparison
    own = record.own_of(float(explainer.comparison.similarity(embedding, embedding)[0]))
    return f"by {record.kind}: a grey image and itself have the {record.measure} {own:.4g}"


def _made(what: str, values: NDArray[Any]) -> str:
    if not np.isfinite(values).all():
        raise BundleError(f"{what} gives NaN or infinity: its weights are broken; train it again.")
    shape = " by ".join(map(str, values.shape[1:]))
    return f"{what} gives {shape} finite numbers"
