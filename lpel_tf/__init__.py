"""Keras: FaceNet, the decoders and their training; from photographs to a bundle; and research.

TensorFlow is imported where it is used, never by importing this package.
"""

from lpel_serving.images.datasets.labelled import from_arrays
from lpel_serving.support.progress import printed
from lpel_tf.bundles.bundling import train_bundle
from lpel_tf.bundles.response_bundling import ResponsePlan
from lpel_tf.bundles.surrogate_bundling import SurrogatePlan
from lpel_tf.data.dataset import FaceSet
from lpel_tf.data.split import split_by_identity, split_by_image
from lpel_tf.decoders.least_squares import LinearDecoder, solve
from lpel_tf.decoders.response_table import TableSettings
from lpel_tf.decoders.response_training import ResponseRecipe
from lpel_tf.decoders.training import Recipe, train_decoder
from lpel_tf.networks.embedders import from_facenet, from_keras, from_onnx
from lpel_tf.networks.example_crops import example_crops
from lpel_tf.networks.exported import ExportedEmbedder
from lpel_tf.networks.facenet import facenet
from lpel_tf.surrogates.recipe import SurrogateRecipe
from lpel_tf.surrogates.table_settings import SurrogateTableSettings

__all__ = [
    "ExportedEmbedder",
    "FaceSet",
    "LinearDecoder",
    "Recipe",
    "ResponsePlan",
    "ResponseRecipe",
    "SurrogatePlan",
    "SurrogateRecipe",
    "SurrogateTableSettings",
    "TableSettings",
    "example_crops",
    "facenet",
    "from_arrays",
    "from_facenet",
    "from_keras",
    "from_onnx",
    "printed",
    "solve",
    "split_by_identity",
    "split_by_image",
    "train_bundle",
    "train_decoder",
]
