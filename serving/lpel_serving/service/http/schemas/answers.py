"""Answers, route by route: each is validated by its model before it is sent."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from lpel_serving.equations.comparison import ComparisonKind
from lpel_serving.service.http.schemas.about import (
    CropEntry,
    LimitsEntry,
    SampleEntry,
    SubjectEntry,
)
from lpel_serving.service.http.schemas.arrays import Bits, Counts, Curve, Numbers, Picture
from lpel_serving.service.http.schemas.faces import FacesOfPair
from lpel_serving.service.http.schemas.methods import Control, Decision, MethodEntry
from lpel_serving.service.http.schemas.regions import Region, Usual

Share = Annotated[float, Field(ge=0, le=1)]
Similarity = Annotated[float, Field(le=1)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(_Answer):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    about: Annotated[
        str | None, Field(description="The field of the request that it is about.")
    ] = None


class Confidence(_Answer):
    """Share of pairs this similar that show one person, where as many show one as two."""

    same_person: Share
    pairs: Annotated[int, Field(description="That it was fitted on.")]


class ImagePlausibility(_Answer):
    """How far an image lies from the photographs that the bundle knows."""

    plausible: bool
    distance: Annotated[float, Field(ge=0, description="Mahalanobis, of its unit embedding.")]


class Plausibility(_Answer):
    """Whether the images are of the kind that the bundle's numbers were fitted on."""

    plausible: Annotated[
        bool,
        Field(description="Whether both are. If not, no confidence and no regions are given."),
    ]
    reference: ImagePlausibility
    test: ImagePlausibility
    limit: Annotated[float, Field(gt=0, description="The largest distance that is plausible.")]


class Comparison(_Answer):
    """How the network compares two embeddings, on its own scale."""

    kind: ComparisonKind
    measure: Annotated[str, Field(description="What its users call it, such as distance.")]
    value: Annotated[float, Field(description="Of this pair; of a distance, less is more alike.")]
    threshold: float


class _OfDecision(_Answer):
    similarity: Annotated[
        Similarity,
        Field(
            description="Cosine of the two embeddings (Eq. 5.1), or what takes its place: see "
            "`comparison`."
        ),
    ]
    threshold: Annotated[Similarity, Field(description="Above it the network calls faces similar.")]
    margin: Annotated[float, Field(description="Similarity less threshold: above 0 if similar.")]
    decision: Decision
    comparison: Annotated[
        Comparison | None, Field(description="Where embeddings are not compared by their cosine.")
    ] = None
    confidence: Annotated[
        Confidence | None,
        Field(description="Null where the bundle does not know, or an image is not plausible."),
    ]
    plausibility: Annotated[
        Plausibility | None, Field(description="Null where the bundle does not know.")
    ]
    words: Annotated[list[str], Field(description="The verdict, made from these numbers alone.")]
    caveats: Annotated[list[str], Field(description="What it cannot prove.")]


class _Provenance(_Answer):
    crop: Annotated[str, Field(description="How the faces were cut out.")]
    faces: Annotated[
        FacesOfPair | None,
        Field(description="Left out where the bundle is of no faces and the crop looks for none."),
    ] = None
    embedder: str
    bundle: Annotated[Sha256, Field(description="Identity of the bundle.")]
    models: Annotated[dict[str, Sha256], Field(description="SHA-256 of every file of the bundle.")]


class VerifyAnswer(_OfDecision, _Provenance):
    """Whether the network calls two faces the same."""


