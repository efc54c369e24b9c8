"""What is trained on: photographs, their embeddings, and the people kept apart."""
