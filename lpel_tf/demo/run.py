"""The demo: from published weights to explained pairs."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lpel_serving.bundle.manifest import Manifest
from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.explainer import Explainer
from lpel_serving.images.crops import WholeImage
from lpel_serving.images.reading import read_pixels
from lpel_serving.methods.explanation import PairExplanation
from lpel_serving.report.array_file import write_arrays
from lpel_serving.report.document import document
from lpel_serving.report.figures import write_pair_figure
from lpel_serving.report.pictures import png
from lpel_serving.service.samples import LIST
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.errors import OutputError
from lpel_serving.support.files import write_atomically, write_folder
from lpel_serving.support.image_shape import square
from lpel_serving.support.progress import Progress
from lpel_tf.bundles.assembly import assemble
from lpel_tf.bundles.decoder_training import FinishedDecoder
from lpel_tf.bundles.surrogate_export import export_finished_surrogate
from lpel_tf.demo.page import MARK, page
from lpel_tf.demo.photographs import PAIRS, Photograph, fetch_photographs
from lpel_tf.networks.detection import AlignedCrop
from lpel_tf.networks.embedders import from_facenet
from lpel_tf.networks.example_crops import repeat_crops
from lpel_tf.networks.facenet import DEFAULT_KEY, IMAGE_SIZE, facenet
from lpel_tf.pretrained import load_pretrained, load_pretrained_surrogate

_CROP = "mtcnn"
"""How the photographs' faces are cut out before anything is explained."""


@dataclass(frozen=True)
class ExplainedPair:
    """A pair of the demo.

    Attributes
    ----------
    name
        Begins the names of its files.
    reference, test
        The photographs.
    explanation
        Of the network's decision.
    """

    name: str
    reference: Photograph
    test: Photograph
    explanation: PairExplanation

    @property
    def same_person(self) -> bool:
        """The truth, which the network does not know."""
        return self.reference.person == self.test.person

    @property
    def right(self) -> bool:
        """Whether the network's decision is true."""
        return self.same_person == self.explanation.similar

    @property
    def truth(self) -> str:
        """Whether the network is right, and who is to be seen, in a sentence."""
        who = (
            f"both photographs show {self.reference.person}"
            if self.same_person
            else f"the photographs show {self.reference.person} and {self.test.person}"
        )
        return f"The network is {'right' if self.right else 'wrong'}: {who}."

    @property
    def title(self) -> str:
        """Who is compared with whom."""
        if self.same_person:
            return f"{self.reference.person}, two photographs"
        return f"{self.reference.person} and {self.test.person}"


@dataclass(frozen=True)
class DemoResult:
    """What the demo made: the bundle's manifest, the pairs, and the page that shows them."""

    manifest: Manifest
    pairs: tuple[ExplainedPair, ...]
    page: Path


def run_demo(out: Path, *, cache: Path | None, progress: Progress) -> DemoResult:
    """Fetch, build, export, explain and draw; see `lpel demo --help`.

    Parameters
    ----------
    out
        Folder of the results.
    cache
        Root of the cache.
    progress
        Reports how far it is.

    Raises
    ------
    LpelError
        What `lpel_tf.networks.weights.fetch`, the export and the engine raise.
    """
    check_output(out)
    photographs = fetch_photographs(cache, progress)
    crops = _align_all(photographs, progress)
    manifest = _make_bundle(out / "bundle", list(crops.values()), cache, progress)
    explainer = Explainer.load(out / "bundle", crop="none")
    explanations = explainer.explain_pairs([(crops[r], crops[t]) for r, t in PAIRS])
    pairs = tuple(
        ExplainedPair(_name(number, pair), *pair, cut_by(_CROP, explanation))
        for number, (pair, explanation) in enumerate(zip(PAIRS, explanations, strict=True), start=1)
    )
    with progress("drawing pairs", len(pairs)) as advance:
        for pair in pairs:
            figure = out / f"{pair.name}.png"
            write_pair_figure(pair.explanation, figure, pair.title, truth=pair.truth)
            write_arrays(pair.explanation, out / f"{pair.name}.npz")
            advance(1)
    document = json.dumps(document_of(manifest, pairs), indent=2, allow_nan=False) + "\n"
    write_atomically(out / "summary.json", document.encode())
    write_atomically(out / "index.html", page(manifest, pairs, out).encode())
    write_folder(out / "samples", samples(pairs))
    return DemoResult(manifest, pairs, out / "index.html")


