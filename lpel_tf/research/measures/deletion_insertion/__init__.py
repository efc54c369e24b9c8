"""Deletion and insertion: verification accuracy as the highest-ranked pixels go or alone remain."""
