"""Swapped landmarks: a face gets another person's eyes, say, and a map must find them."""
