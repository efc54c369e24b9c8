"""One pair's curve among random ones, on networks whose best and worst orders are known."""

import re
from collections.abc import Sequence

import numpy as np
import pytest

from lpel_serving.equations.comparison import COSINE, Euclidean
from lpel_serving.equations.fill import Fill
from lpel_serving.faithfulness.assessment import measure_curves
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.judgement import areas, normalised
from lpel_serving.faithfulness.pair_check import PairCheck, check_pair, question_for
from lpel_serving.faithfulness.study import QUESTIONS
from lpel_serving.methods import AssembledNetworks, FacePair
from lpel_serving.support.errors import EmbeddingError, LpelError, ParameterError
from support.analytic import QUARTER_NETWORKS, Counting, ReportProgress, bright_pairs, on_quarter
from support.images import pixels
from support.networks import (
    BEST,
    WEIGHTS,
    Linear,
    Weighing,
    dissimilar_pairs,
    face_pair,
    plain,
    similar_pairs,
)

MINUS = "\N{MINUS SIGN}"
TOTAL = WEIGHTS.sum()
DESCENDING = np.sort(WEIGHTS)[::-1]
MAP = BEST.values.astype(np.float32)
SETTINGS = CurveSettings("test", superpixel=2, image_size=8, fill=Fill("black"), draws=10)

QUESTION = {name: QUESTIONS[name] for name in ("similar", "dissimilar", "transplant")}
questions = pytest.mark.parametrize("name", QUESTION)


def pair_for(name: str) -> FacePair:
    return similar_pairs((255,))[0] if QUESTIONS[name].similar else dissimilar_pairs((0,))[0]


def ask(name: str, heat_map=MAP, networks=None, pair=None, seed=0, **options) -> PairCheck:
    changes = options.pop("settings", SETTINGS)
    pair = pair or pair_for(name)
    return check_pair(
        networks or Weighing(), pair, heat_map, QUESTIONS[name], changes, seed, **options
    )


def by_hand(name: str, weights: Sequence[int]) -> np.ndarray:
    """The normalised curve as superpixels of some weights go, one after another."""
    done = np.append(0, np.cumsum(weights))
    if name == "similar":  # white against white that turns black
        raw = TOTAL / np.hypot(TOTAL, done)
        return raw / raw[0]
    if name == "dissimilar":  # white and black, both of which turn black
        raw = (TOTAL**2 + done * TOTAL) / np.hypot(TOTAL, done) / np.hypot(TOTAL, TOTAL)
    else:  # white and black, which turns white
        raw = TOTAL / np.hypot(TOTAL, TOTAL - done)
    return (raw - raw[0]) / (1 - raw[0])


# ---- the best and the worst order ----


@questions
def test_the_best_order_has_the_curve_that_is_known_and_beats_all(name):
    one = ask(name)
    np.testing.assert_allclose(one.own, by_hand(name, DESCENDING), atol=1e-5)
    assert one.area == pytest.approx(np.trapezoid(by_hand(name, DESCENDING), dx=1 / 16), abs=1e-5)
    assert one.beaten == len(one.random_areas) == 10
    assert one.words[0].startswith("Its order beats all 10 random orders")


@questions
def test_the_worst_order_has_the_curve_that_is_known_and_beats_none(name):
    one = ask(name, -MAP)
    np.testing.assert_allclose(one.own, by_hand(name, DESCENDING[::-1]), atol=1e-5)
    assert one.beaten == 0
    assert one.words[0] == "Worse than chance: all 10 random orders beat its own."


@questions
def test_random_orders_lie_between_the_best_and_the_worst(name):
    one = ask(name, settings=CurveSettings("test", 2, 8, fill=Fill("black"), draws=40))
    best, worst = (by_hand(name, weights) for weights in (DESCENDING, DESCENDING[::-1]))
    low, high = (best, worst) if one.lower_is_better else (worst, best)
    assert one.random.shape == (40, 17)
    assert (one.random >= low - 1e-6).all()
    assert (one.random <= high + 1e-6).all()
    assert len(np.unique(one.random_areas.round(6))) > 30


