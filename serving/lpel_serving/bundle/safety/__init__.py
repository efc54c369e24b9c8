"""Refuses untrusted models with unsafe content: other files, custom operators, broken weights."""
