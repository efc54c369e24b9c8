"""Where it is known who is in the pictures, it is said whether the network is right."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lpel_serving.bundle.origin import Origin, origin_of
from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.decision import Decision, decide
from lpel_serving.images.found import Box, FoundFaces
from lpel_serving.methods.catalogue.registry import find_method, methods
from lpel_serving.methods.explanation import Explanation, PairExplanation, put_together
from lpel_serving.methods.method import title_of
from lpel_serving.methods.used import MethodUsed
from lpel_serving.report.figures import pair_figure
from lpel_serving.report.figures.pair import OWN_SCALES
from lpel_serving.report.verdict import explained
from lpel_serving.service.samples import LIST, read_samples
from lpel_serving.support.errors import ParameterError
from lpel_tf.commands.demo import _line
from lpel_tf.demo.page import _figure, _lead
from lpel_tf.demo.photographs import Photograph
from lpel_tf.demo.run import ExplainedPair, samples
from support.images import pixels
from support.region_maps import regional

ANN, ANN_AGAIN, BOB = (
    Photograph(person, member, "0" * 64)
    for person, member in (("Ann Ray", "1"), ("Ann Ray", "2"), ("Bob Lee", "3"))
)
SAME, TWO = (ANN, ANN_AGAIN), (ANN, BOB)


@pytest.fixture(scope="module")
def pair(tiny_explainer):
    return tiny_explainer.explain(pixels(0), pixels(1))


@pytest.fixture
def shown(pair):
    def make(people, similar):
        return ExplainedPair(
            "pair-1", *people, replace(pair, decision=Decision(0.5 if similar else 0.1, 0.25))
        )

    return make


CASES = [
    (SAME, True, "The network is right: both photographs show Ann Ray."),
    (SAME, False, "The network is wrong: both photographs show Ann Ray."),
    (TWO, False, "The network is right: the photographs show Ann Ray and Bob Lee."),
    (TWO, True, "The network is wrong: the photographs show Ann Ray and Bob Lee."),
]


@pytest.mark.parametrize(("people", "similar", "says"), CASES)
def test_the_demo_says_whether_the_network_is_right_wherever_it_shows_a_pair(
    shown, tmp_path, people, similar, says
):
    one = shown(people, similar)
    assert one.truth == says
    assert one.right is ("right" in says)
    (tmp_path / "pair-1.png").write_bytes(b"")
    on_page = _figure(one, tmp_path)
    assert says in on_page
    assert ("a mistake" in on_page) is ("not who is in the pictures" in on_page) is not one.right
    assert (says.removesuffix(".") in _line(one)) is not one.right
    assert ("It is wrong about Ann Ray" in _lead([one])) is not one.right
    assert pair_figure(one.explanation, one.title, truth=says).get_suptitle().endswith(says)


def write(folder, **more):
    faces = {role: {"name": role, "file": "a.png"} for role in ("reference", "test")}
    (folder / "a.png").write_bytes(b"")
    entry = {"title": "A", "crop": "none", **faces, **more}
    (folder / LIST).write_text(json.dumps([entry]), encoding="utf-8")
    return folder


def test_the_samples_of_the_demo_hold_the_truth(shown, tmp_path):
    for name, data in samples((shown(SAME, False), shown(TWO, False))).items():
        (tmp_path / name).write_bytes(data)
    assert [one.same_person for one in read_samples(tmp_path)] == [True, False]


@pytest.mark.parametrize("more", [{}, {"same_person": None}])
def test_samples_without_a_truth_are_read(tmp_path, more):
    assert read_samples(write(tmp_path, **more))[0].same_person is None


@pytest.mark.parametrize("truth", ["yes", 1, 0, [], 0.5])
def test_a_truth_that_is_none_is_refused(tmp_path, truth):
    with pytest.raises(ParameterError, match="same_person is true, false or null"):
        read_samples(write(tmp_path, same_person=truth))


# ---- the order of the two pictures ----


def of_source(
    pair: PairExplanation, crop: str, method: str, origin: Origin | None = None
) -> PairExplanation:
    """The pair, made by a method and a bundle."""
    made = MethodUsed(find_method(method))
    return replace(pair, method=made, origin=origin or Origin(crop, crop, "tiny"))


def test_words_name_the_reference_first():
    """As the pictures stand."""
    forward, swapped = (
        Explanation(np.zeros((4, 4, 3), np.float32), heat_map, heat_map > 0)
        for heat_map in (regional(nose=1), regional(eyes=1))
    )
    embeddings = np.array([[1, 0], [0.7, 0.714]], np.float32)
    pair = put_together(
        (pixels(0, 8), pixels(1, 8)),
        embeddings,
        decide(COSINE, *embeddings, 0.387),
        forward,
        swapped,
    )
    words = explained(of_source(pair, "none", "responses")).words
    assert [one.partition(",")[0] for one in words[-2:]] == [
        "In the reference picture",
        "In the test picture",
    ]
    assert "the eyes" in words[-2]
    assert "the nose" in words[-1]


# ---- what made a figure ----


def below(figure) -> str:
    return "\n".join(text.get_text() for text in small(figure))


def small(figure) -> list:
    return [text for text in figure.texts if text is not figure._suptitle]


def test_a_figure_says_what_made_it_and_that_each_map_has_its_own_scale(tiny_explainer, pair):
    pair = of_source(pair, "mtcnn", "corrrise", origin_of(tiny_explainer.manifest, "mtcnn"))
    said = below(pair_figure(pair))
    assert OWN_SCALES in said
    assert "Method corrrise: Hiding random squares. Crop: mtcnn." in said
    assert f"Network: {tiny_explainer.manifest.embedder.name}, " in said
    assert f"bundle {tiny_explainer.manifest.identity[:12]}. lpel " in said
    headline = pair_figure(pair).get_suptitle()
    assert f"similarity {pair.similarity:.3f}, threshold 0.250" in headline


def test_without_a_source_a_figure_still_says_how_its_maps_compare(pair):
    assert below(pair_figure(replace(pair, method=None))) == OWN_SCALES


def test_a_long_name_is_cut_short_and_no_formula_is_set(pair):
    origin = Origin("none", "none", "$" + "n" * 300 + "$")
    figure = pair_figure(of_source(pair, "none", "responses", origin))
    assert not any(text.get_parse_math() for text in figure.texts)
    for text in figure.texts:
        assert text.get_window_extent().x1 < figure.bbox.x1, text.get_text()


@pytest.mark.parametrize("lines", [1, 2, 3, 4])
def test_nothing_is_drawn_over_anything(pair, lines):
    """Headline, pictures and small letters, however much there is of each."""
    box = Box(0, 0, 9, 9)
    found = (
        (FoundFaces((box, box), 1), FoundFaces((box, box, box), 0)) if lines > 2 else (None,) * 2
    )
    origin = Origin("mtcnn", "mtcnn", "N" * 60, "0" * 64)
    figure = pair_figure(
        of_source(replace(pair, found=found), "mtcnn", "responses", origin),
        "\n".join(["Ann and Bob"] * (lines - 2)),
        truth="The network is wrong: both photographs show Ann." if lines > 1 else "",
    )
    grid = [axis.get_tightbbox() for axis in figure.axes[:12]]
    top, bottom = max(box.y1 for box in grid), min(box.y0 for box in grid)
    assert figure._suptitle.get_window_extent().y0 >= top
    for text in small(figure):
        extent = text.get_window_extent()
        assert 0 <= extent.y0 <= extent.y1 <= bottom
        assert extent.x1 <= figure.bbox.x1


# ---- what methods are called ----


@pytest.mark.parametrize("name", methods())
def test_every_method_has_a_plain_title(name):
    title = title_of(find_method(name), name)
    assert title != name
    assert len(title) <= 40
    for word in ("superpixel", "embedding", "perturb", "relevance", "coalition"):
        assert word not in title.lower()


def test_a_method_of_others_is_called_by_its_name():
    assert title_of(lambda *_: np.zeros((1, 1), np.float32), "theirs") == "theirs"
