"""Chapter 5 run again on a network that compares by distance, or by a learned head."""

import json
import re
from copy import copy
from dataclasses import replace

import numpy as np
import pytest

from lpel_serving.equations.comparison import spread_of
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.images.datasets.labelled import LabelledImage
from lpel_serving.images.held import HeldImage
from lpel_serving.images.reading import read_pixels
from lpel_serving.images.subject import FACES, SUBJECTS, parse_subject
from lpel_serving.support.errors import PairsError, ParameterError
from lpel_tf.bundles.comparing import BY_THEIR_COSINE
from lpel_tf.research.measures.deletion_insertion.games import measure_accuracy
from lpel_tf.research.reproduction.report import report
from lpel_tf.research.reproduction.retelling import in_words_of, retold
from lpel_tf.research.reproduction.run import describe, reproduce, run_identity
from lpel_tf.research.reproduction.section import Finding, Section, Table
from lpel_tf.research.reproduction.sections import SECTIONS, game
from lpel_tf.research.reproduction.sections.curve_section import not_drawn
from support import reproduction
from support.compared import SCORE, head_model, score

LENGTH = 7
"""The embeddings are made so many times as long, so that distances are above 1."""
SIZES = replace(
    reproduction.SIZES,
    **dict.fromkeys(("decoder_epochs", "autoencoder_epochs", "autoencoder_steps"), 1),
)
DIGITS = SUBJECTS["digits"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The folder of the made-up people, and a cache."""
    home = tmp_path_factory.mktemp("comparing")
    reproduction.write_faces(home / "faces")
    return home


def laboratory(home, **changes):
    own = {
        "embedder": reproduction.embedder(LENGTH),
        "comparison": "euclidean",
        "threshold": 1.5,
        "sizes": SIZES,
    }
    return reproduction.laboratory(home / "faces", home / "out", home / "cache", **own | changes)


def head_file(home) -> str:
    path = home / "head.onnx"
    path.write_bytes(head_model())
    return str(path)


@pytest.fixture(scope="module")
def lab(home):
    """By distance, of digits, cut out in two ways, at the most accurate threshold."""
    two = laboratory(home, subject=DIGITS, crops=("none", "0.9"))
    return two.with_fitted_threshold()


@pytest.fixture(scope="module")
def whole(lab, home):
    """All of its sections."""
    return reproduce(lab, home / "out")


def section_of(whole, key: str) -> Section:
    return {section.key: section for section in whole.sections}[key]


# --- pairs and thresholds -------------------------------------------------------------------------


def test_the_spread_is_that_of_the_training(lab):
    spread = spread_of(lab.main.split.train.embeddings)
    assert lab.main.compared.record.spread == pytest.approx(spread)
    assert lab.main.engine().comparison.spread == pytest.approx(spread)


def test_the_threshold_is_fitted_as_a_distance_and_pairs_are_decided_by_it(lab):
    distances = {
        same: np.linalg.norm(pairs.h_r - pairs.h_t, axis=1)
        for same, pairs in ((True, lab.similar_pairs), (False, lab.dissimilar_pairs))
    }
    assert lab.threshold > 1, "no cosine is as large"
    assert (distances[True] < lab.threshold).all()
    assert (distances[False] >= lab.threshold).all()


def test_each_crop_has_a_spread_of_its_own_and_the_threshold_is_one_distance(lab):
    settings = (lab.main, lab.loose)
    similarities = [lab.similarity_threshold(setting) for setting in settings]
    assert similarities[0] != similarities[1]
    for setting, similarity in zip(settings, similarities, strict=True):
        assert setting.compared.record.own_of(similarity) == pytest.approx(lab.threshold)


def test_similar_pairs_have_a_similarity_above_0_even_where_the_threshold_has_none(lab):
    far, setting = replace(lab, threshold=100.0), lab.main
    assert far.similarity_threshold(setting) < 0
    pairs = far.draw(setting, 30, same=True)
    assert (setting.compared.comparison.similarity(pairs.h_r, pairs.h_t) > 0).all()


def test_what_has_no_share_is_drawn_by_no_comparison_and_said(lab, home):
    rng, test = np.random.default_rng(0), lab.main.split.test
    apart = replace(test, embeddings=rng.normal(size=test.embeddings.shape).astype(np.float32))
    split = replace(lab.main.split, test=apart)
    by_cosine = replace(lab.main, split=split, compared=BY_THEIR_COSINE)
    loose = laboratory(home, comparison="cosine", threshold=-1.0)
    drawn = loose.draw(by_cosine, 99, same=True)
    assert (cosine_similarity(drawn.h_r, drawn.h_t) > 0).all()
    assert "those whose similarity is 0 or below" in not_drawn(loose, by_cosine)[0]
    assert not_drawn(replace(loose, threshold=0.3), by_cosine) == ()
    far = replace(lab, threshold=100.0)
    assert "those whose similarity is 0.1 or below" in not_drawn(far, lab.main)[0]
    wide = replace(lab.main, split=replace(split, test=replace(apart, embeddings=_spread(apart))))
    words = (
        r"of one class and called similar at the threshold 100\.000, of a similarity above 0\.1;"
    )
    with pytest.raises(PairsError, match=words):
        far.draw(wide, 9, same=True)


def _spread(faces) -> np.ndarray:
    """Embeddings that are all far from each other, for everybody."""
    return 1000 * np.eye(len(faces), dtype=np.float32)


def test_pairs_that_no_curve_is_drawn_of_are_counted_in_the_notes(lab):
    pairs, one = lab.dissimilar_pairs, copy(lab)
    h_t = np.concatenate([pairs.h_r[:1], pairs.h_t[1:]])
    vars(one)["dissimilar_pairs"] = replace(pairs, h_t=h_t)
    section = SECTIONS["dissimilar"](one)
    said = f"1 of {len(pairs)} pairs is left out of this curve: a similarity that begins at 0.999"
    assert sum(said in note for note in section.notes) == 2
    assert section.data["dissimilar"]["left_out"]["pairs"] == 1
    assert "left_out" not in section.data["transplant-similar"]


def test_too_few_pairs_for_a_threshold_are_told_in_the_words_of_the_subject(home):
    of_few = laboratory(home, subject=DIGITS, split="identity")
    few = replace(of_few, photographs=of_few.photographs[:30])
    with pytest.raises(PairsError, match=r"the classes held out .* a threshold, or more images\.$"):
        few.with_fitted_threshold()


def test_a_distance_too_small_for_the_network_is_refused_before_any_training(home, tmp_path):
    with pytest.raises(ParameterError, match="too small to tell apart"):
        _ = laboratory(home, threshold=1e-6, work=tmp_path / "work").main
    assert not (tmp_path / "work").exists()


@pytest.fixture(scope="module")
def by_head(home):
    """By a learned head, of faces."""
    return laboratory(home, comparison=head_file(home), threshold=SCORE)


def test_a_learned_head_decides_the_pairs_and_is_known_by_its_file(by_head):
    for pairs, same in ((by_head.similar_pairs, True), (by_head.dissimilar_pairs, False)):
        np.testing.assert_array_equal(score(pairs.h_r, pairs.h_t) > SCORE, same)
    about = describe(by_head)
    assert about["comparison"]["kind"] == "head"
    assert len(about["comparison"]["head_sha256"]) == 64
    verified = SECTIONS["verification"](by_head)
    assert "at a score of 0.450" in verified.findings[0].measured
    assert "the score of the learned head" in verified.notes[0]


def test_the_game_is_decided_by_the_score_of_a_learned_head(by_head, monkeypatch):
    played = []

    def noting(networks, pairs, same, *arguments, **options):
        played.append((np.array([score(pair.h_r, pair.h_t) for pair in pairs]), same))
        return measure_accuracy(networks, pairs, same, *arguments, **options)

    monkeypatch.setattr(game, "measure_accuracy", noting)
    section = game.run(by_head)
    for (scores, same), data in zip(played, section.data.values(), strict=True):
        threshold, accuracy = data["threshold"], data["accuracy"]
        assert scores.min() < threshold < scores.max()
        right = np.mean((scores > threshold) == same)
        for name in accuracy["deletion"]:
            assert accuracy["deletion"][name][0] == accuracy["insertion"][name][-1] == right
        assert f"{threshold:.3f}" in section.notes[0]
    assert "Where an image with nothing left is like no one" in section.notes[0]


def test_runs_that_compare_otherwise_are_other_runs_and_a_cosine_is_as_ever(home):
    plain = laboratory(home, comparison="cosine")
    assert not {"comparison", "subject"} & set(describe(plain))
    runs = [plain, laboratory(home), laboratory(home, subject=DIGITS)]
    runs.append(laboratory(home, comparison=head_file(home)))
    assert len({run_identity(one) for one in runs}) == len(runs)


def test_photographs_in_memory_give_the_pairs_of_their_files(lab):
    held = tuple(
        LabelledImage(HeldImage(read_pixels(face.path), "held"), face.identity)
        for face in lab.main.test_photographs
    )
    there = lab.draw(replace(lab.main, test_photographs=held), SIZES.pairs, same=True)
    here = lab.similar_pairs
    np.testing.assert_array_equal(there.h_t, here.h_t)
    for mine, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(mine.reference, other.reference)
        np.testing.assert_array_equal(mine.test, other.test)


# --- the whole report -----------------------------------------------------------------------------


@pytest.mark.slow
def test_accuracy_is_told_by_distance(whole, lab):
    section = section_of(whole, "verification")
    numbers = section.data["none"]
    everyone, best = lab.main.everyone, numbers["best_threshold"]
    assert numbers["at_threshold"]["total"] > 0.8
    assert 0 < best < np.linalg.norm(np.ptp(everyone.embeddings, axis=0))
    assert f"a distance of {lab.threshold:.3f}" in section.findings[0].measured
    tight, loose = (one.compared.record.spread for one in (lab.main, lab.loose))
    assert "1 - d² / (2 s²) of a distance d: 1 for" in section.notes[0]
    wanted = f"is {tight:.4g} for the crop none and {loose:.4g} for the crop 0.9."
    assert section.notes[0].endswith(wanted)


@pytest.mark.slow
def test_reconstructions_are_measured_by_distance(whole, lab):
    section = section_of(whole, "faces")
    distances = section.data["fidelity_distance"]
    assert "the network sees a distance of" in section.findings[1].measured
    recognised = np.mean(np.array(distances) < lab.threshold)
    assert f"calls {recognised:.0%} of {len(distances)} of them similar" in (
        section.findings[1].measured
    )
    assert "fidelity_cosine" not in section.data


@pytest.mark.slow
def test_curves_start_at_the_similarity_of_the_distance(whole, lab):
    with np.load(whole.page.parent / "data" / "similar.npz", allow_pickle=False) as arrays:
        start = arrays["similar_similarities"][:, 0, 0]
    pairs, spread = lab.similar_pairs, lab.main.compared.record.spread
    squares = np.square(pairs.h_r - pairs.h_t).sum(axis=1)
    np.testing.assert_allclose(start, 1 - squares / (2 * spread**2), atol=1e-4)


@pytest.mark.slow
def test_the_game_is_decided_by_distance(whole):
    by_map = section_of(whole, "game")
    for one in by_map.data.values():
        assert one["threshold"] > 1
        assert f"{one['threshold']:.3f}" in by_map.notes[0]


@pytest.mark.slow
def test_the_page_says_how_the_network_compares_and_speaks_of_digits(whole, lab):
    page = re.sub(r"base64,[A-Za-z0-9+/=]+", "", whole.page.read_text(encoding="utf-8"))
    text = " ".join(re.sub(r"<[^>]+>", " ", page.partition("<body>")[2]).split())
    assert f"called similar where their distance is below {lab.threshold:.3f};" in text
    assert "180 images of 30 classes;" in text
    assert "This page shows images of digits: think" in text
    quoted = "the pairs of one person, 0.9122 of those of two"
    assert text.count(quoted) == 2, "the thesis is quoted as it is"
    left = text.replace(quoted, "").replace("judged by a person", "")
    for word in ("person", "people", "face", "faces", "photograph", "photographs", "stranger"):
        assert not re.search(rf"\b{word}\b", left, re.IGNORECASE), word
    about = json.loads((whole.page.parent / "data" / "about.json").read_bytes())
    assert about["comparison"] == {"kind": "euclidean"}
    assert about["subject"]["many"] == "digits"


# --- in other words -------------------------------------------------------------------------------


def test_faces_are_told_as_they_were_written():
    section = Section("key", "Faces of people", "")
    assert retold(section, FACES) is section
    assert in_words_of(FACES, "a stranger's photograph") == "a stranger's photograph"


def test_only_what_the_thesis_says_stays_of_faces():
    said = "Two people and a stranger's photograph: nobody is like no one."
    finding = Finding("On faces it holds.", said, "holds")
    section = Section(
        *("key", "Faces of people", "figure 5.8"),
        findings=(finding, replace(finding, claim="(On faces it must hold.)")),
        tables=(Table("Faces", ("face", ""), (("people", "0.1"),)),),
        notes=("Photographs of people.",),
        data={"faces": 1},
    )
    stamps = retold(section, parse_subject("a stamp, stamps, one issue, two issues"))
    assert stamps.title == "Stamps of issues"
    assert stamps.findings[0].claim == "On faces it holds."
    assert stamps.findings[1].claim == "(On stamps it must hold.)"
    words = "Two issues and another issue's image: none is like nothing else."
    assert {one.measured for one in stamps.findings} == {words}
    assert stamps.tables == (Table("Stamps", ("stamp", ""), (("issues", "0.1"),)),)
    assert stamps.notes == ("Images of issues.",)
    assert (stamps.key, stamps.counterpart, stamps.data) == ("key", "figure 5.8", {"faces": 1})


@pytest.mark.parametrize("hidden", [False, True])
def test_words_of_ones_own_are_told_once(home, hidden):
    cats = parse_subject("a cat face, cat faces, one cat, two cats")
    shots = parse_subject("a photograph, photographs, nobody else, two people")
    assert (
        in_words_of(cats, "Faces of a stranger's face.") == "Cat faces of another cat's cat face."
    )
    said = "A face of people and a stranger's photograph."
    assert in_words_of(shots, said) == "A photograph of people and another else's image."
    for subject, shown in ((cats, "cat faces"), (shots, "photographs")):
        about = describe(laboratory(home, subject=subject, hide_photographs=hidden))
        page = " ".join(report([], about).partition("<body>")[2].split())
        assert "cat cat" not in page
        assert f"180 images of 30 {subject.kinds};" in page
        wanted = "Images are hidden" if hidden else f"This page shows images of {shown}: think"
        assert wanted in page


def test_words_of_ones_own_are_no_markup_on_the_page(home):
    nasty = parse_subject("a <b>, <b>s, one <i>, two <i>s")
    about = describe(laboratory(home, subject=nasty))
    page = report([], about)
    assert "&lt;i&gt;s" in page
    assert "<i>" not in page
    assert "<b>" not in page.partition("<body>")[2].replace("<b>The thesis", "")
