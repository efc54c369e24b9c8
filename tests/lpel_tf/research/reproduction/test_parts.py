"""The parts of a reproduction, each by itself."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from lpel_serving.faithfulness.deletion_curve import Interval
from lpel_serving.images.datasets.faces import Face
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.method import FacePair
from lpel_serving.methods.networks import AssembledNetworks
from lpel_serving.support.errors import OutputError
from lpel_serving.support.image_shape import square
from lpel_tf.decoders.least_squares import LinearDecoder
from lpel_tf.research.harness.decoders import TrainedDecoder, through_onnx
from lpel_tf.research.reproduction.likeness import Likeness, likeness, lpel_maps
from lpel_tf.research.reproduction.report import MARK, report
from lpel_tf.research.reproduction.results import load_section, save_section
from lpel_tf.research.reproduction.section import (
    Finding,
    Picture,
    Section,
    Table,
    Verdict,
    above,
    below,
    between,
    by_outcomes,
)
from lpel_tf.research.reproduction.sizes import FULL, QUICK, some_people
from support import tiny
from support.images import pixels

# --- sections on disk -----------------------------------------------------------------------------

SECTION = Section(
    key="curves",
    title="Curves — «and» more",
    counterpart="figures 5.12 and 5.13",
    findings=(
        Finding("It falls.", "It does, by 3 %.", "holds"),
        Finding("(It must.)", "No.", "does not hold"),
    ),
    tables=(Table("Areas", ("order", "area"), (("LPEL", "0.4"), ("random", "0.5"))),),
    pictures=(Picture("curve", "A curve", b"\x89PNG one"), Picture("strip", "A strip", b"two")),
    notes=("Few pairs.",),
    data={"areas": [0.4, 0.5], "by": {"name": None}},
    arrays={"similarities": np.arange(6, dtype=np.float64).reshape(2, 3)},
)


@pytest.fixture
def saved(tmp_path):
    save_section(SECTION, tmp_path, "this run")
    return tmp_path


def without_pictures(section: Section) -> dict:
    return vars(section) | {"pictures": [(p.name, p.caption, p.png) for p in section.pictures]}


def test_a_section_comes_back_as_it_was_but_for_its_arrays(saved):
    loaded = load_section(saved, "curves", "this run")
    assert without_pictures(loaded) == without_pictures(replace(SECTION, arrays={}))


def test_a_section_is_a_few_plain_files(saved):
    assert {path.name for path in saved.iterdir()} == {
        *("curves.json", "curves.npz", "curve.png", "strip.png")
    }
    with np.load(saved / "curves.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["similarities"], SECTION.arrays["similarities"])
    text = (saved / "curves.json").read_text(encoding="utf-8")
    assert "Curves — «and» more" in text
    assert json.loads(text)["data"] == SECTION.data


def test_a_section_without_arrays_has_no_file_of_arrays(tmp_path):
    save_section(replace(SECTION, arrays={}), tmp_path, "this run")
    assert not (tmp_path / "curves.npz").exists()


def test_a_section_of_another_run_is_not_taken(saved):
    assert load_section(saved, "curves", "another run") is None
    assert load_section(saved, "faces", "this run") is None


DAMAGES = {
    "empty": b"",
    "cut short": b'{"identity": "this run", "key"',
    "not UTF-8": b"\xff\xfe",
    "a list": b"[1, 2]",
    "a number": b"7",
    "of other fields": b'{"identity": "this run"}',
    "with an odd finding": json.dumps(
        dict.fromkeys(("key", "title", "counterpart", "data"), "")
        | {name: [] for name in ("tables", "pictures", "notes")}
        | {"identity": "this run", "findings": [{"verdict": "holds"}]}
    ).encode(),
}


@pytest.mark.parametrize("content", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_section_is_not_taken(saved, content):
    (saved / "curves.json").write_bytes(content)
    assert load_section(saved, "curves", "this run") is None


def test_a_section_without_its_picture_is_not_taken(saved):
    (saved / "strip.png").unlink()
    assert load_section(saved, "curves", "this run") is None


def test_what_says_that_a_section_is_whole_is_written_last(tmp_path):
    (tmp_path / "curves.npz").mkdir()
    with pytest.raises(OutputError, match=r"curves\.npz"):
        save_section(SECTION, tmp_path, "this run")
    assert not (tmp_path / "curves.json").exists()


def test_numbers_that_are_not_finite_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_section(replace(SECTION, data={"area": float("nan")}), tmp_path, "this run")
    assert not (tmp_path / "curves.json").exists()


def test_an_interval_is_written_with_its_ends():
    assert between(Interval(0.984, 0.9751, 1.0)) == "0.98 [0.98, 1.00]"
    assert between(Interval(0.1234, -0.02, 0.2), 3) == "0.123 [-0.020, 0.200]"
    assert between(Interval(12.34, 10, 15), 1) == "12.3 [10.0, 15.0]"


# --- likeness -------------------------------------------------------------------------------------


@pytest.fixture
def maps(rng):
    return rng.random((5, 8, 8)).astype(np.float32)


def test_equal_maps_are_wholly_alike(maps):
    one = likeness(maps, maps.copy(), seed=0)
    assert one == Likeness(Interval(1, 1, 1), Interval(1, 1, 1))


def test_the_scale_of_a_map_makes_no_difference(maps):
    one = likeness(maps, 3 * maps + 2, seed=0)
    assert one.spearman.mean == pytest.approx(1)
    assert one.iou.mean == pytest.approx(1)


def test_opposite_maps_are_wholly_unlike(maps):
    one = likeness(maps, -maps, seed=0)
    assert one.spearman == Interval(*3 * [pytest.approx(-1)])
    assert one.iou == Interval(0, 0, 0)


def test_unrelated_maps_are_hardly_alike(rng):
    first, second = rng.random((2, 40, 16, 16)).astype(np.float32)
    one = likeness(first, second, seed=0)
    assert one.spearman.low < 0 < one.spearman.high
    assert abs(one.spearman.mean) < 0.05


def test_likeness_is_the_mean_over_pairs(maps):
    one = likeness(maps[:2], np.stack([maps[0], -maps[1]]), seed=0)
    assert one.spearman.mean == pytest.approx(0)
    assert one.iou.mean == pytest.approx(0.5)
    assert (one.spearman.low, one.spearman.high) == (pytest.approx(-1), pytest.approx(1))
    assert (one.iou.low, one.iou.high) == (0, 1)


def test_likeness_hangs_on_its_seed_alone(rng):
    first, second = rng.random((2, 30, 4, 4)).astype(np.float32)
    assert likeness(first, second, seed=3) == likeness(list(first), list(second), seed=3)
    assert likeness(first, second, seed=3) != likeness(first, second, seed=4)


def test_likeness_of_different_numbers_of_maps_is_refused(maps):
    with pytest.raises(ValueError, match="shorter"):
        likeness(maps, maps[:3], seed=0)


def test_likeness_is_told_in_words_in_a_row_and_in_json():
    one = Likeness(Interval(0.5, 0.25, 0.75), Interval(0.1, 0, 0.2))
    words = "rank correlation 0.50 [0.25, 0.75], overlap of the masks 0.10 [0.00, 0.20]"
    assert one.words() == words
    assert one.row("both ways") == ("both ways", "0.50 [0.25, 0.75]", "0.10 [0.00, 0.20]")
    assert json.loads(json.dumps(one.data())) == {
        "spearman": {"mean": 0.5, "low": 0.25, "high": 0.75},
        "iou": {"mean": 0.1, "low": 0, "high": 0.2},
    }


@pytest.mark.parametrize("similar", [True, False])
def test_maps_of_many_pairs_are_those_of_each(rng, similar):
    h_r, h_t = rng.normal(size=(2, 4, tiny.DIMENSION)).astype(np.float32)
    engine = AssembledNetworks(tiny.embed, tiny.decode)
    together = lpel_maps(engine, h_r, h_t, similar=similar)
    assert together.shape == (4, tiny.TARGET_SIZE, tiny.TARGET_SIZE)
    for i in range(4):
        pair = FacePair(pixels(0), pixels(1), h_r[i], h_t[i], similar)
        np.testing.assert_allclose(together[i], Lpel()(pair, engine, rng), rtol=1e-4, atol=1e-6)


# --- sizes ----------------------------------------------------------------------------------------


def some_faces() -> tuple[Face, ...]:
    """Ten people with 1 to 10 photographs."""
    return tuple(
        Face(Path(f"person_{person}/{number:02d}.png"), f"person_{person}")
        for person in range(10)
        for number in range(person + 1)
    )


@pytest.mark.parametrize("photographs", [1, 10, 30, 54])
def test_people_are_kept_whole_or_not_at_all(photographs):
    everyone = some_faces()
    kept = some_people(everyone, photographs, np.random.default_rng(1), "identity")
    assert photographs <= len(kept) < photographs + 10
    people = {face.identity for face in kept}
    assert kept == tuple(face for face in everyone if face.identity in people)


@pytest.mark.parametrize("photographs", [None, 55, 1000])
def test_everyone_is_kept_where_there_are_no_more(photographs):
    everyone = some_faces()
    assert some_people(everyone, photographs, np.random.default_rng(0)) == everyone


def test_the_people_are_drawn_by_the_generator_that_is_passed_in():
    everyone = some_faces()
    drawn = [
        some_people(everyone, 20, np.random.default_rng(seed), "identity") for seed in (0, 0, 1, 2)
    ]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3


def test_of_few_people_as_many_images_of_each_are_kept():
    kept = some_people(some_faces(), 30, np.random.default_rng(0))
    each = Counter(face.identity for face in kept)
    assert each == {f"person_{person}": min(3, person + 1) for person in range(10)}


def test_the_full_sizes_are_those_of_the_thesis():
    assert FULL.comparisons == 70_000
    assert FULL.pairs == 100
    assert FULL.photographs is None


def test_quick_is_no_larger_than_full_in_anything():
    for name, full in vars(FULL).items():
        quick = getattr(QUICK, name)
        if name in {"every", "every_costly"}:
            assert quick >= full, name
        elif name == "game_levels":
            assert set(quick) <= set(full)
        elif full is not None:
            assert quick <= full, name


# --- a decoder ------------------------------------------------------------------------------------


def linear_decoder(seed: int) -> LinearDecoder:
    kernel = np.random.default_rng(seed).normal(size=(6, 8 * 8 * 3)).astype(np.float32)
    return LinearDecoder(kernel, np.full(8 * 8 * 3, 0.5, np.float32), square(8))


@pytest.mark.parametrize("examples", [1, 2, 9])
def test_a_decoder_through_onnx_is_the_decoder(rng, examples):
    weights = linear_decoder(0)
    h = rng.normal(size=(examples, 6)).astype(np.float32)
    decoder = through_onnx(weights, h)
    np.testing.assert_allclose(decoder.decode(h), weights(h), atol=1e-5)
    assert decoder.parity.max_difference <= decoder.parity.tolerance
    assert decoder.weights is weights


def test_a_decoder_is_known_by_its_weights():
    def known(weights):
        return TrainedDecoder(weights, weights, None).sha256

    one, same, other = linear_decoder(0), linear_decoder(0), linear_decoder(1)
    brighter = replace(one, bias=one.bias + 1)
    assert known(one) == known(same)
    assert len({known(one), known(other), known(brighter)}) == 3


# --- verdicts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.8, 0.9, "holds"),
        (0.79, 0.9, "holds in part"),
        (0.4, 0.9, "holds in part"),
        (0.1, 0.51, "holds in part"),
        (0.1, 0.5, "does not hold"),
        (0.6, 0.7, "holds in part"),
    ],
)
def test_what_ought_to_be_high_is_judged_by_its_whole_interval(low, high, verdict):
    middle = (low + high) / 2
    assert above(Interval(middle, low, high), 0.8, 0.5) == verdict
    assert below(Interval(-middle, -high, -low), -0.8, -0.5) == verdict


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        (["better", "better"], "holds"),
        (["better", "undecided"], "holds in part"),
        (["undecided", "undecided"], "not decided"),
        (["better", "worse"], "does not hold"),
        (["undecided", "worse"], "does not hold"),
        (["worse"], "does not hold"),
    ],
)
def test_beating_others_holds_if_it_beats_them_all(outcomes, verdict):
    assert by_outcomes(outcomes) == verdict
    assert by_outcomes(outcomes[::-1]) == verdict


# --- the page -------------------------------------------------------------------------------------

ABOUT = {
    "photographs": 12,
    "people": 3,
    "embedder": "tiny",
    "crops": ["0.368", "0.48"],
    "threshold": 0.3,
    "seed": 7,
    "photographs_hidden": False,
    "sizes": {"pairs": 16},
}
NASTY = "<script>alert('$seed & \"more\"')</script>"


def test_no_text_becomes_markup():
    section = Section(
        key="nasty",
        title=f"title {NASTY}",
        counterpart=f"counterpart {NASTY}",
        findings=(Finding(f"claim {NASTY}", f"measured {NASTY}", "holds"),),
        tables=(Table(f"table {NASTY}", (f"column {NASTY}",), ((f"cell {NASTY}",),)),),
        pictures=(Picture("name", f"picture {NASTY}", b"png"),),
        notes=(f"note {NASTY}",),
    )
    page = report([section], ABOUT | {"embedder": NASTY, "crops": [NASTY]})
    assert "<script" not in page
    assert "alert('$seed & \"" not in page
    escaped = "&lt;script&gt;alert(&#x27;$seed &amp; &quot;more&quot;&#x27;)&lt;/script&gt;"
    places = ("title", "counterpart", "claim", "measured", "table", "column", "cell", "picture")
    for what in (*places, "note"):
        assert f"{what} {escaped}" in page, what
    assert page.count(escaped) >= 13


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_every_verdict_has_a_badge_with_a_colour(verdict):
    section = Section("key", "title", "nothing", (Finding("It is.", "It was.", verdict),))
    page = report([section], ABOUT)
    _, _, after = page.partition('<span class="badge ')
    colour, _, rest = after.partition('">')
    assert rest.startswith(f"{verdict}</span>")
    assert f".{colour} {{ background: #" in page


def test_badges_of_different_verdicts_look_different():
    verdicts = ("holds", "holds in part", "does not hold", "not decided")
    pages = [
        report([Section("k", "t", "n", (Finding("c", "m", verdict),))], ABOUT)
        for verdict in verdicts
    ]
    classes = [page.partition('<span class="badge ')[2].partition('"')[0] for page in pages]
    assert len(set(classes)) == 4
    assert set(verdicts) == {*get_args(Verdict)} - {"not comparable"}


@pytest.mark.parametrize(
    ("counterpart", "said"),
    [("figure 5.12", "In the thesis: figure 5.12."), ("", "Not in the thesis.")],
)
def test_a_section_says_whether_the_thesis_has_it(counterpart, said):
    page = report([Section("k", "t", counterpart)], ABOUT)
    assert f"<p class=counterpart>{said}</p>" in page


def test_a_claim_in_brackets_is_not_put_into_the_mouth_of_the_thesis():
    findings = (Finding("It falls.", "Yes.", "holds"), Finding("(It must.)", "No.", "holds"))
    page = report([Section("k", "t", "n", findings)], ABOUT)
    assert "<b>The thesis:</b> It falls. " in page
    assert "<b>What must be true:</b> It must. " in page


def test_the_page_says_what_it_was_made_of():
    page = report([], ABOUT)
    assert "12 photographs of 3 people; tiny; crops 0.368 and 0.48; pairs called similar" in page
    assert "0.300; up to 16 pairs for each main curve; seed 7. This page shows photographs" in page
    assert MARK.decode() in page
    assert "Photographs are hidden" in report([], ABOUT | {"photographs_hidden": True})
