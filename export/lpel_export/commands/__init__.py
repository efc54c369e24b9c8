"""The sub-commands that this package adds to `lpel`: `export`."""
