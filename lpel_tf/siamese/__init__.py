"""Siamese networks trained here (section 2.1.3): losses, batches, models, and how well they do."""
