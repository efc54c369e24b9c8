"""Schemas of each region's share of a map, and of the usual shares."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

Share = Annotated[float, Field(ge=0, le=1)]


class UsualShare(BaseModel, extra="forbid"):
    """The share that other pairs with the same decision have there."""

    mean: Share
    low: Annotated[Share, Field(description="10th percentile: nine of ten maps have more.")]
    high: Annotated[Share, Field(description="90th percentile: nine of ten maps have less.")]


class Region(BaseModel, extra="forbid"):
    """How much of the relevance lies in one part of a face."""

    name: Literal["forehead", "eyes", "nose", "cheeks", "mouth", "chin", "elsewhere"]
    area: Annotated[Share, Field(description="Of the crop.")]
    for_: Annotated[Share, Field(alias="for", description="Of all that is for the decision.")]
    against: Annotated[Share, Field(description="Of all that is against it.")]
    usual_for: Annotated[
        UsualShare | None, Field(description="Null where the bundle does not know: see `usual`.")
    ]
    usual_against: Annotated[
        UsualShare | None,
        Field(description="Null also where hardly any map has something against the decision."),
    ]


class Usual(BaseModel, extra="forbid"):
    """What is usual of such maps, in other pairs with the same decision."""

    pairs: Annotated[int, Field(ge=1, description="How many were measured.")]
    common: Annotated[
        float,
        Field(ge=-1, le=1, description="Share of what varies within a map that is common to all."),
    ]
