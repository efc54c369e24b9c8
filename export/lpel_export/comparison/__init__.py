"""Export of a learned head, which compares two embeddings."""
