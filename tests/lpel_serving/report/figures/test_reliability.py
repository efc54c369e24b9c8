"""The reliability diagram as a picture: what is drawn where."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from lpel_serving.report.figures import png, reliability_figure
from lpel_serving.support.errors import MissingExtraError
from lpel_serving.verification.reliability import Bin, Reliability

BINS = (
    Bin(1e-7, 0.0, 0.0, 0.02, 1234),
    Bin(0.2, 0.1, 0.02, 0.4, 20),
    Bin(0.5, 0.6, 0.3, 0.8, 9),
    Bin(0.999, 1.0, 0.98, 1.0, 500),
)
RELIABILITY = Reliability(BINS, 0.0123, 0.0456, 0.0789)


def log_odds(share):
    return np.log(share / (1 - share))


@pytest.fixture
def figure():
    return reliability_figure(RELIABILITY, "a network")


def test_every_bin_has_a_point_and_its_interval(figure):
    above = figure.axes[0]
    points = above.collections[1].get_offsets()
    x, y = np.array(points).T
    assert x[1:] == pytest.approx([log_odds(0.2), 0, log_odds(0.999)])
    assert y[1:3] == pytest.approx([log_odds(0.1), log_odds(0.6)])
    intervals = [segment[:, 1] for segment in above.collections[0].get_segments()]
    assert intervals[1] == pytest.approx([log_odds(0.02), log_odds(0.4)])
    assert intervals[3][0] == pytest.approx(log_odds(0.98))


def test_shares_of_none_and_of_all_lie_at_the_edges_and_are_hollow(figure):
    above = figure.axes[0]
    points = np.array(above.collections[1].get_offsets())
    bottom, top = above.get_ylim()
    assert points[0, 1] == pytest.approx(bottom)
    assert points[3, 1] == pytest.approx(top)
    assert points[0, 0] == pytest.approx(above.get_xlim()[0])
    hollow = (above.collections[1].get_facecolors()[:, :3] == 1).all(axis=1)
    assert hollow.tolist() == [True, False, False, True]
    assert "none of them, or all" in [t.get_text() for t in above.get_legend().get_texts()]


def test_both_scales_name_the_same_shares(figure):
    above, below = figure.axes
    names = [label.get_text() for label in above.get_yticklabels()]
    assert names == [label.get_text() for label in below.get_xticklabels()]
    assert names[0] == "0.01 %"
    assert names[4] == "50 %"
    assert above.get_yticks()[4] == 0
    assert above.get_ylim() == above.get_xlim() == below.get_xlim()


def test_the_pairs_are_counted_below_and_the_scores_stand_above(figure):
    above, below = figure.axes
    assert [text.get_text() for text in below.texts] == ["1,234", "20", "9", "500"]
    assert above.get_title() == "calibration error 0.0123, Brier score 0.0456, log loss 0.0789"
    assert figure.get_suptitle() == "a network"


def test_one_bin_is_drawn_too():
    figure = reliability_figure(Reliability(BINS[1:2], 0, 0, 0))
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == ["as predicted"]
    with Image.open(io.BytesIO(png(figure))) as picture:
        assert picture.format == "PNG"


def test_the_same_reliability_gives_the_same_bytes():
    assert png(reliability_figure(RELIABILITY)) == png(reliability_figure(RELIABILITY))


def test_a_title_is_drawn_as_it_stands():
    assert reliability_figure(RELIABILITY, "$10 and $20").get_suptitle() == "$10 and $20"
    png(reliability_figure(RELIABILITY, r"$\no such command$"))


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"lpel-tf\[figures\]"):
        reliability_figure(RELIABILITY)
