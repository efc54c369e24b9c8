"""The engine: a bundle's networks in onnxruntime, the explainer, and stores of embeddings."""