def cut_by(crop: str, pair: PairExplanation) -> PairExplanation:
    """Say of a pair how its faces were cut out before it was explained."""
    return pair if pair.origin is None else replace(pair, origin=replace(pair.origin, crop=crop))


def check_output(out: Path) -> None:
    """Raise `OutputError` if the folder holds files of the demo's names that are not the demo's."""
    page_there = out / "index.html"
    ours = page_there.is_file() and MARK in page_there.read_bytes()
    if not ours and (page_there.exists() or (out / "summary.json").exists()):
        raise OutputError(f"{out} holds a page that is not the demo's: choose another folder.")


def samples(pairs: tuple[ExplainedPair, ...]) -> dict[str, bytes]:
    """Write the pairs' faces as files that `lpel serve --samples` offers on its page."""
    contents: dict[str, bytes] = {}
    entries: list[dict[str, Any]] = []
    for pair in pairs:
        crops = {"reference": pair.explanation.reference_crop, "test": pair.explanation.test_crop}
        people = {"reference": pair.reference.person, "test": pair.test.person}
        files = {role: f"{pair.name}-{role}.png" for role in crops}
        contents |= {files[role]: png(crop) for role, crop in crops.items()}
        faces = {role: {"name": people[role], "file": files[role]} for role in crops}
        entry = {"title": pair.title, "crop": "none", "same_person": pair.same_person}
        entries.append({**entry, **faces})
    return {LIST: (json.dumps(entries, indent=2) + "\n").encode(), **contents}


def document_of(manifest: Manifest, pairs: tuple[ExplainedPair, ...]) -> dict[str, Any]:
    """Summarise the demo as JSON-serialisable values."""
    return {
        "embedder": manifest.embedder.name,
        "threshold": manifest.threshold.value,
        "parity": dict(manifest.parity),
        "pairs": [
            {
                "name": pair.name,
                "reference": pair.reference.person,
                "test": pair.test.person,
                "same_person": pair.same_person,
                "right": pair.right,
                **document(pair.explanation),
                "control": pair.explanation.control,
            }
            for pair in pairs
        ],
    }


def _align_all(photographs: dict[Photograph, Path], progress: Progress) -> dict[Photograph, Pixels]:
    align = AlignedCrop()
    crops: dict[Photograph, Pixels] = {}
    with progress("finding faces", len(photographs)) as advance:
        for photograph, path in photographs.items():
            crops[photograph] = align(read_pixels(path), square(IMAGE_SIZE))
            advance(1)
    return crops


def _make_bundle(
    folder: Path,
    crops: list[Pixels],
    cache: Path | None,
    progress: Progress,
) -> Manifest:
    embedder = from_facenet(
        facenet(DEFAULT_KEY),
        lambda _: repeat_crops(crops),
        cache=cache,
        progress=progress,
    )
    pretrained = load_pretrained(DEFAULT_KEY)
    engine = Embedder(embedder.model, embedder.record, WholeImage())
    surrogate = load_pretrained_surrogate(DEFAULT_KEY, embedder.model)
    return assemble(
        embedder,
        FinishedDecoder(pretrained.decoder, pretrained.training),
        folder,
        crop=pretrained.crop,
        threshold=pretrained.threshold,
        confidence=pretrained.confidence,
        examples=engine.embed(np.stack(crops)),
        responses=pretrained.responses,
        surrogate=None
        if surrogate is None
        else export_finished_surrogate(surrogate, embedder, np.stack(crops)),
        plausibility=pretrained.plausibility,
        usual=pretrained.usual,
    )


def _name(number: int, pair: tuple[Photograph, Photograph]) -> str:
    surnames = [photograph.person.split()[-1].lower() for photograph in pair]
    return f"pair-{number}-{surnames[0]}-{surnames[1]}"
