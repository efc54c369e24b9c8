"""The shapes of what a server says of its methods: what they explain, and what that costs."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

Decision = Literal["similar", "dissimilar"]
Seconds = Annotated[
    float | None,
    Field(ge=0, description="That its embeddings take here at present, as measured."),
]
Control = Annotated[bool, Field(description="Whether its map knows nothing of the pair.")]


class Cost(BaseModel, extra="forbid"):
    """What it takes to explain a pair of one decision, both ways."""

    embeddings: Annotated[int, Field(ge=0, description="Images besides the two.")]
    seconds: Seconds
    finishes: bool


class MethodEntry(BaseModel, extra="forbid"):
    """An explanation method, or a control, which is there to measure methods by."""

    name: str
    title: Annotated[str, Field(description="What its maps show, in a few plain words.")]
    summary: str
    parameters: dict[str, Any]
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
