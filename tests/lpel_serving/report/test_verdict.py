"""What is said of a pair: right in every case, and made from its numbers alone."""

import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.bundle.assessment_record import AssessmentRecord, MeasuredCurve
from lpel_serving.bundle.origin import MEASURED, Origin
from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.decision import Confidence, Decision, decide
from lpel_serving.equations.regions import REGIONS, RegionShare, region_shares
from lpel_serving.images.subject import SUBJECTS
from lpel_serving.methods.catalogue.registry import find_method, methods
from lpel_serving.methods.explanation import Explanation, PairExplanation, put_together
from lpel_serving.methods.method import is_control
from lpel_serving.methods.used import MethodUsed
from lpel_serving.report.map_words import on_map
from lpel_serving.report.verdict import (
    CLOSE,
    Verdict,
    compared,
    explained,
    on_closeness,
    on_confidence,
    on_decision,
)
from lpel_serving.support.errors import LpelError, ParameterError
from support.images import pixels
from support.region_maps import regional
from support.strategies import few, seeds

MINUS = "\N{MINUS SIGN}"
OWN = {"crop": "0.48", "own_crop": "0.48"}


def said(heat_map: np.ndarray) -> tuple[str, ...]:
    return on_map(heat_map, region_shares(heat_map), "the picture")


def pair_of(cosine: float, test: np.ndarray, reference: np.ndarray) -> PairExplanation:
    """A pair of some similarity with maps of its own."""
    h_r, h_t = np.array([[1, 0], [cosine, np.sqrt(1 - cosine**2)]], np.float32)
    forward, swapped = (
        Explanation(np.zeros((4, 4, 3), np.float32), one, one > 0.5) for one in (test, reference)
    )
    crops = (pixels(0, 8), pixels(1, 8))
    return put_together(
        crops, np.stack([h_r, h_t]), decide(COSINE, h_r, h_t, 0.387), forward, swapped
    )


def made_by(method: str, pair: PairExplanation) -> PairExplanation:
    """The pair as the engine gives it, which knows whether the method is a control."""
    return replace(pair, control=is_control(find_method(method)))


def decided(similarity: float, confidence: Confidence | None = None) -> Decision:
    return Decision(similarity, 0.387, confidence)


def explain(
    pair: PairExplanation,
    method: object = "responses",
    crop: str = "0.48",
    confidence: Confidence | None = None,
) -> Verdict:
    used = MethodUsed(find_method(method) if isinstance(method, str) else method)
    decision = decided(pair.similarity, confidence)
    origin = Origin(crop, "0.48", MEASURED)
    return explained(replace(pair, decision=decision, method=used, origin=origin))


# ---- the decision ----


def test_a_similar_pair():
    assert on_decision(Decision(0.7071, 0.387)) == (
        "The network calls the two faces similar.",
        (
            "Their similarity is 0.707, which is 0.320 above the threshold of 0.387; the same "
            "picture twice would have 1."
        ),
    )


def test_a_dissimilar_pair():
    decision, numbers = on_decision(Decision(-0.0634, 0.387))
    assert decision == "The network calls the two faces dissimilar."
    assert numbers.startswith(
        f"Their similarity is {MINUS}0.063, which is 0.450 below the threshold"
    )


def test_at_the_threshold_a_pair_is_dissimilar():
    decision, numbers = on_decision(Decision(0.5, 0.5))
    assert decision == "The network calls the two faces dissimilar."
    assert "is 0.500, exactly the threshold of 0.500" in numbers
    assert "close call" in on_closeness(Decision(0.5, 0.5))[0]


def test_a_margin_that_rounds_to_nothing_is_not_called_nothing():
    for similarity, side in ((0.38702, "above"), (0.38698, "below")):
        numbers = on_decision(Decision(similarity, 0.387))[1]
        assert f"is 0.387, which is less than 0.001 {side} the threshold of 0.387" in numbers


def test_there_is_no_minus_nothing():
    assert "is 0.000, which is less than 0.001 below" in on_decision(Decision(-0.0001, 0.0))[1]


