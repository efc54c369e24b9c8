"""Explain pairs of face crops with onnxruntime and one file.

python explain.py explainer.onnx REFERENCE TEST [REFERENCE TEST ...] [threshold=0.5] [epsilon=0.7]
"""

import os
import sys

import numpy as np
from PIL import Image

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # or it sends telemetry about each model and its use
import onnxruntime

settings = dict(word.split("=") for word in sys.argv[2:] if "=" in word)
paths = [word for word in sys.argv[2:] if "=" not in word]

crops = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])
feeds = {"reference": crops[::2], "test": crops[1::2]}
feeds |= {name: np.array([value], np.float32) for name, value in settings.items()}

options = onnxruntime.SessionOptions()
options.log_severity_level = 3  # or it warns that threshold and epsilon are inputs with a default
session = onnxruntime.InferenceSession(sys.argv[1], options)
names = [output.name for output in session.get_outputs()]
outputs = dict(zip(names, session.run(names, feeds), strict=True))

np.savez("explanation.npz", **outputs)
for similarity, similar in zip(outputs["similarity"], outputs["similar"], strict=True):
    print(f"similarity {similarity:.4f}: {'similar' if similar else 'dissimilar'}")
