"""Measures and games that compare methods over many pairs, beside those of `lpel assess`."""
