"""Embedders in lower precision: float16 and int8."""
