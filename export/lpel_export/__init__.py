"""From Keras to ONNX: conversion, parity and the bundle."""

from lpel_export.adoption import adopt_embedder
from lpel_export.bundle_writer import write_bundle
from lpel_export.conversion import Exported, export_decoder, export_embedder
from lpel_export.parity import Parity, check_parity

__all__ = [
    "Exported",
    "Parity",
    "adopt_embedder",
    "check_parity",
    "export_decoder",
    "export_embedder",
    "write_bundle",
]
