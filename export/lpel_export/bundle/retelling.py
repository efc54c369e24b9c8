"""Puts what training records about faces and people into the words of a bundle's own subject."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from lpel_serving.bundle.manifest import Manifest
from lpel_serving.images.subject import FACES, Subject

_NOT_LOOKED_FOR = ("photographs_without_face", "photographs_with_several_faces")
"""Left out where no face was looked for, or none was missed."""


def retold(manifest: Manifest) -> Manifest:
    """Put a new manifest's records of its making into the words of its subject.

    A manifest of faces stays as it is.
    """
    subject = manifest.subject
    if subject == FACES:
        return manifest
    decoder, responses, surrogate = manifest.decoder, manifest.responses, manifest.surrogate
    confidence, plausibility, usual = manifest.confidence, manifest.plausibility, manifest.usual

    def tell(record: Mapping[str, Any]) -> dict[str, Any]:
        return cast("dict[str, Any]", _retold(record, subject))

    return replace(
        manifest,
        decoder=decoder and replace(decoder, training=tell(decoder.training)),
        threshold=replace(manifest.threshold, chosen=tell(manifest.threshold.chosen)),
        parity=tell(manifest.parity),
        responses=responses and replace(responses, training=tell(responses.training)),
        surrogate=surrogate and replace(surrogate, training=tell(surrogate.training)),
        confidence=confidence and replace(confidence, fitted=tell(confidence.fitted)),
        plausibility=plausibility and replace(plausibility, fitted=tell(plausibility.fitted)),
        usual=usual and replace(usual, measured=tell(usual.measured)),
    )


def _retold(value: Any, subject: Subject) -> Any:
    match value:
        case str():
            return subject.retell(value)
        case Mapping():
            record = cast("Mapping[str, Any]", value)
            return {
                _key(key, subject): one if key == "command" else _retold(one, subject)
                for key, one in record.items()
                if one or key not in _NOT_LOOKED_FOR
            }
        case list() | tuple():
            return [_retold(one, subject) for one in cast("list[Any]", value)]
        case _:
            return value


def _key(key: str, subject: Subject) -> str:
    return {"people": subject.group_key, "mean_face": "mean_image"}.get(key, key)
