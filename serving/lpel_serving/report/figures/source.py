"""The line of origin in a figure: method, crop, network and version; no file names."""

import textwrap
from importlib.metadata import version

from lpel_serving.methods.explanation import PairExplanation

_LONGEST = 60
"""Longer names of networks and crops are cut."""


def source_words(pair: PairExplanation) -> str:
    """Name what explained a pair, and the version; empty if the pair has no origin."""
    method, origin = pair.method, pair.origin
    if method is None or origin is None:
        return ""
    said = origin.subject.retell(method.title)
    title = "" if method.title == method.name else f": {_short(said)}"
    bundle = f", bundle {origin.bundle[:12]}" if origin.bundle else ""
    return (
        f"Method {method.name}{title}. Crop: {_short(origin.crop)}. Network: "
        f"{_short(origin.embedder)}{bundle}. lpel {version('lpel-tf')}."
    )


def _short(text: str) -> str:
    return textwrap.shorten(text, _LONGEST, placeholder=" …") or text[:_LONGEST]
