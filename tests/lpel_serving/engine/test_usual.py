"""What is usual of maps: measured, looked up, said, and kept where a bundle is changed."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from lpel_export.bundle.writer import with_embedder, write_with_explainer
from lpel_export.explainer import build_explainer
from lpel_serving import Explainer
from lpel_serving.bundle.card import card, facts, usual_lines
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.bundle.manifest_reading import parse_manifest
from lpel_serving.bundle.origin import MEASURED
from lpel_serving.bundle.usual_record import UsualMaps, UsualShare
from lpel_serving.engine.usual import (
    LEAST_PAIRS,
    PAIRS_WITH_FACES,
    measure_usual,
    sum_up,
    usual_maps,
)
from lpel_serving.engine.usual_pairs import maps_of_pairs
from lpel_serving.equations.regions import REGIONS, RegionShare, region_shares
from lpel_serving.images.crops import CentreCrop, WholeImage, is_named
from lpel_serving.images.datasets.faces import Face
from lpel_serving.images.subject import SUBJECTS
from lpel_serving.methods import find_method
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.decoded.responses import Responses
from lpel_serving.methods.method import FacePair
from lpel_serving.methods.networks import AssembledNetworks
from lpel_serving.methods.simulated.surrogate_order import SurrogateOrder
from lpel_serving.report.caveats import (
    in_common,
    limited_by_prediction,
    measured_common,
    of_maps,
)
from lpel_serving.report.document import document
from lpel_serving.report.figures import pair_figure
from lpel_serving.report.map_words import on_map
from lpel_serving.report.verdict import explained
from lpel_serving.support.errors import ParameterError
from lpel_tf.data.dataset import FaceSet
from lpel_tf.data.kept_apart import faces_apart, usual_on_sides
from lpel_tf.data.split import Split
from support import tiny, tiny_surrogate
from support.images import pixels
from support.region_maps import regional
from support.usual import NETWORKS, faces, simulated_usual, usual

PEOPLE = np.arange(2 * LEAST_PAIRS).reshape(-1, 2)


def pairs_of(*maps: np.ndarray) -> np.ndarray:
    """So many pairs, both ways alike, that the maps come in turn."""
    stacked = np.stack([maps[n % len(maps)] for n in range(LEAST_PAIRS)])
    return np.stack([stacked, stacked], axis=1)


@pytest.fixture
def bundle(tmp_path):
    """A bundle that knows what is usual, which may be changed."""
    return tiny.write_bundle(tmp_path / "bundle", responds=True, usual=usual())


# --- measuring ---


def test_one_map_that_all_pairs_have_is_usual_and_all_is_common():
    areas = {one.name: one.area for one in region_shares(regional())}
    one = regional(eyes=3 / areas["eyes"], nose=1 / areas["nose"], chin=-1)
    found = sum_up(pairs_of(one), PEOPLE)
    assert found.pairs == LEAST_PAIRS
    assert found.common == pytest.approx(1)
    for name, expected in (("eyes", 0.75), ("nose", 0.25), ("mouth", 0)):
        for value in (found.for_[name].mean, found.for_[name].low, found.for_[name].high):
            assert value == pytest.approx(expected, abs=1e-6)
    assert found.against["chin"].mean == pytest.approx(1)


def test_two_kinds_of_maps_have_the_mean_of_both_and_nothing_in_common():
    """Half of the pairs have one map, half its opposite: pairs of pairs correlate at 1 or -1."""
    one = regional(eyes=1, nose=-1)
    found = sum_up(pairs_of(one, -one), PEOPLE)
    for share in (found.for_["eyes"], found.for_["nose"], found.against["eyes"]):
        assert (share.mean, share.low, share.high) == pytest.approx((0.5, 0, 1))
    n = LEAST_PAIRS
    same, other = n * (n / 2 - 1), n * n / 2
    assert found.common == pytest.approx((same - other) / (same + other))


def test_maps_without_a_sign_have_nothing_usual_against():
    found = sum_up(pairs_of(regional(eyes=1)), PEOPLE)
    assert found.against is None
    few = pairs_of(regional(eyes=1))
    few[: LEAST_PAIRS // 4] = regional(eyes=1, chin=-1)
    assert sum_up(few, PEOPLE).against is None


def test_flat_maps_do_not_count_and_too_few_say_nothing():
    maps = np.concatenate([pairs_of(regional(eyes=1)), np.ones((3, 2, 240, 240), np.float32)])
    people = np.arange(2 * len(maps)).reshape(-1, 2)
    assert sum_up(maps, people).pairs == LEAST_PAIRS
    assert sum_up(maps[1:], people[1:]) is None
    assert sum_up(pairs_of(-regional(eyes=1)), PEOPLE) is None


@pytest.mark.parametrize("level", [1e-38, 1e38])
def test_maps_of_any_size_are_compared(level):
    one, other = (np.float32(level) * regional(**{name: 1}) for name in ("eyes", "nose"))
    found = sum_up(pairs_of(one, other), PEOPLE)
    assert found.for_["eyes"].mean == pytest.approx(0.5)
    assert -1 < found.common < 1


def test_pairs_whose_map_is_not_finite_are_left_out():
    embeddings, people = faces()
    bad = {3, 40}

    def respond(some: np.ndarray) -> np.ndarray:
        values = tiny.respond(some)
        for place in bad:
            values[(some == embeddings[place]).all(axis=-1)] = np.nan
        return values

    networks = AssembledNetworks(NETWORKS.embed, NETWORKS.decode, respond)
    options = {"responds": True, "crop": "none", "on": "noise"}

    def measured(networks: AssembledNetworks):
        rng = np.random.default_rng(0)
        return measure_usual(networks, embeddings, people, 0.8, rng, **options)

    whole, less = measured(NETWORKS), measured(networks)
    counts = [
        sum(one.of("responses", name).pairs for name in ("similar", "dissimilar"))
        for one in (whole, less)
    ]
    assert counts[1] < counts[0]
    assert less.of("lpel", "similar") == whole.of("lpel", "similar")


def test_it_is_measured_again_by_the_same_seed_and_by_what_the_network_decides():
    assert usual(0.8) == usual.__wrapped__(0.8)
    record = usual(0.8)
    counts = {name: record.of("responses", name).pairs for name in ("similar", "dissimilar")}
    assert sum(counts.values()) == 360  # 60 pairs of one person, 300 of two
    assert record.of("lpel", "similar").pairs == counts["similar"]
    assert record.measured["photographs"] == 120
    assert record.measured["people"] == 60
    assert usual(-1.0).of("responses", "dissimilar") is None


def test_without_a_response_decoder_its_maps_are_not_measured():
    record = usual(responds=False)
    assert list(record.methods) == ["lpel"]


def test_a_surrogates_maps_are_measured_on_fewer_pairs_and_each_face_is_read_once():
    record = simulated_usual()
    for decision in ("similar", "dissimilar"):
        others = record.of("responses", decision)
        assert others == usual(0.8).of("responses", decision)
        found = record.of("surrogate-order", decision)
        assert LEAST_PAIRS <= found.pairs <= min(PAIRS_WITH_FACES, others.pairs)
        assert found.for_ != others.for_
    assert list(usual(0.8).methods) == ["responses", "lpel"]


def test_faces_are_passed_through_the_embedder_once_and_maps_are_the_methods_own():
    embeddings, _ = faces()
    read, passes = [], []

    def features(crops: np.ndarray):
        passes.append(len(crops))
        return tiny_surrogate.features(crops)

    def read_face(number: int) -> np.ndarray:
        read.append(number)
        return pixels(number)

    networks = replace(NETWORKS, features=features, simulate=tiny_surrogate.simulate)
    pairs = np.array([[0, 1], [1, 2], [0, 2]])
    method = SurrogateOrder()
    maps, shown = maps_of_pairs(method, networks, embeddings, pairs, similar=True, read=read_face)
    assert (read, passes, shown.all()) == ([0, 1, 2], [3], True)
    for (r, t), found in zip(pairs.tolist(), maps, strict=True):
        pair = FacePair(pixels(r), pixels(t), embeddings[r], embeddings[t], similar=True)
        for one, heat_map in zip((pair, pair.swapped), found, strict=True):
            expected = method(one, networks, np.random.default_rng(0))
            np.testing.assert_array_equal(heat_map, expected)


def test_a_method_that_needs_faces_is_not_measured_without():
    pairs = np.array([[0, 1]])
    with pytest.raises(ParameterError, match="needs the faces"):
        maps_of_pairs(SurrogateOrder(), NETWORKS, faces()[0], pairs, similar=True)


@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_few_photographs_say_nothing(n):
    embeddings, people = faces()
    rng = np.random.default_rng(0)
    options = {"responds": True, "crop": "none", "on": "noise"}
    assert measure_usual(NETWORKS, embeddings[:n], people[:n], 0.5, rng, **options) is None


def test_training_measures_on_the_people_kept_apart():
    embeddings, people = faces()
    everyone = FaceSet(embeddings, np.zeros((len(people), 1, 1, 3), np.uint8), tuple(people))
    of = [np.arange(len(people)) % 3 == part for part in range(3)]
    split = Split(*(everyone.select(chosen) for chosen in of))
    record = usual_on_sides(split, NETWORKS, 0.8, 0, "0.48")
    assert record.measured["photographs"] == 80
    assert record.measured["crop"] == "0.48"
    assert set(record.methods) == {"responses", "lpel"}
    bare = usual_on_sides(split, AssembledNetworks(tiny.embed, tiny.decode), 0.8, 0, "0.48")
    assert set(bare.methods) == {"lpel"}


def test_training_reads_the_faces_of_the_people_kept_apart():
    embeddings, people = faces()
    listed = tuple(Face(Path(str(n)), who) for n, who in enumerate(people))
    pixel = np.zeros((len(people), 1, 1, 3), np.uint8)
    everyone = FaceSet(embeddings, pixel, tuple(people), photographs=listed)
    side = np.array([int(who.split()[1]) % 3 for who in people])
    split = Split(*(everyone.select(side == part) for part in range(3)))
    apart = split.apart.photographs
    assert [one.identity for one in apart] == [*split.validation.identities, *split.test.identities]
    networks = replace(NETWORKS, features=tiny_surrogate.features, simulate=tiny_surrogate.simulate)
    read = lambda number: pixels(int(apart[number].path.name))  # noqa: E731
    record = usual_on_sides(split, networks, 0.8, 0, "0.48", read)
    assert "surrogate-order" in record.methods


def test_the_people_apart_are_those_of_the_training():
    from lpel_tf.data.split import split_by_identity

    people = [f"person {n // 3}" for n in range(90)]
    photographs = tuple(Face(n, who) for n, who in enumerate(people))
    nothing = np.empty((90, 0), np.float32)
    split = split_by_identity(FaceSet(nothing, nothing, tuple(people)), np.random.default_rng(5))
    found = faces_apart(photographs, 5)
    assert [one.identity for one in found] == [*split.validation.identities, *split.test.identities]
    assert len({one.path for one in found}) == len(found)


# --- looking up ---


@pytest.mark.parametrize(
    ("crop", "own", "known"),
    [
        (CentreCrop(0.48), "0.48", True),
        (CentreCrop(0.48), "0.480", True),
        (CentreCrop(0.5), "0.48", False),
        (WholeImage(), "0.48", True),  # cut already, as is said in a caveat
        (WholeImage(), "none", True),
        (WholeImage(), "mtcnn", True),
        (CentreCrop(0.48), "none", False),
        (CentreCrop(0.48), "mtcnn", False),
        (CentreCrop(0.48), "7", False),
    ],
)
def test_it_is_said_of_faces_that_are_cut_out_as_those_were(crop, own, known):
    found = usual_maps(usual(crop=own), Responses(), similar=True, crop=crop)
    assert (found is not None) == known


def test_a_plugin_is_known_by_its_name_without_being_loaded():
    from lpel_tf.networks.detection import AlignedCrop

    assert is_named(AlignedCrop(), "mtcnn")
    assert not is_named(AlignedCrop(), "0.48")
    assert not is_named(AlignedCrop(), "none")
    record = usual(crop="0.48")
    assert usual_maps(record, Responses(), similar=True, crop=AlignedCrop()) is None


def test_a_crop_for_which_it_was_found_to_hold_too_counts_as_its_own(tmp_path):
    from lpel_tf.networks.detection import AlignedCrop

    record = usual(crop="0.48")
    record = replace(record, measured={**record.measured, "alike": {"mtcnn": 0.007, "0.5": 0.0}})
    folder = tiny.write_bundle(tmp_path / "bundle", responds=True, usual=record)
    kept = Explainer.load(folder).manifest.usual
    assert kept.crops == ("0.48", "mtcnn", "0.5")
    for crop, known in ((AlignedCrop(), True), (CentreCrop(0.5), True), (CentreCrop(0.6), False)):
        found = usual_maps(kept, Responses(), similar=True, crop=crop)
        assert (found is not None) == known


@pytest.mark.parametrize(
    ("method", "known"),
    [
        (Responses(), True),
        (Responses(8), False),
        (Lpel(), True),
        (Lpel(0.5), False),
        (find_method("coalitions"), False),
        (find_method("centre"), False),
        (find_method("lpel-mended"), False),
    ],
)
def test_it_is_said_of_methods_that_were_measured_with_their_parameters(method, known):
    found = usual_maps(usual(), method, similar=True, crop=WholeImage())
    assert (found is not None) == known


def test_a_pair_explained_by_a_surrogate_knows_what_is_usual(tmp_path):
    folder = tiny_surrogate.write_bundle(tmp_path / "bundle", usual=simulated_usual())
    pair = Explainer.load(folder).explain(pixels(0), pixels(1))
    decision = "similar" if pair.similar else "dissimilar"
    assert pair.usual == simulated_usual().of("surrogate-order", decision)
    said = explained(pair)
    limits = [measured_common(pair.usual, similar=pair.similar), SurrogateOrder.caveat]
    assert set(limits) <= set(said.caveats)
    assert said.beside_map == limits[pair.usual.common < 0.5]
    other = find_method("surrogate-order", fill="blur")
    assert Explainer.load(folder).explain(pixels(0), pixels(1), method=other).usual is None


def test_what_limits_a_surrogates_maps_most_is_said_beside_them():
    """Where less than half is common to all faces, that they are predicted."""
    for method, common, expected in (
        ("surrogate-order", 0.3, True),
        ("surrogate-order", 0.7, False),
        ("responses", 0.3, False),
    ):
        assert limited_by_prediction(method, known(common)) is expected
        first, second, _ = of_maps("own", common="all", own_first=expected)
        assert (first, second) == (("own", "all") if expected else ("all", "own"))
    assert not limited_by_prediction("surrogate-order", None)


def test_a_pair_knows_what_is_usual_of_its_decision(bundle):
    explainer = Explainer.load(bundle)
    pair = explainer.explain(pixels(0), pixels(1))
    assert pair.usual == usual().of("responses", "similar" if pair.similar else "dissimilar")
    assert explainer.explain(pixels(0), pixels(1), method=find_method("centre")).usual is None
    assert Explainer.load(bundle, crop="0.5").explain(pixels(0), pixels(1)).usual is None


# --- saying ---


def shares(**values: float) -> list[RegionShare]:
    areas = {one.name: one.area for one in region_shares(regional())}
    return [RegionShare(name, areas[name], values.get(name, 0.0), 0.0) for name in REGIONS]


def known(common: float = 0.68, **ranges: tuple[float, float, float]) -> UsualMaps:
    nothing = UsualShare(0, 0, 1)
    return UsualMaps(
        200,
        common,
        {n: UsualShare(*ranges[n]) if n in ranges else nothing for n in REGIONS},
        None,
    )


NINE, LITTLE = "Nine of ten other pairs called", "so they say little about this pair."
EYES, NOSE = (0.28, 0.2, 0.35), (0.17, 0.1, 0.2)


@pytest.mark.parametrize(
    ("eyes", "nose", "similar", "said"),
    [
        (
            0.31,
            0.18,
            True,
            f"Most other pairs called similar have such shares too, {LITTLE}",
        ),
        (
            0.36,
            0.18,
            False,
            "Nine of ten other pairs called dissimilar have less in the eyes.",
        ),
        (
            0.36,
            0.21,
            True,
            f"{NINE} similar have less in the eyes, nine of ten less in the nose.",
        ),
        (
            0.19,
            0.21,
            True,
            f"{NINE} similar have less in the nose, nine of ten more in the eyes.",
        ),
    ],
)
def test_each_share_stands_beside_what_is_usual(eyes, nose, similar, said):
    usual = known(eyes=EYES, nose=NOSE)
    parts = shares(eyes=eyes, nose=nose, elsewhere=0.3)
    words = on_map(regional(eyes=1, nose=1), parts, "the picture", usual, similar=similar)
    for name, share, mean in (("eyes", eyes, 28), ("nose", nose, 17)):
        it = " of it" if share == max(eyes, nose) else ""
        assert (
            f"the {name} ({share:.0%}".replace("%", " %") + f"{it}, usually {mean} %, on"
            in (words[0])
        )
    assert words[1:] == (said,)


def test_one_share_that_is_usual_is_said_to_be_one():
    words = on_map(regional(eyes=1), shares(eyes=0.3), "it", known(eyes=EYES))
    assert words[1] == (
        "Most other pairs called similar have such a share too, so it says little about this pair."
    )


def test_where_no_part_stands_out_nothing_is_compared():
    words = on_map(np.eye(40, dtype=np.float32), shares(), "it", known())
    assert len(words) == 1


def test_what_is_against_stands_beside_what_is_usual_too():
    heat_map = regional(eyes=1, chin=-3)
    usual = replace(known(eyes=EYES), against=known(chin=(0.4, 0.1, 0.7)).for_)
    words = on_map(heat_map, region_shares(heat_map), "it", usual)
    assert "the chin (100 % of it, usually 40 %, on" in words[-1]
    bare = on_map(heat_map, region_shares(heat_map), "it", replace(usual, against=None))
    assert "the chin (100 % of it on" in bare[-1]


@pytest.mark.parametrize(("common", "word"), [(0.68, "Most"), (0.3, "Much"), (-0.1, "Little")])
def test_the_limit_says_how_much_is_common(common, word):
    said = in_common("responses", known(common), similar=False)
    share = f"{max(common, 0):.0%}".replace("%", " %")
    assert said == (
        f"{word} of each such map is common to all faces: {share} of what varies within it is the "
        "same in other pairs called dissimilar (200 were measured)."
    )


def of_measured(pair):
    """The pair, as if the network were the one that was measured."""
    return replace(pair, origin=replace(pair.origin, embedder=MEASURED))


def test_the_limit_that_stands_beside_a_map_is_the_first_of_its_caveats(bundle):
    explainer = Explainer.load(bundle)

    def of(method: str):
        pair = explainer.explain(pixels(0), pixels(1), method=find_method(method))
        return explained(of_measured(pair))

    for method in ("responses", "lpel"):
        verdict = of(method)
        assert "common to all faces" in verdict.beside_map
        assert verdict.caveats.index(verdict.beside_map) == len(verdict.caveats) - 3
    for method, limit in (
        ("centre", "does not depend on the pair"),
        ("coalitions", "hiding random parts"),
        ("lpel-mended", "did worse than the mere distance"),
    ):
        verdict = of(method)
        assert limit in verdict.beside_map
        assert verdict.caveats[-2 if method != "centre" else -1] == verdict.beside_map


def test_a_bundle_that_does_not_know_says_it_as_ever(responding_explainer):
    pair = responding_explainer.explain(pixels(0), pixels(1))
    verdict = explained(of_measured(pair))
    assert verdict.beside_map == (
        "Where such maps were measured, most of each was common to all faces."
    )
    assert verdict.beside_map in verdict.caveats
    assert "usually" not in " ".join(verdict.words)
    regions = document(pair)["explanations"]["test"]["regions"]
    assert {one["usual_for"] for one in regions} == {None}
    assert document(pair)["usual"] is None


def test_the_record_of_a_pair_has_both(bundle):
    pair = Explainer.load(bundle).explain(pixels(0), pixels(1))
    written = json.loads(json.dumps(document(pair)))
    for role, one in (("test", pair.forward), ("reference", pair.swapped)):
        for region, share in zip(
            written["explanations"][role]["regions"], region_shares(one.heat_map), strict=True
        ):
            assert region["for"] == share.for_
            assert region["usual_for"] == asdict(pair.usual.for_[share.name])
    assert written["usual"] == {"pairs": pair.usual.pairs, "common": pair.usual.common}


def test_the_figure_says_how_much_is_common_under_the_maps(bundle, responding_explainer):
    pair = Explainer.load(bundle).explain(pixels(0), pixels(1))
    figure = pair_figure(pair)
    limit = next(text for text in figure.texts if "common to all faces" in text.get_text())
    figure.canvas.draw()
    window = limit.get_window_extent()
    assert 0 <= window.x0 < window.x1 <= figure.bbox.x1
    assert all(window.y1 < axis.get_window_extent().y0 for axis in figure.axes)
    bare = pair_figure(responding_explainer.explain(pixels(0), pixels(1)))
    assert not any("common" in text.get_text() for text in bare.texts)


# --- keeping ---


def test_it_is_read_as_it_was_written_and_leaves_the_identity(bundle, responding_bundle):
    manifest = load_bundle(bundle).manifest
    assert manifest.usual == usual()
    assert parse_manifest(manifest.to_json()) == manifest
    assert manifest.identity == load_bundle(responding_bundle).manifest.identity


def test_another_precision_and_an_explainer_keep_it(bundle):
    loaded = load_bundle(bundle)
    record = replace(loaded.manifest.embedder, name="tiny, float16")
    lowered = with_embedder(loaded, loaded.embedder, record, {"precision": "float16"})
    assert lowered.manifest.usual == usual()
    write_with_explainer(bundle, lowered, build_explainer(lowered))
    assert load_bundle(bundle).manifest.usual == usual()


def test_the_card_and_the_facts_have_it(bundle, responding_bundle):
    manifest = load_bundle(bundle).manifest
    text = "\n".join(card(manifest))
    for line in usual_lines(usual()):
        assert line in text
    eyes = usual().of("responses", "similar").for_["eyes"].mean
    assert f"eyes {eyes:.0%}" in text
    assert facts(manifest)["usual"] == asdict(usual())
    bare = "\n".join(card(load_bundle(responding_bundle).manifest))
    assert "what is usual of maps: not measured; `lpel calibrate`" in bare


def test_where_pictures_have_no_regions_only_what_is_common_is_measured(tmp_path):
    embeddings, people = faces()
    record = measure_usual(
        NETWORKS,
        embeddings,
        people,
        tiny.THRESHOLD,
        np.random.default_rng(0),
        responds=True,
        crop="none",
        on="pictures of noise",
        subject=SUBJECTS["digits"],
    )
    of_faces = usual()
    assert record.measured["classes"] == of_faces.measured["people"]
    for method, decisions in record.methods.items():
        for decision, maps in decisions.items():
            known = of_faces.methods[method][decision]
            assert maps == {**known, "for": {}, "against": None}
    folder = tiny.write_bundle(
        tmp_path / "digits", responds=True, usual=record, subject=SUBJECTS["digits"]
    )
    pair = Explainer.load(folder).explain(pixels(0), pixels(1))
    assert pair.usual.for_ == {}
    assert "is common to all digits" in explained(pair).beside_map
    assert "common to all)" in "\n".join(card(load_bundle(folder).manifest))
