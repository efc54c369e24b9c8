"""Schemas of the methods of a server: what they explain, and what that costs."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

Decision = Literal["similar", "dissimilar"]
Seconds = Annotated[
    float | None,
    Field(ge=0, description="That its embeddings take here at present, as measured."),
]
Control = Annotated[bool, Field(description="Whether its map does not depend on the pair.")]


class Cost(BaseModel, extra="forbid"):
    """What it takes to explain a pair of one decision, both ways."""

    embeddings: Annotated[int, Field(ge=0, description="Images besides the two.")]
    seconds: Seconds
    finishes: bool


class ParameterEntry(BaseModel, extra="forbid"):
    """A parameter of a method: what a request may set."""

    name: str
    meaning: str
    kind: Literal["whole number", "number", "yes or no", "choice", "whole numbers", "text"]
    default: Any
    optional: Annotated[bool, Field(description="Whether it may be null.")]
    least: float | None
    most: float | None
    above: Annotated[float | None, Field(description="It is more than that.")]
    choices: list[Any]
    allowed: Annotated[str, Field(description="The same in words.")]


class MethodEntry(BaseModel, extra="forbid"):
    """An explanation method, or a control, which is there to measure methods by."""

    name: str
    title: Annotated[str, Field(description="What its maps show, in a few plain words.")]
    summary: str
    paper: Annotated[str | None, Field(description="Where it was published.")]
    parameters: Annotated[dict[str, Any], Field(description="With the values that they have.")]
    parameter_details: Annotated[
        list[ParameterEntry], Field(description="What of them a request may set.")
    ]
    needs: Annotated[
        list[Literal["images", "decoder", "responses", "surrogate"]] | None,
        Field(description="What it needs of the networks; null if it does not say."),
    ]
    caveat: Annotated[str, Field(description="What its maps cannot prove, whatever the pair.")]
    one_file: Annotated[bool, Field(description="Whether explainer.onnx can hold it.")]
    embeddings: Annotated[
        int, Field(ge=0, description="Images that it embeds besides the two, for both ways.")
    ]
    signed: bool
    decisions: list[Decision]
    control: Control
    available: bool
    reason: Annotated[
        str | None, Field(description="Why it can explain nothing here; null if it can.")
    ]
    seconds: Seconds
    finishes: Annotated[
        bool,
        Field(
            description="Whether that is no longer than a request may take, for one decision at "
            "least; what clearly takes longer is refused with 422."
        ),
    ]
    costs: Annotated[
        dict[Decision, Cost], Field(description="For each decision that it can explain.")
    ]
