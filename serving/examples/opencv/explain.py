"""Explain pairs of face crops with OpenCV and one file.

python explain.py explainer.onnx REFERENCE TEST [REFERENCE TEST ...]

A file that was made without defaults also needs: threshold=0.5 epsilon=0.7
"""

import sys

import cv2
import numpy as np

OUTPUTS = ["similarity", "similar", "relevance", "reference_embedding", "test_embedding"]
OUTPUTS += [
    f"{role}_{kind}"
    for role in ("reference", "test")
    for kind in ("heat_map", "mask", "reconstruction")
]

settings = dict(word.split("=") for word in sys.argv[2:] if "=" in word)
paths = [word for word in sys.argv[2:] if "=" not in word]

images = [cv2.imread(path, cv2.IMREAD_COLOR) for path in paths]
crops = np.stack([cv2.cvtColor(image, cv2.COLOR_BGR2RGB) for image in images])

network = cv2.dnn.readNetFromONNX(sys.argv[1])
network.setInput(crops[::2], "reference")
network.setInput(crops[1::2], "test")
for name, value in settings.items():
    network.setInput(np.array([value], np.float32), name)
outputs = dict(zip(OUTPUTS, network.forward(OUTPUTS), strict=True))

np.savez("explanation.npz", **outputs)
for similarity, similar in zip(outputs["similarity"], outputs["similar"], strict=True):
    print(f"similarity {similarity:.4f}: {'similar' if similar else 'dissimilar'}")
