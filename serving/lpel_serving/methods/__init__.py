"""Explanation methods (`decoded`, `simulated`, `measured`, `controls`), and their finder.

A method is found by its name in the entry-point group `lpel.methods`, where other packages may add
theirs.
"""

from lpel_serving.methods.catalogue.registry import find_method, methods
from lpel_serving.methods.method import FacePair, Method
from lpel_serving.methods.networks import AssembledNetworks, Networks

__all__ = ["AssembledNetworks", "FacePair", "Method", "Networks", "find_method", "methods"]
