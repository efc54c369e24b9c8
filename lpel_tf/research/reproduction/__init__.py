"""Chapter 5 of the thesis, run again: every figure and table, beside controls that it lacks."""
