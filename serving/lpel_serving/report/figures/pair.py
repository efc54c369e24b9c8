"""The figure of a pair explained both ways, after figures 5.10 and 5.11."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.bundle.comparison_record import BY_COSINE
from lpel_serving.images.found import in_words
from lpel_serving.images.resizing import decoder_target
from lpel_serving.images.subject import FACES
from lpel_serving.methods.explanation import Explanation, LpelExplanation, PairExplanation
from lpel_serving.report.caveats import measured_common
from lpel_serving.report.figures.canvas import INK, QUIET, bare, new_figure, png
from lpel_serving.report.figures.source import source_words
from lpel_serving.report.pictures import displayable, enlarged, in_colour
from lpel_serving.report.verdict import doubt_in_short, in_short
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.files import write_atomically
from lpel_serving.support.image_shape import ImageShape, drawn_from

COLUMNS = (
    "Explained",
    "Compared with",
    "Reconstruction",
    "{whose}\nhighlighted",
    "Reconstruction\nhighlighted",
    "Heat-map",
)
OWN_SCALES = (
    "Each heat-map has a scale of its own, up to its strongest place: compare where two maps lie, "
    "not how strong they are."
)
_ROOM = 2
"""Lines of a headline that fit above the usual rows."""
_LINE, _SMALL_LINE = 0.06, 0.029
"""Heights of a line of the headline, and of the small letters below, as shares of the figure."""
_HIGHLIGHT = np.array([255, 221, 51], np.float32)


def pair_figure(pair: PairExplanation, title: str = "", *, truth: str = "") -> Any:
    """Draw a pair explained both ways, a row for each, in the manner of figures 5.10 and 5.11.

    The first row explains the reference in comparison with the test, the second the test. LPEL's
    mask is laid on the other face, as in the thesis; that of other methods, whose maps are about
    the pixels of the face that is explained, on this one. If a pixel of either map speaks against
    the decision, both are drawn with a colour for each side; a control's, which speaks for nothing,
    never is.

    Parameters
    ----------
    pair
        To be drawn; what explained it, where it says so, stands below in small letters.
    title
        Above everything.
    truth
        Whether the network is right, in a sentence, where that is known.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    columns = _columns(pair)
    figure = new_figure(10.2, 4.3)
    grid = figure.subplots(2, len(columns))
    rows = (
        (pair.reference_crop, pair.test_crop, pair.swapped),
        (pair.test_crop, pair.reference_crop, pair.forward),
    )
    signed = _signed(pair)
    for axes, (face, other, explanation) in zip(grid, rows, strict=True):
        _draw_row(axes, _row_pictures(face, other, explanation), explanation, signed=signed)
    subject = FACES if pair.origin is None else pair.origin.subject
    whose = f"Other {subject.thing}" if _by_lpel(pair.forward) else "Explained"
    for axis, name in zip(grid[0], columns, strict=True):
        axis.set_title(name.format(whose=whose), fontsize=9, color=INK)
    for axis, name in zip(grid[:, 0], ("reference", "test"), strict=True):
        axis.set_ylabel(name, fontsize=8, color=QUIET)
    headline = _headline(pair, title, truth)
    figure.suptitle(headline, fontsize=11, color=INK, y=0.98, parse_math=False)
    top = 0.8 - _LINE * max(0, headline.count("\n") + 1 - _ROOM)
    bottom = 0.03 + _write_below(figure, pair)
    figure.subplots_adjust(left=0.03, right=0.935, top=top, bottom=bottom, wspace=0.06, hspace=0.06)
    _draw_scale(figure, grid, signed=signed)
    return figure


def write_pair_figure(
    pair: PairExplanation, path: Path, title: str = "", *, truth: str = ""
) -> None:
    """Draw `pair_figure` and write it as a PNG.

    Raises
    ------
    OutputError
        If the file cannot be written.
    MissingExtraError
        If matplotlib is not installed.
    """
    write_atomically(path, png(pair_figure(pair, title, truth=truth)))


def highlight(image: Pixels, mask: NDArray[np.bool_]) -> Pixels:
    """Lay a mask on an image: what it selects is tinted, the rest loses its colour.

    Parameters
    ----------
    image
        uint8, shape (H, W, 3).
    mask
        bool, shape (H, W), of any size: it is enlarged to the image, pixel by pixel.
    """
    chosen = enlarged(mask, image)
    pixels = image.astype(np.float32)
    grey = pixels.mean(axis=2, keepdims=True).repeat(3, axis=2) * 0.75
    tinted = 0.45 * pixels + 0.55 * _HIGHLIGHT
    return np.where(chosen[:, :, np.newaxis], tinted, grey).round().astype(np.uint8)


