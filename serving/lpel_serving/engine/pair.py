"""Decides on a pair by a bundle's threshold; adds the bundle's usual shares to its explanation."""

from dataclasses import replace

import numpy as np

from lpel_serving.bundle.manifest import Manifest
from lpel_serving.bundle.origin import origin_of
from lpel_serving.engine.usual import usual_maps
from lpel_serving.equations.comparison import Comparison
from lpel_serving.equations.decision import decide
from lpel_serving.equations.mask import DEFAULT_EPSILON
from lpel_serving.images.crops import Crop
from lpel_serving.images.found import FoundPair
from lpel_serving.methods.decided import DecidedPair
from lpel_serving.methods.each_once import knowing
from lpel_serving.methods.explain import explain_by
from lpel_serving.methods.explanation import PairExplanation
from lpel_serving.methods.method import Method
from lpel_serving.methods.networks import ImageFeatures, Networks
from lpel_serving.methods.used import method_used
from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.verification.plausibility import Plausibility, doubt_of


def decide_pair(
    manifest: Manifest,
    comparison: Comparison,
    check: Plausibility | None,
    crops: tuple[Pixels, Pixels],
    embeddings: tuple[Floats, Floats],
    *,
    crop: Crop | str,
    found: FoundPair = (None, None),
) -> DecidedPair:
    """Decide on a pair by a bundle's threshold, with the predicted probability.

    Parameters
    ----------
    manifest, comparison, check
        The bundle's manifest, comparison and check of plausibility; there is no predicted
        probability where an image is implausible.
    crops, embeddings
        Of reference and test: uint8, shape (S, S, 3), and float32, shape (D,).
    crop
        How the faces were cut out, or its name.
    found
        The faces that were found, and which were taken.
    """
    h_r, h_t = embeddings
    plausibility = None if check is None else check.of_pair(h_r, h_t)
    record = manifest.confidence
    confidence_of = None if record is None or doubt_of(plausibility) is not None else record.of
    return DecidedPair(
        reference_crop=crops[0],
        test_crop=crops[1],
        reference_embedding=h_r,
        test_embedding=h_t,
        decision=decide(comparison, h_r, h_t, manifest.threshold.value, confidence_of),
        plausibility=plausibility,
        found=found,
        origin=origin_of(manifest, crop),
    )


def explain_pair(
    pair: DecidedPair,
    method: Method,
    networks: Networks,
    manifest: Manifest,
    crop: Crop,
    *,
    known: ImageFeatures | None = None,
    epsilon: float = DEFAULT_EPSILON,
    seed: int = 0,
) -> PairExplanation:
    """Explain a decided pair, and add the usual shares of such maps.

    Parameters
    ----------
    pair
        The pair: see `decide_pair`.
    method, networks
        The method, and the networks that it runs.
    manifest, crop
        The bundle's manifest, and how the faces were cut out: usual shares depend on both.
    known
        Features of reference and test, if the pass that embedded them gave them.
    epsilon, seed
        See `lpel_serving.methods.explain.explain_by`, also for the errors raised.
    """
    crops = (pair.reference_crop, pair.test_crop)
    explained = explain_by(
        method,
        networks if known is None else knowing(networks, crops, known),
        crops,
        np.stack([pair.reference_embedding, pair.test_embedding]),
        pair.decision,
        epsilon=epsilon,
        seed=seed,
    )
    return replace(
        explained,
        plausibility=pair.plausibility,
        found=pair.found,
        origin=pair.origin,
        usual=usual_maps(manifest.usual, method, similar=pair.similar, crop=crop),
        method=method_used(method, epsilon=epsilon, seed=seed),
    )
