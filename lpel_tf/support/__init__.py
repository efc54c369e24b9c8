"""Shared parts: errors, caches, TensorFlow without its log."""
