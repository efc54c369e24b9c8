"""Schemas of the faces that were found in the photographs."""

from typing import Annotated

from pydantic import BaseModel, Field


class FaceBox(BaseModel, extra="forbid"):
    """Where a face lies, in pixels of the upright photograph; right and bottom lie outside."""

    left: int
    top: int
    right: int
    bottom: int


class FacesFound(BaseModel, extra="forbid"):
    """The faces of a photograph, and which of them was taken."""

    count: Annotated[int, Field(ge=1)]
    taken: Annotated[int, Field(ge=0, description="Place of its box.")]
    boxes: Annotated[list[FaceBox], Field(description="The largest first.")]


class FacesOfPair(BaseModel, extra="forbid"):
    """The faces found in both photographs; null where the crop looks for none."""

    reference: FacesFound | None
    test: FacesFound | None
