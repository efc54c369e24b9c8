"""Shared helpers: errors, atomic files, progress callbacks, strict JSON, optional packages."""
