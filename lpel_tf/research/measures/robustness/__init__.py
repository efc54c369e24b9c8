"""Robustness: a map must stay when what does not matter changes."""
