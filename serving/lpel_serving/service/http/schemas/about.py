"""Schemas of what a server offers: crops, samples and limits."""

from typing import Annotated

from pydantic import BaseModel, Field


class SubjectEntry(BaseModel, extra="forbid"):
    """What is compared, in words: one of them, several, what two share, what they show if not."""

    one: str
    many: str
    same: str
    different: str


class CropEntry(BaseModel, extra="forbid"):
    """A way to cut faces out."""

    name: str
    title: str
    default: bool


class SampleFace(BaseModel, extra="forbid"):
    """A face of a sample."""

    name: str
    url: str


class SampleEntry(BaseModel, extra="forbid"):
    """A pair that the page offers."""

    title: str
    crop: str
    same_person: Annotated[
        bool | None, Field(description="Whether both are one person; null where it is not known.")
    ]
    reference: SampleFace
    test: SampleFace


class LimitsEntry(BaseModel, extra="forbid"):
    """What is taken."""

    request_bytes: int
    pixels: int
    seconds: Annotated[float, Field(gt=0, description="From a request to its answer.")]
