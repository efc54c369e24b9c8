"""Explain pairs of face crops with OpenVINO and one file.

python explain.py explainer.onnx REFERENCE TEST [REFERENCE TEST ...] [threshold=0.5] [epsilon=0.7]
"""

import sys

import numpy as np
from PIL import Image

sys.modules["openvino_telemetry"] = None  # or the next line sends telemetry
import openvino  # noqa: E402

settings = dict(word.split("=") for word in sys.argv[2:] if "=" in word)
paths = [word for word in sys.argv[2:] if "=" not in word]

crops = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])
feeds = {"reference": crops[::2], "test": crops[1::2]}

core = openvino.Core()
model = core.read_model(sys.argv[1])
nodes = {node.get_friendly_name(): node for node in model.get_ops()}
for name, value in settings.items():
    number = np.array([value], np.float32)
    if nodes[name].get_type_name() == "Parameter":
        feeds[name] = number
    else:  # an input with a default is a constant to OpenVINO: another is put in its place
        nodes[name].output(0).replace(openvino.opset13.constant(number).output(0))

# In full precision: some processors would take bfloat16 otherwise.
explain = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
found = explain(feeds)
outputs = {name: found[name] for port in model.outputs for name in port.get_names()}

np.savez("explanation.npz", **outputs)
for similarity, similar in zip(outputs["similarity"], outputs["similar"], strict=True):
    print(f"similarity {similarity:.4f}: {'similar' if similar else 'dissimilar'}")
