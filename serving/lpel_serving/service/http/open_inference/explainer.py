"""The model `explainer`: the one-file explainer's inputs and outputs, computed by the engine."""

from collections.abc import Collection

import numpy as np

from lpel_serving.bundle.comparison_record import least_similarity
from lpel_serving.bundle.manifest import Manifest
from lpel_serving.equations.decision import Decisions, decide_many
from lpel_serving.equations.mask import DEFAULT_EPSILON, check_epsilon
from lpel_serving.equations.relevance import relevance
from lpel_serving.methods.catalogue.description import asks
from lpel_serving.methods.catalogue.registry import SURROGATE, file_method, file_name
from lpel_serving.methods.decoded.responses import DEFAULT_SIZE
from lpel_serving.methods.each_once import knowing
from lpel_serving.methods.explain import explain_by
from lpel_serving.methods.method import Method
from lpel_serving.methods.networks import ImageFeatures, Networks
from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.service.explanation_service import ExplanationService
from lpel_serving.service.http.open_inference.models import Arrays, Model
from lpel_serving.service.http.open_inference.signature import BATCH, Signature, Tensor
from lpel_serving.service.http.open_inference.tensors import Array
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import ParameterError

PLATFORM = "lpel_bundle"
"""The engine runs with its bundle, not an ONNX file."""

REFERENCE, TEST, THRESHOLD, EPSILON = "reference", "test", "threshold", "epsilon"
_DECIDED = {"similarity", "similar", "relevance", "reference_embedding", "test_embedding"}
"""The outputs that need nothing but the embeddings."""


def explainer_model(service: ExplanationService, max_batch: int) -> Model:
    """Make the model that explains pairs by the best method that a file can hold.

    Its tensors are those of the file that `lpel export` makes of the same bundle, to the byte.

    Parameters
    ----------
    service
        Runs it.
    max_batch
        Pairs in one request.
    """
    manifest, explainer = service.manifest, service.explainer
    name = file_name(responds=explainer.responds, simulates=explainer.simulates)
    method = file_method(responds=explainer.responds, simulates=explainer.simulates)
    simulates, least = asks(method, "surrogate"), least_similarity(manifest.comparison)

    async def run(given: Arrays, wanted: Collection[str], token: CancellationToken) -> Arrays:
        threshold = _number(given, THRESHOLD, manifest.threshold.value)
        epsilon = _number(given, EPSILON, DEFAULT_EPSILON)
        check_epsilon(epsilon)
        if not least <= threshold <= 1:
            raise ParameterError(
                f"the threshold is a similarity{_from(least)}, 1 at most; received {threshold}."
            )
        crops = await service.run_in_thread(
            lambda: np.concatenate([given[REFERENCE], given[TEST]]), token
        )
        explains = not set(wanted) <= _DECIDED
        seen: ImageFeatures | None = None
        if explains and simulates:
            seen = await service.features(crops, token)
        h = await service.embed(crops, token) if seen is None else seen.embeddings
        decisions = decide_many(explainer.comparison, h[: len(h) // 2], h[len(h) // 2 :], threshold)
        decided = of_decisions(h, decisions)
        if not explains:
            return decided

        def explain(networks: Networks) -> Arrays:
            known = networks if seen is None else knowing(networks, list(crops), seen)
            return explain_pairs(method, known, crops, h, decisions, epsilon)

        return {**decided, **await service.run(explain, token)}

    about = {"bundle_sha256": manifest.identity, "method": name}
    return Model("explainer", PLATFORM, _signature(manifest, name, max_batch), run, about)


def _from(least: float) -> str:
    return "" if least == float("-inf") else f", {least:g} at least"


def of_decisions(h: Floats, decisions: Decisions) -> Arrays:
    """Compute the outputs that need nothing but the embeddings.

    Parameters
    ----------
    h
        Embeddings of N references and then of N tests, shape (2 N, D).
    decisions
        On the pairs.
    """
    h_r, h_t = np.split(h, 2)
    return {
        "similarity": decisions.similarity,
        "similar": decisions.similar,
        "relevance": relevance(h_r, h_t, decisions.similar),
        "reference_embedding": h_r,
        "test_embedding": h_t,
    }


def explain_pairs(
    method: Method,
    networks: Networks,
    crops: Array,
    h: Floats,
    decisions: Decisions,
    epsilon: float,
) -> Arrays:
    """Compute the maps and masks of both images of each pair, and what a decoder draws of them.

    Parameters
    ----------
    method, networks
        How.
    crops, h
        Of N references and then of N tests: uint8, shape (2 N, H, W, C), and float32, (2 N, D).
    decisions
        On the pairs.
    epsilon
        See `lpel_serving.methods.explain.explain_by`.
    """
    count = len(h) // 2
    pairs = [
        explain_by(method, networks, (crops[r], crops[t]), h[[r, t]], decision, epsilon=epsilon)
        for r, (t, decision) in enumerate(zip(range(count, 2 * count), decisions, strict=True))
    ]
    roles = {TEST: [one.forward for one in pairs], REFERENCE: [one.swapped for one in pairs]}
    found: dict[str, Array] = {}
    for role, explanations in roles.items():
        found[f"{role}_heat_map"] = np.stack([one.heat_map for one in explanations])
        found[f"{role}_mask"] = np.stack([one.mask for one in explanations])
        drawn = [one.reconstruction for one in explanations if one.reconstruction is not None]
        if drawn:
            found[f"{role}_reconstruction"] = np.stack(drawn)
    return found


def _number(given: Arrays, name: str, default: float) -> float:
    """Convert a parameter as the file does, to float32: a default, too, is rounded to it."""
    return float(given[name][0]) if name in given else float(np.float32(default))


def _signature(manifest: Manifest, method: str, max_batch: int) -> Signature:
    image, features = manifest.embedder.shape, manifest.embedder.dimension
    drawn = manifest.drawn
    grid = manifest.surrogate if method == SURROGATE else manifest.responses
    size = drawn[:2] if grid is None else [max(DEFAULT_SIZE, grid.side)] * 2
    inputs = (
        Tensor(REFERENCE, "UINT8", (BATCH, *image)),
        Tensor(TEST, "UINT8", (BATCH, *image)),
        Tensor(THRESHOLD, "FP32", (1,), optional=True),
        Tensor(EPSILON, "FP32", (1,), optional=True),
    )
    of_images = [
        tensor
        for role in (REFERENCE, TEST)
        for tensor in (
            Tensor(f"{role}_heat_map", "FP32", (BATCH, *size)),
            Tensor(f"{role}_mask", "BOOL", (BATCH, *size)),
            *_reconstruction(manifest, role),
        )
    ]
    outputs = (
        Tensor("similarity", "FP32", (BATCH,)),
        Tensor("similar", "BOOL", (BATCH,)),
        Tensor("relevance", "FP32", (BATCH, features)),
        *of_images,
        Tensor("reference_embedding", "FP32", (BATCH, features)),
        Tensor("test_embedding", "FP32", (BATCH, features)),
    )
    return Signature(inputs, outputs, max_batch)


def _reconstruction(manifest: Manifest, role: str) -> tuple[Tensor, ...]:
    """What the decoder makes of one role's embeddings; nothing where the bundle has none."""
    if manifest.decoder is None:
        return ()
    return (Tensor(f"{role}_reconstruction", "FP32", (BATCH, *manifest.decoder.shape)),)