@pytest.mark.parametrize("margin", [0.0001, 0.03, CLOSE - 0.001])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_margin_near_zero_is_a_close_call(sign, margin):
    (close,) = on_closeness(Decision(0.4 + sign * margin, 0.4))
    assert close.startswith("This is a close call")


@pytest.mark.parametrize("margin", [-0.4, -CLOSE - 0.001, CLOSE + 0.001, 0.5])
def test_another_margin_is_none(margin):
    assert on_closeness(Decision(0.4 + margin, 0.4)) == ()


# ---- the confidence ----


def test_how_often_pairs_so_similar_show_one_person():
    assert on_confidence(Confidence(0.998, 2200), similar=True) == (
        (
            "Of pairs this similar, 99.8 % show one person, where as many pairs show one person "
            "as show two (estimated from 2,200 pairs whose answer is known)."
        ),
    )


@pytest.mark.parametrize(("same", "similar"), [(0.9, True), (0.97, True), (0.05, False)])
def test_a_decision_that_is_likely_right_is_not_doubted(same, similar):
    assert len(on_confidence(Confidence(same, 100), similar=similar)) == 1


@pytest.mark.parametrize(
    ("same", "similar"), [(0.85, True), (0.5, True), (0.5, False), (0.15, False)]
)
def test_a_decision_that_is_less_so_leaves_room_for_doubt(same, similar):
    words = on_confidence(Confidence(same, 100), similar=similar)
    assert words[1:] == ("That leaves room for doubt.",)


def test_called_dissimilar_and_yet_more_likely_one_person():
    words = compared(decided(0.36, Confidence(0.6, 100)), **OWN).words
    assert words[0] == "The network calls the two faces dissimilar."
    assert "Of pairs this similar, 60 % show one person" in words[3]
    assert words[4:] == (
        "So the decision is the less likely answer: the threshold is stricter than that.",
    )


def test_called_similar_and_yet_more_likely_two_people():
    words = compared(decided(0.41, Confidence(0.3, 100)), **OWN).words
    assert words[0] == "The network calls the two faces similar."
    assert "30 % show one person" in words[3]
    assert words[4].endswith("the threshold is more lenient than that.")


@pytest.mark.parametrize("same", [0.0, 1e-9, 1 - 1e-9, 1.0])
def test_no_confidence_is_said_to_be_certain(same):
    words = on_confidence(Confidence(same, 10), similar=same > 0.5)[0]
    assert ("more than 99.9 %" if same > 0.5 else "less than 0.1 %") in words


@pytest.mark.parametrize(("same", "pairs"), [(-0.1, 5), (1.1, 5), (float("nan"), 5), (0.5, 0)])
def test_what_is_no_confidence_is_refused(same, pairs):
    with pytest.raises(ParameterError, match=f"received {same} from {pairs}") as caught:
        Confidence(same, pairs)
    assert isinstance(caught.value, LpelError)


# ---- the maps ----


def test_regions_that_have_more_of_a_map_than_of_the_picture_are_named():
    words = said(regional(nose=4, eyes=2, elsewhere=0.1, chin=-0.001))
    assert words == (
        (
            "In the picture, what speaks for the decision gathers in the eyes (48 % of it on 13 % "
            "of the picture) and the nose (45 % on 6 %)."
        ),
        "Hardly anything there speaks against it.",
    )


def test_what_speaks_against_the_decision_is_named_too():
    first, second = said(regional(nose=4, eyes=2, mouth=-2, elsewhere=-0.01))
    assert "for the decision gathers in the eyes" in first
    assert re.fullmatch(
        r"\d+ % of the map speaks against it, and gathers in the mouth \(97 % of it on 7 % of the "
        r"picture\)\.",
        second,
    )
    against = 2 * 0.06875 + 0.01 * 0.36194
    assert second.startswith(f"{100 * against / (against + 4 * 0.0596875 + 2 * 0.12868):.0f} %")


def test_where_more_speaks_against_it_that_is_said():
    _, second = said(regional(nose=1, cheeks=-4))
    assert re.match(r"More speaks against it than for it: 9\d % of the map speaks against", second)


def test_where_all_speaks_against_it_that_is_said():
    assert said(regional(chin=-1)) == (
        "In the picture, nothing speaks for the decision.",
        (
            "The whole map speaks against it, and gathers in the chin (100 % of it on 5 % of the "
            "picture)."
        ),
    )


