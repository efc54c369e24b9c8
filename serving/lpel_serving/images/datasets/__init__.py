"""Folders of photographs, the people in them, and lists of pairs."""
