"""Import of a user's ONNX network: read, checked or refused, cleaned up, and test-run."""
