"""What the routes about a pair share: reading its faces, and the decision."""

import asyncio

import numpy as np

from lpel_serving.engine.pair import decide_pair
from lpel_serving.equations.direction import check_comparable
from lpel_serving.images.crops import own_name
from lpel_serving.images.cutting import check_choice
from lpel_serving.methods.decided import DecidedPair
from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.service.embedded_face import EmbeddedFace
from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.messages.problems import Problem, concerning
from lpel_serving.service.http.schemas.requests import IMAGES, VerifyFields
from lpel_serving.support.errors import FaceChoiceError, ImageError, NoDirectionError


async def read_faces(
    asked: VerifyFields, service: ExplanationService, token: CancellationToken
) -> tuple[EmbeddedFace, EmbeddedFace]:
    """Read and embed the two faces of a request.

    Raises
    ------
    Problem
        If one cannot be used, or not be cropped as requested; it says which.
    """
    _check_crop(asked, service)
    both = await asyncio.gather(
        _face(asked.reference, "reference", asked.reference_face, asked, service, token),
        _face(asked.test, "test", asked.test_face, asked, service, token),
    )
    # If neither can be used, the error names the reference, whichever was read first.
    reference, test = (_usable(face) for face in both)
    return reference, test


def _check_crop(fields: VerifyFields, service: ExplanationService) -> None:
    with concerning("crop"):
        crop = service.find_crop(fields.crop)
    for name in IMAGES:
        with concerning(f"{name}_face"):
            check_choice(crop, getattr(fields, f"{name}_face"), name)


def _usable(face: EmbeddedFace | Problem) -> EmbeddedFace:
    if isinstance(face, Problem):
        raise face
    return face


async def _face(
    data: bytes,
    name: str,
    face: int | None,
    asked: VerifyFields,
    service: ExplanationService,
    token: CancellationToken,
) -> EmbeddedFace | Problem:
    """Read and embed a face, or say what is wrong with its image."""
    try:
        found = await service.face(data, token, crop=asked.crop, name=name, face=face)
        check_comparable(service.explainer.comparison, found.embedding[np.newaxis], [name])
    except FaceChoiceError as error:
        return Problem(422, str(error), about=f"{name}_face")
    except (ImageError, NoDirectionError) as error:
        return Problem(422, str(error), about=name)
    return found


def decide(
    faces: tuple[EmbeddedFace, EmbeddedFace], fields: VerifyFields, service: ExplanationService
) -> DecidedPair:
    """Decide on the two faces of a request."""
    reference, test = faces
    return decide_pair(
        service.manifest,
        service.explainer.comparison,
        service.explainer.plausibility,
        (reference.crop, test.crop),
        (reference.embedding, test.embedding),
        crop=crop_name(service, fields.crop),
        found=(reference.found, test.found),
    )


def crop_name(service: ExplanationService, crop: str | None) -> str:
    """Return the canonical name of a request's crop, or of the server's own."""
    if crop is None:
        return next(iter(service.crops))
    cut = service.find_crop(crop)
    known = (name for name, one in service.crops.items() if one == cut)
    return next(known, own_name(cut) or crop)