def test_a_map_without_a_sign_has_nothing_for_or_against():
    assert said(regional(mouth=3, eyes=0.5)) == (
        (
            "In the picture, what the map marks gathers in the mouth (76 % of it on 7 % of the "
            "picture) and the eyes (24 % on 13 %)."
        ),
    )


def test_no_more_than_three_regions_are_named():
    (words,) = said(regional(nose=5, mouth=4, chin=4, eyes=2))
    assert words.count("%") == 2 * 3


def test_a_map_that_is_spread_out_points_at_no_region():
    heat_map = np.random.default_rng(0).uniform(0.5, 1, (40, 40)).astype(np.float32)
    assert said(heat_map) == (
        (
            "In the picture, what the map marks is spread over the picture, and no part of the "
            "face stands out."
        ),
    )


def test_a_small_surplus_is_not_spoken_of():
    even = dict.fromkeys(REGIONS, 1.0)
    assert "spread" in said(regional(**{**even, "mouth": 1.5}))[0]  # 4 % of the map more
    assert "the mouth (13 %" in said(regional(**{**even, "mouth": 2.0}))[0]
    assert "spread" in said(regional(**{**even, "elsewhere": 1.3}))[0]  # 1.18 times its area


def test_what_surrounds_the_face_may_stand_out():
    assert (
        "gathers in the surroundings of the face (86 %" in said(regional(elsewhere=1, eyes=0.45))[0]
    )


@pytest.mark.parametrize("value", [0.0, 1.0, -3.5])
def test_a_flat_map_is_called_flat(value):
    heat_map = np.full((40, 40), value, np.float32)
    assert said(heat_map) == ("In the picture, the map is flat: it points at no part of the face.",)


# ---- all together ----


def test_the_words_of_a_pair_are_of_its_decision_its_confidence_and_both_its_maps():
    pair = pair_of(0.7, regional(nose=1), regional(eyes=1))
    confidence = Confidence(0.99, 500)
    words = explain(pair, confidence=confidence).words
    plain = compared(decided(pair.similarity, confidence), **OWN).words
    assert words[: len(plain)] == plain
    assert words[len(plain) :] == (
        (
            "In the reference picture, what the map marks gathers in the eyes (100 % of it on 13 % "
            "of the picture)."
        ),
        (
            "In the test picture, what the map marks gathers in the nose (100 % of it on 6 % of "
            "the picture)."
        ),
    )


def test_maps_that_say_the_same_are_told_once():
    pair = pair_of(0.1, regional(nose=1), regional(nose=2))
    assert explain(pair).words[2:] == (
        (
            "In both pictures, what the map marks gathers in the nose (100 % of it on 6 % of "
            "the picture)."
        ),
    )


@few
@given(
    st.sampled_from([-0.3, 0.38699, 0.387, 0.42, 0.999]) | st.floats(-0.999, 0.999),
    st.sampled_from([None, Confidence(0.0, 7), Confidence(0.512, 2200), Confidence(0.9997, 12345)]),
    seeds,
)
def test_every_number_is_one_of_the_pairs(cosine, confidence, seed):
    test, reference = np.random.default_rng(seed).normal(size=(2, 8, 8)).astype(np.float32) ** 3
    pair = pair_of(cosine, test, reference)
    words = " ".join(explain(pair, confidence=confidence).words)
    margin = abs(round(pair.similarity, 3) - round(pair.threshold, 3))
    shown = (round(v, 3) + 0.0 for v in (pair.similarity, pair.threshold, margin))  # no -0.000
    known = {f"{v:.3f}" for v in shown} | {"0.001", "1"}
    if confidence is not None:
        same = confidence.same_person
        known |= {f"{confidence.pairs:,}", f"{100 * same:.0f}", "99.9", "0.1"}
    for one in (test, reference):
        shares = [x for s in region_shares(one) for x in (s.area, s.for_, s.against)]
        against = np.maximum(-one, 0).sum() / np.abs(one).sum()
        known |= {f"{100 * share:.0f}" for share in (*shares, against)}
    assert set(re.findall(r"-?\d[\d,]*(?:\.\d+)?", words.replace(MINUS, "-"))) <= known


