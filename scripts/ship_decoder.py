"""Take the trained decoder out of a bundle and put it where the package ships it.

Usage: python scripts/ship_decoder.py BUNDLE "COMMAND THAT MADE IT"
"""

import io
import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from lpel_serving.bundle import load_bundle
from lpel_serving.files import write_atomically

SHIPPED = Path(__file__).parent.parent / "lpel_tf" / "pretrained"


def main() -> None:
    """Write the weights as float32 arrays, and the facts of their training as JSON."""
    folder, command = sys.argv[1:]
    bundle = load_bundle(folder)
    graph = onnx.load_from_string(bundle.decoder).graph
    arrays = [numpy_helper.to_array(tensor) for tensor in graph.initializer]
    kernel = next(a for a in arrays if a.ndim == 2)
    bias = next(a for a in arrays if a.ndim == 1 and a.size == kernel.shape[1])
    key = bundle.manifest.embedder.name.removeprefix("FaceNet ")
    buffer = io.BytesIO()
    np.savez(buffer, kernel=kernel, bias=bias)
    write_atomically(SHIPPED / f"{key}.npz", buffer.getvalue())
    facts = {
        "command": command,
        "crop": bundle.manifest.crop,
        "threshold": {
            "value": bundle.manifest.threshold.value,
            "chosen": dict(bundle.manifest.threshold.chosen),
        },
        "training": dict(bundle.manifest.decoder.training),
    }
    write_atomically(SHIPPED / f"{key}.json", (json.dumps(facts, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
