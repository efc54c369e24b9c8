"""Lists of pairs as others write them, read row by row."""
