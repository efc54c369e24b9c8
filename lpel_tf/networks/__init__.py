"""Embedding networks in Keras: FaceNet, its weights, and networks of the user's own."""
