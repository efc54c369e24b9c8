"""keras-facenet's network with its published weights: the embedding network ``f``."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lpel_serving.support.extras import require
from lpel_tf.support.errors import UnknownNetworkError, WeightsAlteredError

DEFAULT_KEY = "20170512-110547"
THESIS_KEY = "20180402-114759"
IMAGE_SIZE = 160


@dataclass(frozen=True)
class FaceNet:
    """One of the published FaceNets.

    Attributes
    ----------
    key
        The name of its weights.
    dimension
        Length of its embeddings.
    standardisation
        What it does to pixels first, see `lpel_export.conversion.standardisation`.
    route
        Where its weights come from: the package registry, or keras-facenet's download.
    faces
        What it was trained on.
    """

    key: str
    dimension: int
    standardisation: str
    route: Literal["registry", "download"]
    faces: str

    @property
    def title(self) -> str:
        """What a bundle calls it."""
        return f"FaceNet {self.key}"

    @property
    def compares_by(self) -> Literal["cosine", "euclidean"]:
        """How its embeddings are compared here, as in the thesis."""
        return "cosine"

    @property
    def licence(self) -> str:
        """What is known of the licence of the weights: see the README."""
        return f"MIT, as the FaceNet project has it; trained on {self.faces}, with terms of its own"


FACENETS = {
    network.key: network
    for network in (
        FaceNet(DEFAULT_KEY, 128, "per image", "registry", "MS-Celeb-1M"),
        FaceNet(THESIS_KEY, 512, "fixed", "download", "VGGFace2"),
        FaceNet("20180408-102900", 512, "fixed", "download", "CASIA-WebFace"),
        FaceNet("20170511-185253", 128, "per image", "download", "CASIA-WebFace"),
    )
}


def facenet(key: str) -> FaceNet:
    """Look a FaceNet up by the key of its weights.

    Raises
    ------
    UnknownNetworkError
        If there is none with that key.
    """
    if key not in FACENETS:
        raise UnknownNetworkError(
            f"no FaceNet is called {key!r}; there are: {', '.join(FACENETS)}."
        )
    return FACENETS[key]


def build(network: FaceNet, weights: Path) -> Any:
    """Build keras-facenet's network and fill in weights.

    Parameters
    ----------
    network
        Which one.
    weights
        Its HDF5 file, already verified: see `lpel_tf.networks.weights.fetch`.

    Returns
    -------
    keras.Model
        From standardised float images, shape (batch, 160, 160, 3), to embeddings of unit norm,
        shape (batch, D).

    Raises
    ------
    WeightsAlteredError
        If the file does not hold the weights of this network.
    """
    architecture = require("keras_facenet.inception_resnet_v1", "train")
    model = architecture.InceptionResNetV1(
        input_shape=(IMAGE_SIZE, IMAGE_SIZE, 3), classes=network.dimension
    )
    _load_layer_by_layer(model, weights)
    model.trainable = False
    return model


def _load_layer_by_layer(model: Any, path: Path) -> None:
    """Read arrays only: the file is never deserialised as a model, for it can hold code."""
    h5py = require("h5py", "train")
    try:
        with h5py.File(path, "r") as file:
            groups = file.get("model_weights", file)
            for layer in model.layers:
                if layer.weights:
                    layer.set_weights(_arrays(groups[layer.name]))
    except (OSError, KeyError, ValueError) as error:
        raise WeightsAlteredError(
            f"{path.name} does not hold the weights of this network ({error}): delete it and "
            "fetch it again with `lpel weights`."
        ) from error


def _arrays(group: Any) -> list[Any]:
    names = [
        name.decode() if isinstance(name, bytes) else name for name in group.attrs["weight_names"]
    ]
    return [group[name][()] for name in names]
