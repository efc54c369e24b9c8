"""Take the trained surrogate out of a bundle and put it where the package ships it.

Usage: python scripts/ship_surrogate.py BUNDLE "COMMAND THAT TRAINED IT"
"""

import io
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from lpel_export.local_features.layer import Layer
from lpel_export.local_features.layers import choose_layers
from lpel_export.local_features.second_output import without_local_features
from lpel_serving.bundle.loading import Bundle, load_bundle
from lpel_serving.bundle.manifest import LOCAL_FEATURES, Manifest
from lpel_serving.support.files import write_atomically
from lpel_tf.surrogates.graph import from_constants
from lpel_tf.surrogates.network import Sizes, to_keras

SHIPPED = Path(__file__).parent.parent / "lpel_tf" / "pretrained"


def main(bundle: str, command: str, shipped: Path = SHIPPED) -> None:
    """Write the weights as arrays, and the facts of their training as JSON."""
    loaded = load_bundle(bundle)
    record = loaded.manifest.surrogate
    if record is None or loaded.surrogate is None:
        sys.exit("the bundle has no surrogate: train it with --method surrogate.")
    sizes = sizes_of(loaded.manifest)
    both = constants(loaded.surrogate.surrogate) | constants(loaded.surrogate.simulation)
    named = {name: array for name, array in both.items() if "#" not in name}
    network = from_constants(named, sizes)
    to_keras(network)  # which refuses weights that are missing or of other shapes
    features = constants(loaded.embedder)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        reduction_matrix=features[f"{LOCAL_FEATURES}/matrix"],
        reduction_bias=features[f"{LOCAL_FEATURES}/bias"],
        **{name.replace("/", "."): array for name, array in network.weights.items()},
    )
    key = loaded.manifest.embedder.name.removeprefix("FaceNet ")
    write_atomically(shipped / f"{key}-surrogate.npz", buffer.getvalue())
    facts = {
        "command": command,
        "sizes": asdict(sizes),
        "fills": list(record.fills),
        "layers": list(record.layers),
        "layer_sizes": [[layer.channels, layer.least] for layer in layers_of(loaded)],
        "training": dict(record.training),
    }
    content = json.dumps(facts, indent=2) + "\n"
    write_atomically(shipped / f"{key}-surrogate.json", content.encode())


def sizes_of(manifest: Manifest) -> Sizes:
    """The sizes of the network, by what the manifest says of it and of its recipe."""
    record = manifest.surrogate
    recipe = record.training["recipe"]
    layers = {name: recipe[name] for name in ("token", "state", "dense")}
    fills = len(record.fills)
    return Sizes(manifest.embedder.dimension, record.side, record.channels, fills, **layers)


def layers_of(loaded: Bundle) -> tuple[Layer, ...]:
    """The layers of its embedder that local features are computed from."""
    record = loaded.manifest.surrogate
    model = without_local_features(loaded.embedder)
    return choose_layers(model, record.side, record.layers)


def constants(model: bytes) -> dict[str, np.ndarray]:
    """The constants of an ONNX model, by name."""
    graph = onnx.load_from_string(model).graph
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


if __name__ == "__main__":
    main(*sys.argv[1:])
