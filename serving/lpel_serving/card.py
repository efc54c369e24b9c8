"""A bundle's model card: what its manifest says, in words, and nothing that it does not say."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, cast

from lpel_serving.manifest import Manifest

NOT_STATED = "not stated"


def facts(manifest: Manifest) -> dict[str, Any]:
    """Gather what a manifest says, for programs: all of it, and the card."""
    return {
        **asdict(manifest),
        "licence": manifest.licence or NOT_STATED,
        "card": {"for": list(_purpose(manifest)), "not_for": list(_limits(manifest))},
    }


def card(manifest: Manifest) -> Iterator[str]:
    """Tell what a manifest says, for people, line by line."""
    yield f"written by {manifest.created_by}, schema {manifest.schema}"
    yield f"licence of the weights: {manifest.licence or NOT_STATED}"
    yield "files, as the manifest lists them (`lpel bundle check` verifies them):"
    for name, file in manifest.files.items():
        yield f"  {name}: {file.bytes:,} bytes, SHA-256 {file.sha256}"
    embedder = manifest.embedder
    yield f"embedder: {embedder.name}"
    yield (
        f"  RGB images of {embedder.image_size} by {embedder.image_size}, embeddings of "
        f"{embedder.dimension} features; standardisation: {embedder.standardisation}"
    )
    side = manifest.decoder.image_size
    yield f"decoder: pictures of {side} by {side}"
    yield from _lines(manifest.decoder.training)
    if manifest.responses is None:
        yield "response decoder: none"
    else:
        side = manifest.responses.side
        yield f"response decoder: {side} by {side} superpixels"
        yield from _lines(manifest.responses.training)
    yield f"crop: {manifest.crop}"
    yield f"threshold: {manifest.threshold.value:.4f}"
    yield from _lines(manifest.threshold.chosen)
    yield f"parity with the original networks{'' if manifest.parity else ': ' + NOT_STATED}"
    yield from _lines(manifest.parity)
    yield "What it is for"
    yield from (f"  {sentence}" for sentence in _purpose(manifest))
    yield "What it is not for"
    yield from (f"  {sentence}" for sentence in _limits(manifest))


def _lines(record: Mapping[str, Any]) -> Iterator[str]:
    for key, value in record.items():
        yield f"  {key}: {_short(value)}"


def _short(value: Any) -> str:
    """Write a value in one line: long lists by their length, without what lies deeper."""
    if isinstance(value, dict):
        inner = cast("dict[str, Any]", value)
        return ", ".join(f"{key} {_leaf(item)}" for key, item in inner.items()) or "nothing"
    return _leaf(value)


def _leaf(value: Any) -> str:
    if isinstance(value, list):
        items = cast("list[Any]", value)
        if items and all(isinstance(item, int | float | str) for item in items):
            return "[" + ", ".join(_leaf(item) for item in items) + "]"
        return f"({len(items)} entries)"
    if isinstance(value, dict):
        return "{…}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _purpose(manifest: Manifest) -> Iterator[str]:
    side = manifest.embedder.image_size
    yield (
        f"It explains why {manifest.embedder.name} called the faces of two photographs similar or "
        "dissimilar, each in the light of the other."
    )
    yield (
        f"It takes photographs whose faces are cut out by the crop {manifest.crop} and scaled to "
        f"{side} by {side} pixels."
    )
    yield f"Faces are called similar where their cosine exceeds {manifest.threshold.value:.4f}."
    if manifest.responses is None:
        yield "It has no response decoder: what each region contributes takes many inferences."
    else:
        yield "Its response decoder tells what each region contributes without more inferences."


def _limits(manifest: Manifest) -> Iterator[str]:
    yield "It tells why the network decided, not whether the network is right, nor who anybody is."
    yield (
        "Its threshold holds for the photographs and the crop that it was chosen on; on others the "
        "network may err more often."
    )
    trained = {"decoder": manifest.decoder.training}
    if manifest.responses is not None:
        trained["response decoder"] = manifest.responses.training
    for name, training in trained.items():
        seen = [
            f"{what}: {_short(training[what])}"
            for what in ("photographs", "people")
            if what in training
        ]
        yield (
            f"The {name} knows what it was trained on ({'; '.join(seen)}); of other faces it may "
            "know less."
            if seen
            else f"The manifest does not say whose photographs the {name} was trained on."
        )
    yield (
        "Its decoder turns embeddings into pictures of faces: guard embeddings as you would guard "
        "the photographs."
    )
    if manifest.licence is None:
        yield "No licence of the weights is stated: ask who made them before you pass them on."
