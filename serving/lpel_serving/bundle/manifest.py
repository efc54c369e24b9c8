"""The manifest, `manifest.json`: its fields, and how they are written."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from lpel_serving.bundle.assessment_record import AssessmentRecord
from lpel_serving.bundle.comparison_record import BY_COSINE, ComparisonRecord
from lpel_serving.bundle.confidence_record import ConfidenceRecord
from lpel_serving.bundle.plausibility_record import PlausibilityRecord
from lpel_serving.bundle.usual_record import UsualRecord
from lpel_serving.images.subject import FACES, Subject
from lpel_serving.support.image_shape import ImageShape, drawn_from

SCHEMA = 2
"""The newest manifest that this engine reads: see `schema_of`."""

IMAGE, EMBEDDING, RECONSTRUCTION, RESPONSE = "image", "embedding", "reconstruction", "response"
"""The fixed tensor names of all bundles."""

EMBEDDER_FILE, MANIFEST_FILE = "embedder.onnx", "manifest.json"
DECODER_FILE, RESPONSE_FILE = "decoder.onnx", "responses.onnx"
"""The decoder and the response decoder: a bundle may lack one of them."""
SURROGATE_FILE, SIMULATION_FILE = "surrogate.onnx", "simulation.onnx"
"""The two graphs of the surrogate, which a bundle may lack: see `SurrogateRecord`."""
LOCAL_FEATURES = "local_features"
"""The second output of the embedder of a bundle with a surrogate."""
COALITION, FILL, MASKED_EMBEDDING = "coalition", "fill", "masked_embedding"
DONOR_EMBEDDING, DONOR_FEATURES = "donor_embedding", "donor_local_features"
SHOWN_STATE, EFFECTS = "shown_state", "effects"
"""The surrogate's further tensors: see `SurrogateRecord`."""
PLAUSIBILITY_FILE = "plausibility.f32"
"""The numbers of its check of plausibility; a bundle may lack it."""
EXPLAINER_FILE = "explainer.onnx"
"""The one-file explainer, for other runtimes; a bundle may lack it."""


