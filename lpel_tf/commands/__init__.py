"""The sub-commands that this package brings to `lpel`."""

TRAINING = (("tensorflow", "train"), ("keras_facenet", "train"))
EXPORT = (("tf2onnx", "export"), ("onnxruntime", "cpu"))
RESEARCH = (("matplotlib", "research"), ("skimage", "research"))
