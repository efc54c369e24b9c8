"""Patch-LFW: patches of another face are laid on a face, and a map must find them."""
