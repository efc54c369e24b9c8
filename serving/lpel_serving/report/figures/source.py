"""What a figure says of where it comes from: nothing of its reader, and no file's name."""

import textwrap
from importlib.metadata import version

from lpel_serving.methods.explanation import PairExplanation

_LONGEST = 60
"""Letters of a network's name, or of a crop's, beyond which it is cut short."""


def source_words(pair: PairExplanation) -> str:
    """Say what explained a pair, and the version, as sentences; nothing if the pair does not."""
    method, origin = pair.method, pair.origin
    if method is None or origin is None:
        return ""
    title = "" if method.title == method.name else f": {_short(method.title)}"
    bundle = f", bundle {origin.bundle[:12]}" if origin.bundle else ""
    return (
        f"Method {method.name}{title}. Crop: {_short(origin.crop)}. Network: "
        f"{_short(origin.embedder)}{bundle}. lpel {version('lpel-tf')}."
    )


def _short(text: str) -> str:
    return textwrap.shorten(text, _LONGEST, placeholder=" …") or text[:_LONGEST]
