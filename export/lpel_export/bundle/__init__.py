"""Assembles bundles from exported networks; `lpel_serving` puts them on disk."""
