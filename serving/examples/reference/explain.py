"""Explain pairs of face crops with ONNX's own reference implementation, in numpy, and one file.

python explain.py explainer.onnx REFERENCE TEST [REFERENCE TEST ...] [threshold=0.5] [epsilon=0.7]
"""

import sys

import numpy as np
from onnx.reference import ReferenceEvaluator
from PIL import Image

settings = dict(word.split("=") for word in sys.argv[2:] if "=" in word)
paths = [word for word in sys.argv[2:] if "=" not in word]

crops = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])
feeds = {"reference": crops[::2], "test": crops[1::2]}
feeds |= {name: np.array([value], np.float32) for name, value in settings.items()}

evaluator = ReferenceEvaluator(sys.argv[1])
outputs = dict(zip(evaluator.output_names, evaluator.run(None, feeds), strict=True))

np.savez("explanation.npz", **outputs)
for similarity, similar in zip(outputs["similarity"], outputs["similar"], strict=True):
    print(f"similarity {similarity:.4f}: {'similar' if similar else 'dissimilar'}")
