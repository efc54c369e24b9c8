"""Surrogates: networks that predict the embedding of a masked image; their tables and training."""
