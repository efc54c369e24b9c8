"""Verification: accuracy and threshold, predicted probability, plausibility, and search."""
