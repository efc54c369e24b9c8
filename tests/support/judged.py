"""A method judged on a network that weighs pixels, for figures to draw."""

import functools

import matplotlib.colors
import numpy as np

from lpel_serving.equations.fill import Fill
from lpel_serving.faithfulness.assessment import measure_curves
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.judgement import Judgement, judge
from support.networks import BEST, Weighing, dissimilar_pairs, similar_pairs

TITLES = ["$10 and $20", r"$\no such command$", "a_b ^ c", "{x} %s", "#", "Ünïcode"]
BETTER, WORSE, UNDECIDED = "#2c8a4b", "#b3123f", "#5f6068"


@functools.cache
def judged(kind="test", method=BEST, *, similar: bool | None = None, **rivals) -> Judgement:
    similar = kind == "test" if similar is None else similar
    pairs = similar_pairs(range(225, 190, -5)) if similar else dissimilar_pairs(range(0, 35, 5))
    settings = CurveSettings(kind, 2, 8, fill=Fill("black"), draws=4)
    rng = np.random.default_rng(0)
    measured = measure_curves(Weighing(), pairs, ("ours", method), settings, rng, rivals=rivals)
    return judge(measured, np.random.default_rng(0))


def colour(artist) -> str:
    return matplotlib.colors.to_hex(artist.get_color())
