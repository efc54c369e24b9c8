"""Putting methods to a question, from photographs to an answer."""

import dataclasses

import numpy as np
import pytest

from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.fill import Fill
from lpel_serving.faithfulness.curve_settings import CurveSettings
from lpel_serving.faithfulness.photograph_pairs import PhotographPairs
from lpel_serving.faithfulness.study import QUESTIONS, ask, find_question
from lpel_serving.images.datasets.pairs import Pair
from lpel_serving.methods.controls.centre import Centre
from lpel_serving.methods.measured.replacement import KINDS
from lpel_serving.support.errors import LpelError, ParameterError
from lpel_serving.support.partial import Partial
from support.networks import SIDE, WEIGHTS, Weighing, plain

SETTINGS = CurveSettings("test", 2, 8, fill=Fill("black"), draws=3)
NOISY = dataclasses.replace(SETTINGS, fill=Fill())


@dataclasses.dataclass(frozen=True)
class Weights:
    """The best order for `Weighing`, or the worst; it has a name that does not hang on memory."""

    comparison = COSINE

    sign: int = 1

    def __call__(self, pair, networks, rng):
        return (self.sign * WEIGHTS.reshape(SIDE, SIDE)).astype(np.float32)


BEST, WORST = Weights(), Weights(-1)


class Greys:
    """Reads photographs of one grey, which is their name."""

    comparison = COSINE

    def read(self, path):
        return plain(int(path.name))


def pairs_of(similar: bool, n: int = 6, tests=None) -> PhotographPairs:
    """A white reference with light tests if similar, with dark ones otherwise."""
    from pathlib import Path

    levels = tests or [(225 - 5 * i) if similar else 5 * i for i in range(n)]
    pairs = tuple(Pair(Path("255"), Path(str(level)), similar) for level in levels)
    networks = Weighing()
    h_r, h_t = (
        networks.embed(np.stack([plain(int(getattr(pair, role).name)) for pair in pairs]))
        for role in ("reference", "test")
    )
    return PhotographPairs(Greys(), pairs, h_r, h_t, similar)


def answer(name="similar", methods=None, *, networks=None, settings=SETTINGS, seed=0, **options):
    question = QUESTIONS[name]
    pairs = options.pop("pairs", None) or pairs_of(question.similar)
    methods = methods or {"ours": BEST}
    return ask(networks or Weighing(), pairs, question, methods, settings, seed, **options)


# The questions


def test_the_questions_are_the_curves_of_the_thesis_and_the_transplant():
    asked = {name: (question.similar, question.kind) for name, question in QUESTIONS.items()}
    assert asked == {
        "similar": (True, "test"),
        "dissimilar": (False, "both"),
        "transplant": (False, "transplant"),
        "transplant-similar": (True, "transplant"),
    }
    assert {question.kind for question in QUESTIONS.values()} == set(KINDS)
    assert len({question.title for question in QUESTIONS.values()}) == len(QUESTIONS)
    for question in QUESTIONS.values():
        start = "Similar pairs: " if question.similar else "Dissimilar pairs: "
        assert question.title.startswith(start)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_found_by_its_name(name):
    assert find_question(name) is QUESTIONS[name]


@pytest.mark.parametrize("name", ["", "Similar", "test", "tea-leaves"])
def test_an_unknown_question_is_refused_and_the_known_ones_named(name):
    with pytest.raises(ParameterError, match=f"no curve is called '{name}'; there are: ") as caught:
        find_question(name)
    assert isinstance(caught.value, LpelError)
    for known in QUESTIONS:
        assert known in str(caught.value)


# The answers


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_best_order_is_judged_the_best_and_the_worst_the_worst(name):
    question = QUESTIONS[name]
    best, worst = (answer(name, {"ours": method}) for method in (BEST, WORST))
    # The map that brings the images together soonest is no good one of a similar pair.
    if name == "transplant-similar":
        best, worst = worst, best
    for control in ("random", "reverse", "centre"):
        assert best.judgement.against(control).outcome == "better"
        assert worst.judgement.against(control).outcome == "worse"
    assert best.question is question
    assert best.judgement.lower_is_better is question.similar
    assert best.judgement.pairs == 6


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_kind_of_the_curve_is_the_questions(name):
    received = answer(name, settings=dataclasses.replace(SETTINGS, kind="both"))
    expected = dataclasses.replace(SETTINGS, kind=QUESTIONS[name].kind)
    assert received.measured.settings == expected
    assert received.measured.similar is QUESTIONS[name].similar


def test_the_first_method_is_judged_and_the_others_are_its_rivals():
    methods = {"ours": BEST, "theirs": WORST, "the middle": Centre()}
    received = answer(methods=methods)
    assert received.measured.subject == received.judgement.method == "ours"
    assert received.measured.names[:3] == tuple(methods)
    for rival in ("theirs", "the middle"):
        assert received.judgement.against(rival).outcome == "better"


