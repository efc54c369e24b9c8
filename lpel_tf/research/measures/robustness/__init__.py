"""Robustness: a map must stay under irrelevant changes of the image."""
