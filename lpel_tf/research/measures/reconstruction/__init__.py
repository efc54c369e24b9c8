"""Fidelity: how much of a face a decoder gives back."""
