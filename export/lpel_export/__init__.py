"""From Keras or ONNX to a bundle: conversion, import, parity, precision, explainer, deployment."""

from lpel_export.adoption.adopt import adopt_embedder
from lpel_export.bundle.writer import write_bundle
from lpel_export.conversion.keras_to_onnx import Exported, export_decoder, export_embedder
from lpel_export.conversion.parity import Parity, check_parity

__all__ = [
    "Exported",
    "Parity",
    "adopt_embedder",
    "check_parity",
    "export_decoder",
    "export_embedder",
    "write_bundle",
]
