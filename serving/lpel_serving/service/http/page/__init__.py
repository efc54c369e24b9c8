"""The page: a form for two faces, and what is computed with them, in plain files."""
