"""The sub-commands that this package brings to `lpel`."""
