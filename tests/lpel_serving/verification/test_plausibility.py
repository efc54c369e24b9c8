"""Whether an image is of the kind that a bundle knows."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_export.bundle.writer import with_embedder, write_with_explainer
from lpel_export.explainer import build_explainer
from lpel_export.precision.lower import check_holds
from lpel_serving import Explainer
from lpel_serving.bundle.loading import load_bundle, read_manifest
from lpel_serving.bundle.manifest import PLAUSIBILITY_FILE
from lpel_serving.bundle.manifest_reading import parse_manifest
from lpel_serving.bundle.plausibility_record import fit_on_people, fit_record, from_bytes, to_bytes
from lpel_serving.engine.bundle_check import check_bundle
from lpel_serving.report.document import document
from lpel_serving.report.figures import pair_figure
from lpel_serving.support.errors import EmbeddingError
from lpel_serving.verification.plausibility import (
    PairPlausibility,
    expected_alarms,
    fit_plausibility,
)
from lpel_tf.bundles.bundling import fit_on_sides
from lpel_tf.data.dataset import FaceSet
from lpel_tf.data.split import Split
from lpel_tf.pretrained import load_pretrained
from support import tiny
from support.images import pixels
from support.plausibility import odd, plausibility


def faces(rng: np.random.Generator, n: int) -> np.ndarray:
    """Embeddings that leave two of six directions all but unused."""
    return (rng.normal(size=(n, 6)) * [1, 1, 1, 1, 0.01, 0.01] + 2).astype(np.float32)


def strangers(n: int) -> list[str]:
    """Who is in `n` photographs: somebody else in each."""
    return [str(number) for number in range(n)]


@pytest.fixture
def check(rng):
    return fit_plausibility(faces(rng, 500), faces(rng, 500), strangers(500))


def test_what_lies_along_unused_directions_is_implausible_though_it_is_near(check, rng):
    usual, mean = faces(rng, 1), np.full((1, 6), 2, np.float32)
    unusual = mean + np.array([0, 0, 0, 0, 0.5, 0], np.float32)
    assert np.linalg.norm(unusual - mean) < np.linalg.norm(usual - mean)
    assert check.plausible(usual)[0]
    assert not check.plausible(unusual)[0]


@pytest.mark.parametrize("people", [99, 333, 1000])
def test_of_new_photographs_no_more_raise_an_alarm_than_was_promised(people):
    rates = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        check = fit_plausibility(faces(rng, 300), faces(rng, people), strangers(people))
        rates.append(np.mean(~check.plausible(faces(rng, 2000))))
    spread = np.std(rates) / np.sqrt(len(rates))
    assert np.mean(rates) <= expected_alarms(people) + 3 * spread


def test_a_person_with_many_photographs_counts_once(rng):
    known, apart = faces(rng, 500), faces(rng, 400)
    often = np.repeat(apart[-1:], 300, axis=0) + rng.normal(0, 1e-4, (300, 6)).astype(np.float32)
    who = strangers(400)
    once = fit_plausibility(known, apart, who)
    many = fit_plausibility(known, np.concatenate([apart, often]), who + who[-1:] * 300)
    assert many.limit == pytest.approx(once.limit, rel=0.05)


@given(st.floats(1e-3, 1e3))
def test_the_length_of_embeddings_does_not_matter(scale):
    rng = np.random.default_rng(0)
    known, apart, new = faces(rng, 300), faces(rng, 300), faces(rng, 9)
    check = fit_plausibility(known, apart, strangers(300))
    scaled = fit_plausibility(known * scale, apart * scale, strangers(300))
    np.testing.assert_allclose(
        check.distances(new), scaled.distances(new * np.float32(scale)), rtol=1e-3
    )


def test_the_size_of_a_batch_does_not_show(rng):
    width = 200  # so wide that sums in float32 would differ
    embeddings = rng.normal(size=(1400, width)).astype(np.float32)
    check = fit_plausibility(embeddings[:1000], embeddings[1000:], strangers(400))
    some = embeddings[:64]
    alone = np.concatenate([check.distances(one[np.newaxis]) for one in some])
    assert check.distances(some).tobytes() == alone.tobytes()


@pytest.mark.parametrize(("known", "apart"), [(29, 500), (500, 98)])
def test_too_few_photographs_promise_nothing(rng, known, apart):
    given = faces(rng, known), faces(rng, apart), strangers(apart)
    assert fit_plausibility(*given) is None
    assert fit_record(*given, "few") is None


def test_a_network_that_embeds_everything_alike_knows_no_kind(rng):
    same = np.ones((300, 6), np.float32)
    assert fit_plausibility(same, same, strangers(300)) is None


def test_an_embedding_that_is_not_finite_is_refused(check):
    with pytest.raises(EmbeddingError, match="NaN or infinity"):
        check.distances(np.full((1, 6), np.nan, np.float32))


def test_people_are_on_one_side_only(rng):
    identities = [f"person {i // 4}" for i in range(800)]
    fitted = fit_on_people(faces(rng, 800), identities, np.random.default_rng(3), "made-up faces")
    assert fitted.fitted["photographs"] == fitted.fitted["photographs_apart"] == 400
    assert fitted.fitted["people_apart"] == 100
    assert fitted.fitted["false_alarms"] == expected_alarms(100)
    assert "made-up faces" in fitted.fitted["how"]
    again = fit_on_people(
        faces(np.random.default_rng(0), 800), identities, np.random.default_rng(3), "made-up faces"
    )
    assert again.record == fitted.record


def test_a_file_gives_back_what_was_written(check):
    data = to_bytes(check)
    read = from_bytes(data, 6, check.limit)
    assert read.mean.tobytes() == check.mean.tobytes()
    assert read.whitening.tobytes() == check.whitening.tobytes()
    assert read.limit == check.limit


@pytest.mark.parametrize(
    ("reference", "test", "implausible"),
    [
        (1.0, 1.0, ()),
        (2.0, 2.0, ()),
        (2.1, 1.0, ("reference",)),
        (1.0, 2.1, ("test",)),
        (9.0, float("nan"), ("reference", "test")),
    ],
)
def test_a_pair_names_the_images_that_are_of_another_kind(reference, test, implausible):
    pair = PairPlausibility(reference, test, 2.0)
    assert pair.implausible == implausible
    assert pair.plausible == (not implausible)


# --- in a bundle ---


@pytest.fixture(scope="module")
def knowing_bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("knowing") / "bundle"
    return tiny.write_bundle(folder, responds=True, plausibility=plausibility())


def test_a_manifest_gives_back_the_record_and_its_identity_stays(knowing_bundle):
    manifest = read_manifest(knowing_bundle)
    assert parse_manifest(manifest.to_json()) == manifest
    assert manifest.plausibility == plausibility().record
    files = {k: v for k, v in manifest.files.items() if k != PLAUSIBILITY_FILE}
    without = replace(manifest, plausibility=None, files=files)
    assert without.identity == manifest.identity
    assert "plausibility" not in json.loads(without.to_json())


def test_a_bundle_with_a_check_is_found_intact(knowing_bundle):
    assert all(check.passed for check in check_bundle(knowing_bundle))
    assert load_bundle(knowing_bundle).plausibility == to_bytes(plausibility().check)


def test_an_explainer_says_of_each_pair_whether_it_knows_its_kind(knowing_bundle):
    explainer = Explainer.load(knowing_bundle)
    known, strange = explainer.explain_pairs([(pixels(900), pixels(901)), (pixels(900), odd())])
    assert known.plausibility.implausible == ()
    assert strange.plausibility.implausible == ("test",)
    numbers = document(strange)["plausibility"]
    assert numbers["plausible"] is False
    assert numbers["reference"]["plausible"] is True
    assert numbers["test"] == {"plausible": False, "distance": strange.plausibility.test}
    assert numbers["test"]["distance"] > numbers["limit"]


def test_a_bundle_without_a_check_says_nothing(tiny_explainer):
    pair = tiny_explainer.explain(pixels(900), odd())
    assert pair.plausibility is None
    assert document(pair)["plausibility"] is None


def test_a_figure_says_it_above_the_decision(knowing_bundle):
    explainer = Explainer.load(knowing_bundle)
    said = pair_figure(explainer.explain(pixels(900), odd())).get_suptitle()
    assert said.splitlines()[0].startswith("The test picture is not of the kind")
    assert "of the kind" not in pair_figure(explainer.explain(pixels(1), pixels(2))).get_suptitle()


def test_a_bundle_keeps_its_check_with_an_explainer_and_with_another_embedder(
    knowing_bundle, tmp_path
):
    loaded = load_bundle(knowing_bundle)
    write_with_explainer(tmp_path / "bundle", loaded, build_explainer(loaded))
    assert load_bundle(tmp_path / "bundle").plausibility == loaded.plausibility
    record = replace(loaded.manifest.embedder, name="another")
    kept = with_embedder(loaded, loaded.embedder, record, {})
    assert kept.manifest.plausibility == loaded.manifest.plausibility
    dropped = with_embedder(loaded, loaded.embedder, record, {}, keep_plausibility=False)
    assert (dropped.plausibility, dropped.manifest.plausibility) == (None, None)
    write_with_explainer(tmp_path / "without", dropped, build_explainer(dropped))
    assert Explainer.load(tmp_path / "without").plausibility is None


@pytest.mark.parametrize(("alarms", "holds"), [(0, True), (5, True), (6, False)])
def test_a_check_that_alarms_at_faces_in_lower_precision_does_not_hold(alarms, holds):
    assert check_holds({"implausible": alarms, "samples": 100}) is holds
    assert check_holds({"samples": 100})


def test_training_fits_on_the_people_trained_on_and_the_limit_on_the_others(rng):
    def some(n: int, first: int) -> FaceSet:
        targets = np.zeros((n, 1, 1, 3), np.uint8)
        return FaceSet(faces(rng, n), targets, tuple(str(first + i) for i in range(n)))

    fitted = fit_on_sides(Split(some(600, 0), some(60, 1000), some(70, 2000)))
    sizes = {name: fitted.fitted[name] for name in ("photographs", "photographs_apart")}
    assert sizes == {"photographs": 600, "photographs_apart": 130}
    assert fitted.fitted["people_apart"] == 130
    assert fit_on_sides(Split(some(600, 0), some(10, 1000), some(10, 2000))) is None


# --- the shipped one ---


def test_the_shipped_check_is_one_that_a_manifest_can_hold(knowing_bundle):
    shipped = load_pretrained("20170512-110547").plausibility
    manifest = replace(read_manifest(knowing_bundle), plausibility=shipped.record)
    assert parse_manifest(manifest.to_json()) == manifest
    assert from_bytes(to_bytes(shipped.check), 128, 1.0).mean.shape == (128,)
    assert shipped.fitted["photographs_apart"] > 2000
