"""Swapped landmarks: a map must find the one, e.g. the eyes, taken from another person."""
