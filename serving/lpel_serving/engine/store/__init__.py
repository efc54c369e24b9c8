"""Stores of embeddings: each distinct photograph is embedded once across requests and runs."""
