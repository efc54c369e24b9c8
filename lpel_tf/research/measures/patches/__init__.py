"""Patch-LFW: patches of another face are pasted on a face, and a map must find them."""
