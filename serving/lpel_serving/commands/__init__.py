"""The command line `lpel`: this package brings `explain` and `verify`."""
