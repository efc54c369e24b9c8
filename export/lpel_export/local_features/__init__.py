"""Local features of any embedder: its layers are found and averaged to a grid, a second output."""
