"""Face images: from untrusted files to the square of pixels that the embedder sees."""
