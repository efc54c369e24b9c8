"""The sub-commands that this package adds to `lpel`: `demo`, `weights`, `train`, `reproduce`."""

TRAINING = (("tensorflow", "train"), ("keras_facenet", "train"))
EXPORT = (("tf2onnx", "export"), ("onnxruntime", "cpu"))
RESEARCH = (("matplotlib", "research"), ("skimage", "research"))
