"""Imports a user's ONNX network: reads, checks or refuses, cleans up and test-runs it."""
