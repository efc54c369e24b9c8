"""Methods that ask the embedder about altered images."""
