"""The thesis's equations in numpy: from two embeddings to a decision, a heat-map and a mask."""
