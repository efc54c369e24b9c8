"""What every room needs: the family of errors, names that depend on a graph alone."""
