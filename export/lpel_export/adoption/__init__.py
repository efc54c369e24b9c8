"""Taking in an ONNX network that was trained elsewhere: read, refused or tidied, tried out."""
