"""What a job keeps in its folder: photographs, embeddings, places."""
