"""The metadata of the one-file explainer: what its tensors mean, written into the file itself."""

import json
from dataclasses import dataclass

from lpel_serving.equations.comparison import ComparisonKind
from lpel_serving.images.subject import FACES, Subject

INPUTS = {
    "reference": "{colours} crops of faces, 0 to 255; each is compared with the test of its place",
    "test": "{colours} crops of faces, 0 to 255",
    "reference_embedding": "embeddings of the references",
    "test_embedding": "embeddings of the tests",
    "threshold": "similarity above which a pair is called similar{range}",
    "epsilon": "threshold of the masks on heat-maps scaled to [0, 1] (Eq. 4.7)",
}
OUTPUTS = {
    "similarity": "{similarity}",
    "similar": "the network's decision, which is what is explained",
    "relevance": "relevance of each feature to the decision (Eq. 4.4), in [0, 1]",
    "reference_heat_map": "the reference explained in the light of the test: {map}",
    "reference_mask": "where the reference's heat-map, scaled to [0, 1], exceeds epsilon (Eq. 4.7)",
    "reference_reconstruction": "what the decoder makes of the reference's embedding; about [0, 1]",
    "test_heat_map": "the test explained in the light of the reference: {map}",
    "test_mask": "where the test's heat-map, scaled to [0, 1], exceeds epsilon (Eq. 4.7)",
    "test_reconstruction": "what the decoder makes of the test's embedding; about [0, 1]",
    "reference_embedding": "embedding of the reference",
    "test_embedding": "embedding of the test",
}
LIMITS = {"cosine": ", in [-1, 1]", "euclidean": ", 1 at most", "head": ", in [0, 1]"}
"""Of similarities and thresholds, by comparison."""
SIMILARITIES = {
    "cosine": "cosine of the two embeddings (Eq. 5.1), in [-1, 1]",
    "euclidean": "of the two embeddings' distance d: 1 - d^2 / (2 spread^2), 1 at most",
    "head": "score of the two embeddings by the network's own head, in [0, 1]",
}
MAPS = {
    "surrogate": "predicted by a surrogate: each superpixel's share of what replacing all of them "
    "({fill}) takes from the decision, in this image if the pair is similar, in both if not; "
    "positive where a pixel speaks for the decision, negative where against it",
    "responses": "positive where a pixel speaks for the decision, negative where against it",
    "lpel": "how much each pixel of the reconstruction changes (Eq. 4.6), at least 0",
    "lpel-mended": "each pixel's share of the cosine, or of the squared distance",
}


@dataclass(frozen=True)
class About:
    """What a file says of itself, in ``metadata_props``.

    Attributes
    ----------
    method
        How it explains.
    fill
        What superpixels are replaced by in its simulation; None if it simulates nothing.
    caveat
        What its maps cannot prove, whatever the pair.
    comparison
        How the network compares two embeddings.
    embedder
        The network.
    crop
        How the bundle cuts faces out of photographs.
    bundle_sha256
        `lpel_serving.bundle.manifest.Manifest.identity` of the bundle.
    created_by
        The software.
    subject
        What the bundle compares, in whose words the tensors are described.
    """

    method: str
    fill: str | None
    caveat: str
    comparison: ComparisonKind
    embedder: str
    crop: str
    bundle_sha256: str
    created_by: str
    subject: Subject = FACES

    def metadata(self, inputs: list[str], outputs: list[str], colours: str) -> dict[str, str]:
        """Write it with the meaning of every tensor, as JSON; crops are of these colours."""
        said: dict[str, str | None] = {k: v for k, v in vars(self).items() if k != "subject"}
        if self.comparison == "cosine":
            del said["comparison"]
        meaning = MAPS[self.method].format(fill=self.fill)
        similarity = SIMILARITIES[self.comparison]
        given = {"colours": colours, "range": LIMITS[self.comparison]}
        tensors = {name: self.subject.retell(INPUTS[name].format(**given)) for name in inputs}
        tensors |= {
            name: OUTPUTS[name].format(map=meaning, similarity=similarity) for name in outputs
        }
        known = {key: value for key, value in said.items() if value is not None}
        return {"lpel": "explainer", **known, "tensors": json.dumps(tensors)}
