"""Slow, literal versions of what the engine computes."""