@questions
def test_an_order_in_between_beats_those_with_worse_areas(name):
    heat_map = np.random.default_rng(8).permutation(16).reshape(4, 4).astype(np.float32)
    one = ask(name, heat_map)
    own = by_hand(name, WEIGHTS[np.argsort(-heat_map.ravel())])
    np.testing.assert_allclose(one.own, own, atol=1e-5)
    better = one.random_areas > one.area if one.lower_is_better else one.random_areas < one.area
    assert one.beaten == better.sum()


def test_similar_pairs_that_take_over_superpixels_should_move_little():
    pair = face_pair(Weighing(), plain(255), plain(180), similar=True)
    one, other = (ask("transplant-similar", sign * MAP, pair=pair) for sign in (-1, 1))
    assert one.scale == "movement"
    assert one.lower_is_better
    assert (one.beaten, other.beaten) == (10, 0)
    assert one.own[0] == 0
    assert (one.own >= 0).all()


def test_a_network_that_sees_a_quarter_falls_when_that_quarter_goes():
    pair = bright_pairs([True])[0]
    heat_map = on_quarter(pair, QUARTER_NETWORKS, np.random.default_rng(0))
    settings = CurveSettings("test", 10, 20, fill=Fill("black"), draws=10)
    one = ask("similar", heat_map, QUARTER_NETWORKS, pair, settings=settings)
    np.testing.assert_allclose(one.own, [1, 0, 0, 0, 0], atol=1e-6)
    assert one.area == pytest.approx(1 / 8)
    assert set(one.random_areas.round(3)) <= {0.125, 0.375, 0.625, 0.875}
    assert one.beaten == np.count_nonzero(one.random_areas > 0.2) > 0


def test_a_random_order_that_ties_is_not_beaten():
    blind = AssembledNetworks(lambda crops: np.ones((len(crops), 2), np.float32), None)
    pair = face_pair(blind, plain(9), plain(200), similar=True)
    one = ask("similar", networks=blind, pair=pair)
    np.testing.assert_array_equal(one.own, 1)
    assert one.beaten == 0
    assert one.words[0] == "No better than chance: its order beats none of 10 random orders."


def test_a_flat_map_is_an_order_that_is_drawn_by_lot():
    orders = {ask("similar", MAP * 0, seed=seed).own.tobytes() for seed in range(5)}
    assert len(orders) == 5
    one = ask("similar", MAP * 0)
    assert one.flat
    assert one.words[0] == "The map is flat, so that its order was random too."
    assert not ask("similar").flat


# ---- how it is measured ----


@questions
def test_the_curve_is_that_which_is_measured_of_many_pairs(name):
    pairs = [pair_for(name)] * 2
    settings = CurveSettings(QUESTIONS[name].kind, 2, 8, every=3, draws=4)
    heat_map = np.random.default_rng(3).normal(size=(8, 8)).astype(np.float32)
    measured = measure_curves(
        Weighing(),
        pairs,
        ("ours", lambda *_: heat_map),
        settings,
        np.random.default_rng(11),
    )
    seed = int(np.random.default_rng(11).integers(2**62))
    one = ask(name, heat_map, seed=seed, settings=settings)
    curves = normalised(measured)[0]
    np.testing.assert_array_equal(one.own, curves[0])
    np.testing.assert_array_equal(one.random, curves[-4:])
    assert one.area == areas(measured)["ours"][0]
    np.testing.assert_array_equal(one.replaced, [0, 3, 6, 9, 12, 15, 16])


