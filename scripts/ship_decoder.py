"""Take the trained decoders out of a bundle and put them where the package ships them.

Usage: python scripts/ship_decoder.py BUNDLE "COMMAND THAT TRAINED IT" "COMMAND THAT CALIBRATED IT"
"""

import io
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from lpel_serving.bundle.loading import load_bundle
from lpel_serving.bundle.manifest import EMBEDDING, RESPONSE
from lpel_serving.bundle.plausibility_record import from_bytes
from lpel_serving.engine.session import open_session
from lpel_serving.support.files import write_atomically

SHIPPED = Path(__file__).parent.parent / "lpel_tf" / "pretrained"


def main() -> None:
    """Write the weights as arrays, and the facts of their training as JSON."""
    folder, command, calibration = sys.argv[1:]
    bundle = load_bundle(folder)
    if bundle.responses is None or bundle.manifest.responses is None:
        sys.exit("the bundle has no response decoder: train it with --method responses.")
    confidence = bundle.manifest.confidence
    if confidence is None:
        sys.exit("the bundle has no confidence: fit it with `lpel calibrate`.")
    if bundle.manifest.usual is None:
        sys.exit(
            "the bundle does not know what is usual of its maps: `lpel calibrate` measures it."
        )
    kernel, bias = dense(bundle.decoder)
    response_kernel, response_bias = asked(bundle.responses, bundle.manifest.embedder.dimension)
    if bundle.plausibility is None or bundle.manifest.plausibility is None:
        sys.exit("the bundle has no check of plausibility: train it on more photographs.")
    check = from_bytes(
        bundle.plausibility,
        bundle.manifest.embedder.dimension,
        bundle.manifest.plausibility.limit,
    )
    key = bundle.manifest.embedder.name.removeprefix("FaceNet ")
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        kernel=kernel,
        bias=bias,
        response_kernel=response_kernel.astype(np.float16),
        response_bias=response_bias.astype(np.float16),
        known_mean=check.mean,
        known_whitening=check.whitening,
    )
    write_atomically(SHIPPED / f"{key}.npz", buffer.getvalue())
    facts = {
        "command": command,
        "crop": bundle.manifest.crop,
        "threshold": asdict(bundle.manifest.threshold),
        "confidence": {
            "slope": confidence.slope,
            "intercept": confidence.intercept,
            "fitted": {**confidence.fitted, "command": calibration},
        },
        "training": dict(bundle.manifest.decoder.training),
        "responses": dict(bundle.manifest.responses.training),
        "plausibility": asdict(bundle.manifest.plausibility),
        "usual": asdict(bundle.manifest.usual),  # until `scripts/ship_usual.py` has measured it
    }
    write_atomically(SHIPPED / f"{key}.json", (json.dumps(facts, indent=2) + "\n").encode())


def dense(model: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of a model that is one dense layer."""
    graph = onnx.load_from_string(model).graph
    arrays = [numpy_helper.to_array(tensor) for tensor in graph.initializer]
    kernel = next(a for a in arrays if a.ndim == 2)
    return kernel, next(a for a in arrays if a.ndim == 1 and a.size == kernel.shape[1])


def asked(model: bytes, dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Kernel, shape (D, K, D), and bias, (K, D), of a linear response decoder of whatever rank."""
    session = open_session(model, input_name=EMBEDDING, output_name=RESPONSE)
    axes = np.concatenate([np.zeros((1, dimension)), np.eye(dimension)]).astype(np.float32)
    given = session.run(axes).reshape(1 + dimension, -1, dimension)
    return given[1:] - given[0], given[0]


if __name__ == "__main__":
    main()
