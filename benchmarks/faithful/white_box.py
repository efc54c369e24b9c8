"""Methods that need the gradients of the network in Keras."""

from functools import cache

import numpy as np

from faithful.maps import Family
from faithful.setting import Setting
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.verification.accuracy import equal_error_threshold
from lpel_tf.networks.facenet import DEFAULT_KEY, build, facenet
from lpel_tf.networks.weights import fetch
from lpel_tf.research.gradients.differentiable import Differentiable
from lpel_tf.research.gradients.fggb import feature_guided_map, gradient_maps
from lpel_tf.research.gradients.grad_cam import GradCam
from lpel_tf.research.gradients.sensitivity import Sensitivity
from lpel_tf.research.gradients.xssab import Xssab
from lpel_tf.support.quiet import load_tensorflow


@cache
def differentiable() -> Differentiable:
    load_tensorflow()
    network = facenet(DEFAULT_KEY)
    return Differentiable(build(network, fetch(network)), network.standardisation)


def theta(setting: Setting) -> float:
    """The threshold of equal errors on the benchmark's own pairs."""
    pairs = (setting.similar, setting.dissimilar)
    cosines = np.concatenate([cosine_similarity(one.h_r, one.h_t) for one in pairs])
    same = np.repeat([True, False], [len(one) for one in pairs])
    return float(equal_error_threshold(cosines, same))


def cheap_white_box(setting: Setting) -> dict[str, Method]:
    """One or two passes forwards and back."""
    return {
        "sensitivity": Sensitivity(differentiable()),
        "Grad-CAM": GradCam(differentiable()),
        "xSSAB": Xssab(differentiable(), theta(setting)),
    }


def with_passes(methods: dict[str, Method]) -> Family:
    """Count a pass back as an embedding, as a pass forwards is."""

    def explain(pair: FacePair, other: FacePair, i: int) -> dict[str, tuple[np.ndarray, ...]]:
        found, network = {}, differentiable()
        for name, method in methods.items():
            before = network.forwards + network.backwards
            maps = [method(one, None, np.random.default_rng(i)) for one in (pair, other)]
            found[name] = (*maps, (network.forwards + network.backwards - before) / 2)
        return found

    return explain


def feature_guided(setting: Setting) -> Family:
    """FGGB, whose gradients of the test image serve both pairs."""
    threshold = theta(setting)

    def explain(pair: FacePair, other: FacePair, i: int) -> dict[str, tuple[np.ndarray, ...]]:
        maps = gradient_maps(differentiable(), pair.test)
        a, b = (feature_guided_map(maps, one.h_r, one.h_t, threshold) for one in (pair, other))
        return {"FGGB": (a, -b, 2 * differentiable().dimension)}

    return explain
