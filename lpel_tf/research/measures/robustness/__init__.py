"""Robustness: a map must stay the same under irrelevant changes of the image."""