def _columns(pair: PairExplanation) -> Sequence[str]:
    """The titles of the columns: those of reconstructions only where a decoder made some."""
    if pair.forward.reconstruction is not None:
        return COLUMNS
    return [name for name in COLUMNS if not name.startswith("Reconstruction")]


def _row_pictures(face: Pixels, other: Pixels, explanation: Explanation) -> Sequence[Pixels]:
    explained, drawn = explanation.mask, explanation.reconstruction
    shape = drawn_from(ImageShape(*face.shape)) if drawn is None else ImageShape(*drawn.shape)
    seen = in_colour(decoder_target(other if _by_lpel(explanation) else face, shape))
    pictures = (in_colour(face), in_colour(other))
    if drawn is None:
        return (*pictures, highlight(seen, explained))
    reconstruction = in_colour(displayable(drawn))
    highlighted = highlight(seen, explained), highlight(reconstruction, explained)
    return (*pictures, reconstruction, *highlighted)


def _draw_row(
    axes: Sequence[Any], pictures: Sequence[Pixels], explanation: Explanation, *, signed: bool
) -> None:
    for axis, picture in zip(axes, pictures, strict=False):
        axis.imshow(picture, interpolation="nearest")
    values = explanation.heat_map
    drawn: dict[str, Any] = {"interpolation": "nearest", "aspect": _aspect(values, pictures[0])}
    if signed:
        most = float(np.abs(values).max())
        axes[-1].imshow(values, cmap="RdBu_r", vmin=-most, vmax=most, **drawn)
    else:
        axes[-1].imshow(explanation.normalised_heat_map, cmap="viridis", vmin=0, vmax=1, **drawn)
    for axis in axes:
        bare(axis)


def _aspect(values: NDArray[np.float32], face: Pixels) -> float:
    """How much taller than wide a map's cells are, for the map to have the face's proportions."""
    rows, columns = values.shape
    return (face.shape[0] * columns) / (face.shape[1] * rows)


def _by_lpel(explanation: Explanation) -> bool:
    return isinstance(explanation, LpelExplanation)


def _signed(pair: PairExplanation) -> bool:
    """Whether some pixels speak against the decision: then 0 must have a colour of its own."""
    maps = (pair.forward.heat_map, pair.swapped.heat_map)
    return not pair.control and any(bool((values < 0).any()) for values in maps)


def _draw_scale(figure: Any, grid: Any, *, signed: bool) -> None:
    image = grid[0, -1].images[0]
    scale = figure.colorbar(image, ax=None, cax=figure.add_axes((0.942, 0.1, 0.01, 0.6)))
    names = ["against", "for it"] if signed else ["least", "most"]
    scale.set_ticks(image.get_clim(), labels=names)
    scale.ax.tick_params(labelsize=7, colors=QUIET, length=0)
    scale.outline.set_visible(False)


def _write_below(figure: Any, pair: PairExplanation) -> float:
    """Write caveat, scale and origin below the maps; return the height that this takes."""
    several = " ".join(in_words(pair.found))
    lines = [OWN_SCALES, several, source_words(pair)]
    shown = [line for line in lines if line]
    figure.text(
        0.03, 0.012, "\n".join(shown), fontsize=7, color=QUIET, va="bottom", parse_math=False
    )
    height = _SMALL_LINE * len(shown)
    if pair.usual is not None:
        subject = FACES if pair.origin is None else pair.origin.subject
        limit = measured_common(pair.usual, similar=pair.similar, subject=subject)
        figure.text(0.03, 0.018 + height, limit, fontsize=8, color=INK, parse_math=False)
        height += 1.5 * _SMALL_LINE
    return height


def _headline(pair: PairExplanation, title: str, truth: str) -> str:
    comparison = BY_COSINE if pair.origin is None else pair.origin.comparison
    decision = f"{in_short(pair.decision, comparison)}: the network calls them {pair.decision.word}"
    maps = ". The maps are a control's: they do not depend on this pair" if pair.control else ""
    doubt = "" if pair.doubt is None else doubt_in_short(pair.doubt)
    return "\n".join(line for line in (title, doubt, decision + maps, truth) if line)