@questions
def test_no_image_is_embedded_twice_and_none_that_is_known(name):
    networks = Weighing()
    pair = pair_for(name)
    ask(name, networks=networks, pair=pair, settings=CurveSettings("test", 2, 8, fill=Fill("grey")))
    asked = [image for call in networks.calls for image in call]
    each = 2 if QUESTIONS[name].kind == "both" else 1
    combinations = {tuple(asked[i : i + each]) for i in range(0, len(asked), each)}
    assert len(combinations) == len(asked) / each
    assert (pair.test.tobytes(), pair.reference.tobytes())[:each] not in combinations
    assert len(combinations) < 11 * 17


@questions
def test_the_kind_of_the_curve_is_the_questions(name):
    one, other = (ask(name, settings=CurveSettings(kind, 2, 8)) for kind in ("test", "both"))
    np.testing.assert_array_equal(one.own, other.own)


@questions
def test_the_batch_size_changes_no_byte(name):
    linear = Linear()
    pair = face_pair(linear, pixels(0), pixels(0) // 2 + pixels(1) // 2, QUESTIONS[name].similar)
    settings = CurveSettings("test", 2, 8, every=2, draws=3)
    byte_by_byte = AssembledNetworks(
        lambda crops: np.concatenate([linear.embed(crop[np.newaxis]) for crop in crops]), None
    )
    received = {
        (one.own.tobytes(), one.random.tobytes(), one.area, one.random_areas.tobytes(), one.words)
        for batch_size in (1, 3, 4, 1000)
        for one in [ask(name, MAP, byte_by_byte, pair, settings=settings, batch_size=batch_size)]
    }
    assert len(received) == 1


@pytest.mark.parametrize("batch_size", [1, 4, 7])
def test_no_more_images_are_embedded_at_a_time_than_a_batch(batch_size):
    counting = Counting(Weighing().embed)
    ask("similar", networks=AssembledNetworks(counting, None), batch_size=batch_size)
    assert set(counting.batches[:-1]) == {batch_size}
    assert counting.batches[-1] <= batch_size


def test_another_seed_draws_other_orders_and_other_noise():
    settings = CurveSettings("test", 2, 8, draws=3)
    one, same, other = (ask("similar", settings=settings, seed=seed) for seed in (1, 1, 2))
    assert one.random.tobytes() == same.random.tobytes()
    assert one.random.tobytes() != other.random.tobytes()
    assert one.own.tobytes() != other.own.tobytes()


@questions
def test_progress_is_told_of_every_image(name):
    told, networks = ReportProgress(), Weighing()
    ask(name, networks=networks, progress=told, batch_size=4)
    assert told.opened == [networks.images]
    assert told.done == [len(call) for call in networks.calls]
    assert sum(told.done) == networks.images


class LeftError(Exception):
    """Somebody went away."""


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_whoever_leaves_is_heard_between_batches(batch):
    told, weighing = ReportProgress(), Weighing()

    def embed(crops):
        if len(weighing.calls) == batch - 1:
            raise LeftError
        return weighing.embed(crops)

    with pytest.raises(LeftError):
        ask("similar", networks=AssembledNetworks(embed, None), progress=told)
    assert told.done == [4] * (batch - 1)


def test_what_is_known_takes_no_embedding():
    networks, told = Weighing(), ReportProgress()
    settings = CurveSettings("test", 2, 8, every=16, draws=2)
    one = ask("transplant", networks=networks, settings=settings, progress=told)
    np.testing.assert_array_equal(one.replaced, [0, 16])
    np.testing.assert_allclose(one.own, [0, 1], atol=1e-6)
    assert (networks.images, told.opened, told.done) == (0, [0], [])


# ---- what is refused ----


class Silent:
    comparison = COSINE

    def embed(self, crops):
        raise AssertionError("an image was embedded")


def test_a_similar_pair_without_a_similarity_has_no_share_of_it():
    h = np.array([[1, 0], [-0.5, 1]], np.float32)
    pair = FacePair(plain(1), plain(2), *h, similar=True)
    with pytest.raises(
        ParameterError, match=r"similarity of -0\.447.*transplant-similar"
    ) as caught:
        ask("similar", networks=Silent(), pair=pair)
    assert isinstance(caught.value, LpelError)


def test_by_distance_a_share_of_next_to_nothing_is_none():
    """As in `lpel assess`: see `drawable`."""
    h = np.array([[0, 0], [1.4, 0]], np.float32)  # at 1.4 spreads: a similarity of 0.02
    far = FacePair(plain(1), plain(2), *h, similar=True)
    networks = Silent()
    networks.comparison = Euclidean(1.0)
    with pytest.raises(ParameterError, match=r"of 0\.020000, .* where that is 0\.1 or less"):
        ask("similar", networks=networks, pair=far)


def test_a_dissimilar_pair_that_is_the_same_to_the_network_cannot_rise():
    h = np.array([[1, 0.001], [1, 0]], np.float32)
    pair = FacePair(plain(1), plain(2), *h, similar=False)
    for name in ("dissimilar", "transplant"):
        with pytest.raises(ParameterError, match=r"of 1\.000000, .* cannot rise: look"):
            ask(name, networks=Silent(), pair=pair)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_curve_of_the_other_decision_is_refused(name):
    pair = pair_for("dissimilar" if QUESTIONS[name].similar else "similar")
    with pytest.raises(ParameterError, match=r"was called .*: choose another curve"):
        ask(name, networks=Silent(), pair=pair)


def test_a_batch_of_nothing_is_refused():
    with pytest.raises(ParameterError, match="at least 1 image; received 0"):
        ask("similar", networks=Silent(), batch_size=0)


def test_a_broken_embedder_is_found_out():
    broken = AssembledNetworks(lambda crops: np.full((len(crops), 2), np.nan, np.float32), None)
    with pytest.raises(EmbeddingError, match="the embedder is broken"):
        ask("similar", networks=broken)


# ---- in words ----


def test_the_curve_follows_from_the_decision():
    assert question_for(similar=True) is QUESTIONS["similar"]
    assert question_for(similar=False) is QUESTIONS["dissimilar"]


def of_areas(
    own: float, random: Sequence[float], name: str = "similar", first: float = 0.5
) -> PairCheck:
    return PairCheck(
        question=QUESTIONS[name],
        scale={"similar": "share", "transplant-similar": "movement"}.get(name, "rise"),
        flat=False,
        replaced=np.array([0, 4]),
        own=np.array([own, own]),
        random=np.array([[one, one] for one in random]),
        area=own,
        random_areas=np.array(random),
        first=first,
    )


LOT = ", as a random order would"
NO_BETTER = "No better than chance: its order beats"


@pytest.mark.parametrize(
    ("random", "says"),
    [
        ([0.9] * 10, f"Its order beats all 10 random orders{LOT} once in 11."),
        ([0.9] * 7 + [0.1] * 3, f"Its order beats 7 of 10 random orders{LOT} 4 times in 11."),
        ([0.9] * 5 + [0.1] * 5, f"{NO_BETTER} 5 of 10 random orders{LOT} 6 times in 11."),
        ([0.1] * 9 + [0.5], f"{NO_BETTER} none of 10 random orders."),
        ([0.1] * 10, "Worse than chance: all 10 random orders beat its own."),
        ([0.9], f"Its order beats the one random order{LOT} once in 2."),
        ([0.1], f"{NO_BETTER} not even the one random order."),
    ],
)
def test_the_first_sentence_says_what_the_order_beats(random, says):
    assert of_areas(0.5, random).words[0] == says
    turned = of_areas(0.5, [1 - one for one in random], "dissimilar")
    assert turned.words[0] == says


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("similar", r"test picture loses its parts .* 20\.0 % .* left .*, 31\.2 %\. The less"),
        (
            "dissimilar",
            r"both pictures lose their parts .* 20\.0 % of its .* 31\.2 %\. The more",
        ),
        ("transplant", r"test picture takes over .* 20\.0 % of its way up to 1; .* The more"),
        ("transplant-similar", r"takes over .* 0\.200 away .*, 0\.312\. The less, the better"),
    ],
)
def test_the_second_says_what_the_areas_mean(name, says):
    words = of_areas(0.2, [0.3, 0.324], name).words
    assert re.search(says, words[1])


