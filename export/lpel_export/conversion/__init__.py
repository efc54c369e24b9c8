"""From Keras to ONNX, and the parity without which no export is finished."""