def test_the_same_seed_gives_the_same_answer_and_another_seed_another():
    one, same, other = (answer(settings=NOISY, seed=seed) for seed in (0, 0, 1))
    assert one.measured.similarities.tobytes() == same.measured.similarities.tobytes()
    assert one.judgement.comparisons == same.judgement.comparisons
    assert (one.measured.similarities != other.measured.similarities).any()


def test_progress_is_told_of_each_pair():
    told: list = []

    class Telling:
        def __init__(self, what, total):
            told.append((what, total))

        def __enter__(self):
            return told.append

        def __exit__(self, *error):
            return None

    answer(progress=Telling)
    assert told[0] == ("curves (test)", 6)
    assert sum(told[1:]) == 6


# Going on after an interruption


class Interrupted(Weighing):
    """Stops after so many calls, as a user does."""

    def __init__(self, after: int):
        super().__init__()
        self.after = after

    def embed(self, crops):
        if len(self.calls) == self.after:
            raise KeyboardInterrupt
        return super().embed(crops)


def whole(**options):
    """An answer, and how many images it takes."""
    networks = Weighing()
    return answer(networks=networks, settings=NOISY, **options), networks


@pytest.fixture
def interrupted(tmp_path):
    """The file that an interrupted question leaves."""
    _, networks = whole()
    path = tmp_path / "deep" / ".similar.partial"
    stopped = Interrupted(after=len(networks.calls) // 2)
    with pytest.raises(KeyboardInterrupt):
        answer(networks=stopped, settings=NOISY, partial=path, networks_identity="these")
    assert path.is_file()
    return path


def again(path, **options):
    """An answer that may go on, and how many images were embedded for it."""
    networks = Weighing()
    options = {"networks_identity": "these", "settings": NOISY} | options
    return answer(networks=networks, partial=path, **options), networks


def test_an_interrupted_question_goes_on_where_it_stopped(interrupted):
    expected, full = whole()
    received, resumed = again(interrupted)
    assert 0 < resumed.images < 0.7 * full.images
    assert received.measured.similarities.tobytes() == expected.measured.similarities.tobytes()
    assert received.measured.embedded == expected.measured.embedded
    assert received.judgement.comparisons == expected.judgement.comparisons


def test_what_is_kept_stays_until_the_answer_is_safe(interrupted):
    first, _ = again(interrupted)
    assert list(interrupted.parent.iterdir()) == [interrupted]
    second, asked = again(interrupted)
    assert asked.images == 0
    assert second.measured.similarities.tobytes() == first.measured.similarities.tobytes()
    assert second.judgement.comparisons == first.judgement.comparisons


def test_a_study_keeps_nothing_unless_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer()
    assert list(tmp_path.iterdir()) == []


CHANGES = {
    "method": {"methods": {"ours": WORST}},
    "name of the method": {"methods": {"mine": BEST}},
    "rivals": {"methods": {"ours": BEST, "theirs": WORST}},
    "networks": {"networks_identity": "those"},
    "seed": {"seed": 1},
    "fewer pairs": {"pairs": pairs_of(True, 5)},
    "other pairs": {"pairs": pairs_of(True, tests=[225, 220, 215, 210, 205, 190])},
    "the pairs in another order": {"pairs": pairs_of(True)[::-1]},
    "question": {"name": "transplant-similar"},
    "fill": {"settings": dataclasses.replace(NOISY, fill=Fill("uniform"))},
    "variance": {"settings": dataclasses.replace(NOISY, fill=Fill(variance=0.2))},
    "draws": {"settings": dataclasses.replace(NOISY, draws=4)},
    "steps": {"settings": dataclasses.replace(NOISY, every=2)},
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_kept_of_another_question_is_not_gone_on_with(interrupted, what):
    options = {"networks_identity": "these", "settings": NOISY} | CHANGES[what]
    networks = Weighing()
    expected = answer(networks=networks, **options)
    received, asked = again(interrupted, **CHANGES[what])
    assert asked.images == networks.images
    assert received.measured.similarities.tobytes() == expected.measured.similarities.tobytes()


def test_what_was_kept_is_of_no_photograph_and_no_name(interrupted):
    (kept,) = interrupted.parent.iterdir()
    content = kept.read_bytes()
    pairs = pairs_of(similar=True)
    for secret in (pairs.h_t.tobytes(), pairs[0].h_t.tobytes(), plain(225).tobytes()[:64]):
        assert secret not in content
    arrays = np.load(kept, allow_pickle=False)
    assert set(arrays.files) == {"identity", "similarities", "embedded", "seed", "pairs"}


def test_a_damaged_file_is_not_gone_on_with(interrupted):
    interrupted.write_bytes(interrupted.read_bytes()[:-7])
    expected, full = whole()
    received, asked = again(interrupted)
    assert asked.images == full.images
    assert received.measured.similarities.tobytes() == expected.measured.similarities.tobytes()


def test_a_refusal_keeps_what_is_done_for_the_next_time(tmp_path):
    path = tmp_path / "partial"
    Partial(path, "something else").save({"done": np.array(1)})
    with pytest.raises(ParameterError, match="two orders"):
        answer(methods={"random": BEST}, partial=path)
    assert Partial(path, "something else").load() == {"done": 1}
