"""The engine: a bundle's networks in onnxruntime, and the explainer that asks them."""