@dataclass(frozen=True)
class FileRecord:
    """A file of the bundle: its SHA-256 in hexadecimal and its size."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class EmbedderRecord:
    """The embedding network ``f``, from `image` to `embedding`.

    Attributes
    ----------
    name
        Which network and weights it is.
    shape
        Of the uint8 image that it takes: RGB, or grey.
    dimension
        Length D of its embeddings, float32, shape (batch, D).
    standardisation
        How the graph standardises pixels, for information.
    """

    name: str
    shape: ImageShape
    dimension: int
    standardisation: str

    def fields(self) -> dict[str, Any]:
        """Return its fields by their names in the manifest."""
        return _written(self)


@dataclass(frozen=True)
class DecoderRecord:
    """The decoder ``g``, from `embedding` to `reconstruction`.

    Attributes
    ----------
    shape
        Of the reconstructions, float32 in about [0, 1].
    training
        How it was trained: data, split, optimiser, seed, losses.
    """

    shape: ImageShape
    training: Mapping[str, Any]


@dataclass(frozen=True)
class ResponseRecord:
    """The response decoder, from `embedding` to `response`.

    Attributes
    ----------
    side
        Superpixels along one side; responses are float32, shape (batch, side, side, D).
    training
        How it was trained: data, split, coalitions, optimiser, seed, losses.
    """

    side: int
    training: Mapping[str, Any]


@dataclass(frozen=True)
class SurrogateRecord:
    """The surrogate: predicts the embedding of an image with superpixels replaced.

    It has two graphs, so that an image can be asked about many times. `surrogate.onnx` is run once
    for an image, one fill at a time. Its inputs are `embedding`, unit length, (image, D), and
    `local_features`, (image, K, C), those of donors under `donor_embedding` and
    `donor_local_features`, of the same shapes, which only transplants read; `fill`, int64, the
    place of the fill in `fills`, shape (). Its outputs are `shown_state`, (image, state), the state
    of the image as it is, and `effects`, (image, K + E, state), what replacing each superpixel adds
    to it, then what replacing both of each of the E pairs of neighbours adds besides: those side by
    side, row by row, then those one above the other.

    `simulation.onnx` is run on any number of coalitions. Its inputs are these two, `embedding`,
    `donor_embedding`, here 0 unless the fill is transplants, and `coalition`, 1 where a superpixel
    is replaced, (image or 1, coalition, K), between 0 and 1 where its state moves a part of the
    way. Its output is `masked_embedding`, (image, coalition, D). All but `fill` are float32.

    Attributes
    ----------
    side
        Superpixels along one side, K in all.
    channels
        Numbers C of the local features of a superpixel.
    fills
        The names of the fills that it knows, in order; transplants, if it knows them, come last.
    layers
        The tensors of the embedder's graph that the local features are computed from, by name.
    training
        How it was trained: data, split, coalitions, optimiser, seed, losses.
    """

    side: int
    channels: int
    fills: tuple[str, ...]
    layers: tuple[str, ...]
    training: Mapping[str, Any]

    @property
    def effects(self) -> int:
        """K + E: superpixels, and pairs of neighbours, on the grid."""
        return self.side**2 + 2 * self.side * (self.side - 1)


@dataclass(frozen=True)
class ThresholdRecord:
    """The similarity above which two faces are called the same, and how it was chosen."""

    value: float
    chosen: Mapping[str, Any]


@dataclass(frozen=True)
class Manifest:
    """Everything an engine needs to know of a bundle.

    Attributes
    ----------
    files
        Every file of the bundle but the manifest, by name.
    decoder
        Its decoder; None if it has none, but a response decoder.
    crop
        How photographs become face crops: `none`, a share of the shorter side, or a plugin's name.
    parity
        By how much the ONNX models differed from Keras when they were exported.
    created_by
        The software that wrote the bundle.
    responses
        Its response decoder; None if it has none.
    surrogate
        Its surrogate; None if it has none.
    licence
        The licence of its weights, in its maker's words; None if the bundle does not say.
    confidence
        The predicted probability of one person; None if it was not fitted.
    plausibility
        The check of plausibility; None if it was not fitted.
    usual
        The usual shares of its maps; None if they were not measured.
    assessment
        The deletion curves of its methods; None if they were not measured.
    comparison
        How its network compares two embeddings.
    subject
        What it compares.
    """

    files: Mapping[str, FileRecord]
    embedder: EmbedderRecord
    decoder: DecoderRecord | None
    crop: str
    threshold: ThresholdRecord
    parity: Mapping[str, Any] = field(default_factory=dict[str, Any])
    created_by: str = "lpel"
    responses: ResponseRecord | None = None
    surrogate: SurrogateRecord | None = None
    licence: str | None = None
    confidence: ConfidenceRecord | None = None
    plausibility: PlausibilityRecord | None = None
    usual: UsualRecord | None = None
    assessment: AssessmentRecord | None = None
    comparison: ComparisonRecord = BY_COSINE
    subject: Subject = FACES

    @property
    def schema(self) -> int:
        """Its schema: see `schema_of`."""
        return schema_of(self)

    @property
    def drawn(self) -> ImageShape:
        """Shape of the images that its decoder draws, on whose pixels superpixels are measured.

        Without a decoder it is the shape that one would have.
        """
        return drawn_from(self.embedder.shape) if self.decoder is None else self.decoder.shape

    @property
    def training(self) -> Mapping[str, Any]:
        """The first of its trainings: it says how the data were divided, and what was left out."""
        first = self.decoder or self.responses
        return {} if first is None else first.training

    @cached_property
    def identity(self) -> str:
        """SHA-256 of the manifest without the one-file explainer, which names its sources.

        The confidence, the check of plausibility, the usual shares and the assessment are left out
        too: they change no map and no decision, so that an explainer still matches its bundle after
        a new calibration.
        """
        apart = {EXPLAINER_FILE, PLAUSIBILITY_FILE}
        files = {name: file for name, file in self.files.items() if name not in apart}
        bare = replace(
            self, files=files, confidence=None, plausibility=None, usual=None, assessment=None
        )
        return hashlib.sha256(bare.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Serialise, keys in order of declaration; absent and usual parts are left out."""
        fields = {key: value for key, value in self.fields().items() if value is not None}
        return json.dumps(fields, indent=2, allow_nan=False) + "\n"

    def fields(self) -> dict[str, Any]:
        """Return its fields by their names in the file; absent parts are None."""
        decoder = None if self.decoder is None else _written(self.decoder)
        networks = {"embedder": _written(self.embedder), "decoder": decoder}
        usual: dict[str, Any] = {}
        if self.comparison == BY_COSINE:
            usual["comparison"] = None
        if self.subject == FACES:
            usual["subject"] = None
        return {**asdict(self), **networks, **usual, "schema": self.schema}


def schema_of(manifest: Manifest) -> int:
    """The oldest schema whose engines understand all that a manifest says.

    It is 2 where images are not square RGB, embeddings are not compared by their cosine, what is
    compared is not faces, or there is no decoder.
    """
    is_new = (
        not all(one.is_square_rgb for one in (manifest.embedder.shape, manifest.drawn)),
        manifest.decoder is None,
        manifest.comparison != BY_COSINE,
        manifest.subject != FACES,
    )
    return 2 if any(is_new) else 1


def _written(network: EmbedderRecord | DecoderRecord) -> dict[str, Any]:
    """Write a network's fields; of square RGB images the side alone, as in schema 1."""
    shape = network.shape
    size = ("image_size", shape.height) if shape.is_square_rgb else ("image_shape", list(shape))
    return dict(size if key == "shape" else (key, value) for key, value in asdict(network).items())
