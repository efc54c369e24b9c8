"""A running service with everything that the page can use: samples, and a runtime for browsers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from lpel_export.bundle.writer import write_with_explainer
from lpel_export.explainer import build_explainer
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.service.http.settings import Settings
from support.areas import INSTALLED
from support.service import started

RUNTIME = INSTALLED / "browser" / "node_modules" / "onnxruntime-web" / "dist"
"""Where scripts/runtimes puts what the page needs to compute."""


@contextmanager
def running(settings: Settings) -> Iterator[str]:
    """Run the service while the context is open; yield its address."""
    with started(settings) as one:
        yield f"http://{settings.host}:{one.port}"


def write_samples(folder: Path, crops: np.ndarray, names: list[str]) -> Path:
    """Write pairs of crops, uint8, shape (2 N, S, S, 3), as `lpel demo` writes its samples."""
    folder.mkdir()
    entries = []
    for place in range(len(crops) // 2):
        entry = {"title": f"Pair {place + 1}", "crop": "none"}
        for role, at in (("reference", 2 * place), ("test", 2 * place + 1)):
            file = f"{place}-{role}.png"
            Image.fromarray(crops[at]).save(folder / file)
            entry[role] = {"name": names[at], "file": file}
        entries.append(entry)
    (folder / "samples.json").write_text(json.dumps(entries), encoding="utf-8")
    return folder


def add_explainer(
    bundle: Path, folder: Path, method: str = "responses", fill: str | None = None
) -> Path:
    """The same bundle with its one-file explainer, in another folder."""
    loaded = load_bundle(bundle)
    write_with_explainer(folder, loaded, build_explainer(loaded, method, fill=fill))
    return folder
