"""Training data: photographs, their embeddings, and the people held out."""
