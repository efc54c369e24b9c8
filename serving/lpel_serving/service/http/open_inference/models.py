"""The served models: the bundle's networks and the explainer, each run by the service."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from lpel_serving.bundle.manifest import (
    DECODER_FILE,
    EMBEDDER_FILE,
    EMBEDDING,
    IMAGE,
    RECONSTRUCTION,
    RESPONSE,
    RESPONSE_FILE,
)
from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.open_inference.signature import BATCH, Signature, Tensor
from lpel_serving.service.http.open_inference.tensors import Array

VERSION = "1"
"""The one version of every model: another bundle is another server."""

ONNX_PLATFORM = "onnx_onnxv1"
"""The protocol's word for a model that is an ONNX file."""

Arrays = Mapping[str, Array]
Run = Callable[[Arrays, Collection[str], CancellationToken], Awaitable[Arrays]]
"""From inputs, the names of the requested outputs and a token to at least those outputs."""


@dataclass(frozen=True, eq=False)
class Model:
    """A model as clients see it.

    Attributes
    ----------
    name
        Its name.
    platform
        What kind of model it is.
    signature
        What it takes and gives.
    run
        Computes it.
    about
        More of its configuration.
    """

    name: str
    platform: str
    signature: Signature
    run: Run
    about: Mapping[str, str] = field(default_factory=dict[str, str])

    def metadata(self) -> dict[str, Any]:
        """Describe it in the protocol's format."""
        return {
            "name": self.name,
            "versions": [VERSION],
            "platform": self.platform,
            "inputs": [_described(tensor) for tensor in self.signature.inputs],
            "outputs": [_described(tensor) for tensor in self.signature.outputs],
        }

    def configuration(self) -> dict[str, Any]:
        """Describe it in the format of Triton's extension of the protocol.

        If all inputs have a batch, shapes leave it out and ``max_batch_size`` is its greatest
        length; otherwise that is 0, which says that shapes are whole.
        """
        inputs, outputs = self.signature.inputs, self.signature.outputs
        batches = all(tensor.shape[0] == BATCH for tensor in inputs)
        return {
            "name": self.name,
            "platform": self.platform,
            "max_batch_size": self.signature.max_batch if batches else 0,
            "input": [_configured(one, batches) | {"optional": one.optional} for one in inputs],
            "output": [_configured(one, batches) for one in outputs],
            "parameters": {key: {"string_value": value} for key, value in self.about.items()},
        }


def network_models(service: ExplanationService, max_batch: int) -> list[Model]:
    """Make the models of the bundle's networks, which are its ONNX files.

    Parameters
    ----------
    service
        Runs them.
    max_batch
        Images or embeddings in one request.
    """
    manifest = service.manifest
    features = manifest.embedder.dimension
    image = Tensor(IMAGE, "UINT8", (BATCH, *manifest.embedder.shape))
    embedding = Tensor(EMBEDDING, "FP32", (BATCH, features))

    async def embed(given: Arrays, _: Collection[str], token: CancellationToken) -> Arrays:
        return {EMBEDDING: await service.embed(given[IMAGE], token)}

    async def decode(given: Arrays, _: Collection[str], token: CancellationToken) -> Arrays:
        h = given[EMBEDDING]
        return {RECONSTRUCTION: await service.run(lambda networks: networks.decode(h), token)}

    def model(name: str, file: str, takes: Tensor, gives: Tensor, run: Run) -> Model:
        about = {"bundle_sha256": manifest.identity, "sha256": manifest.files[file].sha256}
        return Model(name, ONNX_PLATFORM, Signature((takes,), (gives,), max_batch), run, about)

    served = [model("embedder", EMBEDDER_FILE, image, embedding, embed)]
    if manifest.decoder is not None:
        reconstruction = Tensor(RECONSTRUCTION, "FP32", (BATCH, *manifest.decoder.shape))
        served.append(model("decoder", DECODER_FILE, embedding, reconstruction, decode))
    if manifest.responses is None:
        return served
    shape = (manifest.responses.side, manifest.responses.side, features)
    response = Tensor(RESPONSE, "FP32", (BATCH, *shape))

    async def respond(given: Arrays, _: Collection[str], token: CancellationToken) -> Arrays:
        h = given[EMBEDDING]
        responses = await service.run(lambda networks: networks.respond(h), token)
        return {RESPONSE: responses.reshape(len(h), *shape)}

    return [*served, model("responses", RESPONSE_FILE, embedding, response, respond)]


def _described(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}


def _configured(tensor: Tensor, batches: bool) -> dict[str, Any]:
    dims = tensor.shape[1:] if batches else tensor.shape
    return {"name": tensor.name, "data_type": f"TYPE_{tensor.datatype}", "dims": list(dims)}
