"""The kinds of replacement: in which images of a pair superpixels are replaced, and by what."""

from typing import Literal, get_args

Kind = Literal["test", "both", "transplant"]
"""``test``: in the test image alone. ``both``: in both images at the same places. ``transplant``:
the test's become the reference's at the same place."""
KINDS: tuple[Kind, ...] = get_args(Kind)
