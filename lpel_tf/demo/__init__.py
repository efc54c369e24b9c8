"""The demo, `lpel demo`: from published weights to explained pairs of real faces."""
