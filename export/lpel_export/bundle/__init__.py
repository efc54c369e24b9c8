"""Writing the bundle, whole or not at all."""
