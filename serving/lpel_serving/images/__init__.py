"""From files of any kind to the square of pixels that the embedder sees."""
