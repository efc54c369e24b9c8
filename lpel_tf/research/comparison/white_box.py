"""Methods that need the gradients of the network in Keras."""

from collections.abc import Mapping

import numpy as np

from lpel_serving.methods.method import FacePair, Method
from lpel_tf.research.comparison.maps import Family, TwoMaps
from lpel_tf.research.comparison.setting import Setting
from lpel_tf.research.gradients.differentiable import Differentiable
from lpel_tf.research.gradients.fggb import feature_guided_map, gradient_maps
from lpel_tf.research.gradients.grad_cam import GradCam
from lpel_tf.research.gradients.sensitivity import Sensitivity
from lpel_tf.research.gradients.xssab import Xssab


def cheap_white_box(setting: Setting) -> dict[str, Method]:
    """One or two passes forwards and back."""
    return {
        "sensitivity": Sensitivity(setting.differentiable),
        "Grad-CAM": GradCam(setting.differentiable),
        "xSSAB": Xssab(setting.differentiable, setting.theta),
    }


def passes(network: Differentiable) -> int:
    """Count the passes so far: one back costs about what an embedding does, as one forwards."""
    return network.forwards + network.backwards


def with_passes(methods: Mapping[str, Method], setting: Setting) -> Family:
    """Methods that are asked about one pair after the other, their passes counted."""
    networks = setting.explainer

    def explain(pair: FacePair, other: FacePair, i: int) -> dict[str, TwoMaps]:
        found: dict[str, TwoMaps] = {}
        for name, method in methods.items():
            before = passes(setting.differentiable)
            a, b = (method(one, networks, np.random.default_rng(i)) for one in (pair, other))
            found[name] = (a, b, (passes(setting.differentiable) - before) / 2)
        return found

    return explain


def feature_guided(setting: Setting) -> Family:
    """FGGB, whose gradients of the test image serve both pairs."""

    def explain(pair: FacePair, other: FacePair, i: int) -> dict[str, TwoMaps]:
        del i
        maps = gradient_maps(setting.differentiable, pair.test)
        a, b = (feature_guided_map(maps, one.h_r, one.h_t, setting.theta) for one in (pair, other))
        return {"FGGB": (a, -b, 2 * setting.differentiable.dimension)}

    return explain
