"""The one package that speaks HTTP."""
