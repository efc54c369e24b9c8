"""Shared parts: the family of errors, deterministic names, the image size."""
