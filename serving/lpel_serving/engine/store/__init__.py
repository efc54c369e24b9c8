"""Stores of embeddings, in memory and in SQLite: each distinct photograph is embedded once."""