@pytest.mark.parametrize("seed", range(5))
def test_the_same_pair_has_the_same_words(seed):
    maps = np.random.default_rng(seed).normal(size=(2, 40, 40)).astype(np.float32)
    assert explain(pair_of(0.5, *maps)) == explain(pair_of(0.5, *maps.copy()))


# ---- what it cannot prove ----


def test_every_pair_is_told_that_the_network_is_explained_and_not_who_is_there():
    first = compared(decided(0.7), **OWN).caveats[0]
    assert "what the network decided, not who is in the pictures" in first
    assert explain(pair_of(0.7, regional(nose=1), regional(nose=1))).caveats[0] == first


def test_without_a_confidence_the_margin_is_no_probability():
    assert "no probability" in compared(decided(0.7), **OWN).caveats[1]


def test_a_confidence_holds_for_photographs_like_those_it_was_fitted_on():
    caveats = compared(decided(0.7, Confidence(0.9, 10)), **OWN).caveats
    assert "estimated on photographs of one kind" in caveats[1]
    assert "was not checked" in caveats[2]
    assert len(caveats) == 3


@pytest.mark.parametrize(
    ("crop", "says"),
    [
        ("mtcnn", "by the crop 0.48, these were by the crop mtcnn: what holds for the one"),
        ("none", "by the crop 0.48. These pictures were taken whole"),
    ],
)
def test_another_crop_is_spoken_of(crop, says):
    options = {"crop": crop, "own_crop": "0.48"}
    bare = compared(decided(0.7), **options).caveats[-1]
    assert says in bare
    assert bare.startswith("The threshold was fitted")
    both = compared(decided(0.7, Confidence(0.9, 10)), **options).caveats[-1]
    assert both.startswith("The threshold and that share were fitted")


def test_maps_bring_caveats_of_their_own():
    pair = pair_of(0.7, regional(nose=1), regional(nose=1))
    bare = compared(pair.decision, **OWN).caveats
    of_responses, of_lpel = (explain(pair, method=m).caveats for m in ("responses", "lpel"))
    assert of_responses[: len(bare)] == of_lpel[: len(bare)] == bare
    assert "nothing was hidden" in of_responses[-2]
    assert "did not beat chance" in of_lpel[-2]
    assert "not searched for" in of_responses[-1]


def test_every_measured_method_has_its_own_caveat():
    pair = pair_of(0.7, regional(nose=1), regional(nose=1))
    verdicts = {name: explain(made_by(name, pair), method=name) for name in methods()}
    by_method = {
        name: verdict.caveats[-1 if made_by(name, pair).control else -2]
        for name, verdict in verdicts.items()
    }
    unmeasured = {name for name, caveat in by_method.items() if "not measured here" in caveat}
    assert unmeasured == {"xface"}
    controls = {name for name, caveat in by_method.items() if "control" in caveat}
    assert controls == {"centre", "random", "constant-relevance"}


class theirs:  # noqa: N801 - named as its method is
    """A method that is not installed."""


def test_a_method_of_others_is_called_unmeasured_by_its_name():
    pair = pair_of(0.7, regional(nose=1), regional(nose=1))
    assert "`lpel assess --method theirs`" in explain(pair, theirs()).caveats[-2]


@pytest.mark.parametrize("cosine", [0.7, 0.1])
def test_of_a_controls_map_it_is_said_what_it_is_and_no_more(cosine):
    """Whatever it looks like: the distance from the centre is below 0 everywhere."""
    for level in (-1.0, 0.0, 1.0):
        pair = pair_of(cosine, regional(nose=level - 0.5), regional(chin=level))
        verdict = explain(replace(pair, control=True), method="centre")
        assert verdict.words == (
            *compared(pair.decision, **OWN).words,
            "The map is a control, to measure others by: it does not depend on this pair.",
        )
        assert (
            "does not show what the network decides by" in verdict.caveats[-1]
        )  # and nothing of parts
        assert verdict.beside_map == verdict.caveats[-1]
        assert not re.search(r"speaks|gathers|for the decision", " ".join(verdict.words))


