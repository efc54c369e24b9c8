"""White-box rivals: explanation methods that use the gradients of a Keras network.

Each is a `lpel_serving.methods.Method` that holds its network, a `Differentiable`, and so ignores
the networks that it is given. TensorFlow is imported where it is used, never by importing this
package.
"""

from lpel_tf.research.gradients.differentiable import Differentiable
from lpel_tf.research.gradients.fggb import Fggb, feature_guided_map, gradient_maps
from lpel_tf.research.gradients.grad_cam import GradCam
from lpel_tf.research.gradients.sensitivity import Sensitivity
from lpel_tf.research.gradients.xssab import Xssab

__all__ = [
    "Differentiable",
    "Fggb",
    "GradCam",
    "Sensitivity",
    "Xssab",
    "feature_guided_map",
    "gradient_maps",
]
