"""Sanity checks by randomisation: a map must change when weights or the decision change."""