LESS = "less alike there than two that have nothing in common."
AT_FIRST = "than it was at first."


@pytest.mark.parametrize(
    ("name", "own", "random", "says", "beyond"),
    [
        (
            *("similar", -0.134, [0.1, 0.14]),
            rf"similarity, 0\.500 at first, is {MINUS}0\.067 on .*, 0\.060\. The less",
            [LESS],
        ),
        ("similar", 0.4, [-0.1, -0.2], rf"is 0\.200 on .*, {MINUS}0\.075\. The less", [LESS]),
        ("similar", 1.2, [0.5, 0.7], r"is 0\.600 on .*, 0\.300\. The less", [AT_FIRST]),
        ("similar", -0.2, [1.1, 1.3], r"is .*0\.100 on .*, 0\.600\.", [LESS, AT_FIRST]),
        ("dissimilar", -0.1, [0.2, 0.2], r"is 0\.450 on .*, 0\.600\. The more", [AT_FIRST]),
        ("transplant", 0.3, [-0.2, 0.1], r"is 0\.650 on .*, 0\.475\.|30\.0 %", [AT_FIRST]),
        ("similar", -1e-9, [0.0, 0.5], r"^[^-]* 0\.0 % of the similarity is left", []),
        ("transplant-similar", 1.3, [0.2], r"1\.300 away .*, 0\.200", []),
    ],
)
def test_a_mean_that_is_no_share_is_given_as_a_similarity(name, own, random, says, beyond):
    numbers, *more = of_areas(own, random, name).words[1:]
    assert re.search(says, numbers), numbers
    assert not re.search(rf"[-{MINUS}][0-9.]+ %|1[0-9]{{2}}\.[1-9] %", numbers)
    assert [words[-len(end) :] for words, end in zip(more, beyond, strict=True)] == beyond


