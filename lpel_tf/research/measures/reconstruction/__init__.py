"""Fidelity of reconstructions: how close decoded faces are to the originals."""
