"""The figure of one method under several settings: area minus that of one control."""

from collections.abc import Sequence
from typing import Any

from lpel_serving.faithfulness.judgement import Judgement, title_of
from lpel_serving.report.figures.canvas import INK, new_figure
from lpel_serving.report.figures.curves import draw_differences


def difference_figure(judgements: Sequence[tuple[str, Judgement]], against: str) -> Any:
    """Draw how several measurements of a method differ from one control.

    Parameters
    ----------
    judgements
        Each with what to call it.
    against
        The control.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(7.5, 0.9 + 0.36 * len(judgements))
    rows = [(name, judgement.against(against)) for name, judgement in judgements]
    draw_differences(figure.subplots(), rows, lower_is_better=judgements[0][1].lower_is_better)
    figure.suptitle(
        f"Area less that of {title_of(against)}", fontsize=10, color=INK, parse_math=False
    )
    figure.subplots_adjust(left=0.42, right=0.97, top=1 - 0.35 / figure.get_figheight(), bottom=0.2)
    return figure
