"""Requests and answers as pydantic models, which both validate and document them."""