def test_sentences_are_sentences():
    mixed = pair_of(0.41, regional(nose=1, chin=-0.3), regional(eyes=1, mouth=-2))
    for method, crop in product(methods(), ("none", "mtcnn", "0.48")):
        pair = made_by(method, mixed)
        verdict = explain(pair, method, crop, Confidence(0.3, 99))
        for sentence in verdict.words + verdict.caveats:
            assert re.fullmatch(r"[A-Z0-9].*[^.]\.", sentence)
            assert "  " not in sentence


def test_shares_alone_decide_what_is_named():
    shares = [RegionShare(name, 1 / 7, float(name == "chin"), 0.0) for name in REGIONS]
    heat_map = np.array([[0, 1]], np.float32)
    assert "the chin (100 % of it on 14 % of the picture)" in on_map(heat_map, shares, "it")[0]


# ---- another network, another subject ----


DIGITS = SUBJECTS["digits"]


def of_origin(pair: PairExplanation, method: str, **changes: object) -> Verdict:
    origin = replace(Origin("0.48", "0.48", "mine"), **changes)
    used = MethodUsed(find_method(method))
    return explained(replace(made_by(method, pair), method=used, origin=origin))


@pytest.mark.parametrize("name", [*methods()])
def test_what_was_measured_on_one_network_is_said_of_no_other(name):
    pair = pair_of(0.4, regional(nose=1), regional(nose=1))  # close to the threshold
    there, here = (of_origin(pair, name, embedder=one) for one in (MEASURED, "mine"))
    assert any("close call" in one for one in there.words)
    assert not any("close call" in one for one in here.words)
    assert not any("re measured" in one for one in here.caveats)
    quotes = any("re measured, " in one for one in there.caveats[3:])
    unmeasured = any(f"`lpel assess --method {name}` measures it" in one for one in here.caveats)
    assert unmeasured == (name == "xface" or (quotes and name != "responses"))


@pytest.mark.parametrize("random", ["better", "worse"])
@pytest.mark.parametrize("embedder", [MEASURED, "mine"])
def test_a_bundles_own_measurement_comes_before_all_others(embedder, random):
    curve = MeasuredCurve(1200, "0.48", "", 0.5, {"random": random, "centre": "worse"})
    record = AssessmentRecord({}).with_curves("lpel", {"similar": curve})
    pair = pair_of(0.7, regional(nose=1), regional(nose=1))
    said = of_origin(pair, "lpel", embedder=embedder, assessment=record).caveats[-2]
    beats = {
        "better": "beats a random order and does worse than distance from the centre.",
        "worse": "does worse than a random order and distance from the centre. Take these as "
        "illustrations of the method, not as evidence.",
    }
    assert said == (
        "Where such maps were measured with this network, on 1,200 pairs called similar, their "
        f"order {beats[random]} That the maps of the two pictures are alike follows from the "
        "formula, and proves nothing."
    )
    apart = of_origin(pair, "lpel", embedder=embedder, assessment=record, crop="0.6")
    assert "1,200" not in " ".join(apart.caveats)


@pytest.mark.parametrize(
    ("heat_map", "words"),
    [
        (np.ones((4, 4), np.float32), "the map is flat: it points at no part of the picture."),
        (np.eye(4, dtype=np.float32), None),
        (np.eye(4, dtype=np.float32) - 0.1, "25 % of the map speaks against the decision."),
        (np.eye(4, dtype=np.float32) - 0.01, "hardly anything speaks against the decision."),
        (-np.eye(4, dtype=np.float32), "nothing speaks for the decision."),
    ],
)
def test_where_pictures_have_no_regions_only_the_sign_is_said(heat_map, words):
    assert on_map(heat_map, (), "it") == (() if words is None else (f"In it, {words}",))
    verdict = of_origin(pair_of(0.7, heat_map, heat_map), "responses", subject=DIGITS)
    said = [one for one in verdict.words if one.startswith("In both pictures")]
    assert said == ([] if words is None else [f"In both pictures, {words}"])
    assert verdict.words[0] == "The network calls the two digits similar."
    assert "searched for" not in " ".join(verdict.caveats)