def test_a_curve_below_zero_is_explained_though_its_mean_is_not():
    """As the page draws it, with an axis that goes below 0."""
    h = np.array([[1, 0.0], [0.6, 0.8]], np.float32)
    pair = FacePair(plain(255), plain(0), *h, similar=True)
    left = np.array([-0.06, np.sqrt(1 - 0.06**2)], np.float32)
    falling = AssembledNetworks(lambda crops: np.stack([left] * len(crops)), None)
    settings = CurveSettings("test", 2, 8, fill=Fill("black"), every=8, draws=3)
    one = ask("similar", networks=falling, pair=pair, settings=settings)
    np.testing.assert_allclose(one.own, [1, -0.1, -0.1], atol=1e-6)
    assert one.first == pytest.approx(0.6)
    assert "17.5 % of the similarity is left on average" in one.words[1]
    assert one.words[2].endswith(LESS)


def test_an_area_is_the_mean_of_a_curve():
    """Which is what the second sentence calls it."""
    one = ask("similar")
    fine = np.interp(np.linspace(0, 16, 4001), one.replaced, one.own)
    assert fine.mean() == pytest.approx(one.area, abs=1e-3)


def test_the_check_of_one_pair_says_that_it_proves_nothing():
    assert "prove nothing" in ask("similar").caveats[0]


def test_a_controls_order_that_wins_is_no_sign_of_what_the_network_uses():
    of_method, of_control = (ask("similar", control=control).caveats for control in (False, True))
    assert of_method[:2] == of_control[:2]
    assert of_method[2].endswith("an order that wins shows what it uses on those.")
    assert "does not depend on this pair" in of_control[2]
    assert "shows what it uses" not in " ".join(of_control)
