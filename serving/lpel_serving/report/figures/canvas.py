"""What all figures share: size, colours and axes."""

import io
from typing import Any

from lpel_serving.support.extras import require

INK = "#1b1b1f"
QUIET = "#5f6068"
FAINT = "#d9dade"
SUBJECT = "#b3123f"
"""The colour of the method that a figure is about."""
OTHERS = ("#1f6fb4", "#c77a00", "#2c8a4b", "#7a4fb0", "#0f8b8d", "#8a5a3c", "#4b4f58")


def new_figure(width: float, height: float) -> Any:
    """Make an empty `matplotlib.figure.Figure` of so many inches.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    return require("matplotlib.figure", "figures").Figure(figsize=(width, height), dpi=130)


def png(figure: Any) -> bytes:
    """Render a figure; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def bare(axis: Any) -> None:
    """Take ticks and frame away from a picture."""
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)


def quiet(axis: Any) -> None:
    """Leave a chart two thin lines and small grey ticks."""
    for name, spine in axis.spines.items():
        spine.set_visible(name in {"left", "bottom"})
        spine.set_color(FAINT)
    axis.tick_params(labelsize=8, colors=QUIET, length=2)