class OneWay(_Answer):
    """Why one image is called similar or dissimilar to the other."""

    regions: Annotated[
        list[Region], Field(description="Empty where one of the images is not plausible.")
    ]
    mask_share: Annotated[Share, Field(description="Of the pixels: those that matter most.")]
    reconstruction_mse: Annotated[
        float | None,
        Field(
            ge=0,
            description="Of the decoder on this face (Eq. 4.1), pixels in [0, 1]; null where the "
            "bundle has no decoder.",
        ),
    ]
    typical_mse: Annotated[
        float | None, Field(description="The same on people it was not trained on, on average.")
    ]
    heat_map: Annotated[
        Numbers | None,
        Field(
            description="Positive where a pixel speaks for the decision. As a picture each map has "
            "a scale of its own."
        ),
    ] = None
    mask: Annotated[Bits | None, Field(description="Where the map exceeds epsilon.")] = None
    reconstruction: Annotated[
        Numbers | None,
        Field(description="What the decoder gives; left out where the bundle has none."),
    ] = None
    overlay: Picture | None = None
    crop: Picture | None = None


class BothWays(_Answer):
    """Each image explained in comparison with the other."""

    reference: OneWay
    test: OneWay


class Agreement(_Answer):
    """How alike the two explanations are."""

    spearman: Annotated[float, Field(ge=-1, le=1)]
    mask_iou: Share


class MethodUsed(_Answer):
    """The method and what it was given."""

    name: str
    control: Control
    parameters: dict[str, Any]
    seed: int
    epsilon: Share | None = None


class ExplainAnswer(_OfDecision, _Provenance):
    """Why the network calls two faces the same or different."""

    beside_map: Annotated[
        str | None, Field(description="The one of the caveats that belongs beside the maps.")
    ]
    usual: Annotated[
        Usual | None,
        Field(description="Null where the bundle does not know, for this method, p and crop."),
    ]
    agreement: Agreement
    explanations: BothWays
    method: MethodUsed
    figure: Picture | None = None


class RandomCurves(_Answer):
    """The curves of random orders at each step: their mean, the lowest, the highest."""

    mean: Curve
    low: Curve
    high: Curve


class Areas(_Answer):
    """Areas under the curves."""

    own: float
    random: Curve
    random_mean: float


class AssessAnswer(_Provenance):
    """The faithfulness check of one explanation: its own curve, and those of random orders."""

    curve: str
    title: str
    decision: Decision
    similarity: Similarity
    method: MethodUsed
    scale: str
    lower_is_better: bool
    replaced: Annotated[Counts, Field(description="Superpixels replaced at each step.")]
    own: Curve
    random: RandomCurves
    area: Areas
    plausibility: Annotated[
        Plausibility | None, Field(description="Null where the bundle does not know.")
    ]
    beaten: Annotated[int, Field(ge=0, description="Random orders that the own one beats.")]
    draws: Annotated[int, Field(ge=1)]
    words: list[str]
    caveats: list[str]


class MethodsAnswer(_Answer):
    """The explanation methods."""

    default: str
    methods: list[MethodEntry]


class Browser(_Answer):
    """What a page needs to compute by itself."""

    explainer: str
    bytes: int
    sha256: Sha256
    method: str
    parameters: Annotated[
        dict[str, str], Field(description="Those of the method that the file was made with.")
    ]
    caveats: Annotated[
        list[str], Field(description="Of its maps; the first limits what they show the most.")
    ]
    runtime: str
    crops: list[str]


class AboutAnswer(_Answer):
    """What this server offers."""

    version: str
    embedder: str
    licence: str | None
    bundle: Sha256
    subject: SubjectEntry
    image_shape: Annotated[list[int], Field(description="Height, width and channels.")]
    reconstruction_shape: Annotated[
        list[int] | None,
        Field(description="Of the decoder's images; null where the bundle has no decoder."),
    ]
    threshold: Similarity
    comparison: Annotated[
        ComparisonKind, Field(description="What the similarity is made of: see `comparison`.")
    ]
    spread: Annotated[
        float | None,
        Field(
            gt=0,
            description="Root mean square of the distances of the training's embeddings from their "
            "mean: of a distance d the similarity is 1 - d² / (2 spread²). Null where embeddings "
            "are compared by their cosine, which needs none.",
        ),
    ]
    crops: list[CropEntry]
    default_method: str
    methods: list[MethodEntry]
    samples: list[SampleEntry]
    limits: LimitsEntry
    formats: list[str]
    key_needed: bool
    figures: bool
    browser: Browser | None
