"""Embedders in fewer bits: float16 and int8."""
