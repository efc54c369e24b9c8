"""Requests read and answers written: bodies, forms, JSON, problems."""
