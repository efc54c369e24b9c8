"""Conversion from Keras to ONNX, and the check of parity that every export must pass."""
