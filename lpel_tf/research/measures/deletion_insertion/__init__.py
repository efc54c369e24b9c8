"""Deletion and insertion: accuracy as the top pixels are removed, or are the only ones kept."""
