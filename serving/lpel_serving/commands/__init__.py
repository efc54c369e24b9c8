"""The command line `lpel`: one module for each command of the engine."""
