"""The rows of a job: what `Explainer.explain_pairs` says of the same pairs, in a fixed form."""

import hashlib
import json
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from lpel_serving import Explainer
from lpel_serving.batch import settings as batch_settings
from lpel_serving.batch.job import identity_of
from lpel_serving.batch.output.result_table import FORMAT
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.batch.store.folder import Places
from lpel_serving.bundle.manifest import ThresholdRecord
from lpel_serving.equations.comparison import COSINE
from lpel_serving.equations.decision import decide
from lpel_serving.equations.regions import REGIONS, region_shares
from lpel_serving.methods.catalogue.registry import find_method
from lpel_serving.methods.decoded.responses import Responses
from lpel_serving.methods.explain import explain_by
from support import tiny
from support.batch import make_job, pair_up, run_here, write_csv, write_parquet, write_pictures
from support.batch_rows import ROLES, rows_of, shards_of
from support.confidence import confidence
from support.images import pixels
from support.plausibility import odd, plausibility

SEED = 3
THRESHOLD = 0.8
MAPS = [f"{role}_{what}" for role in ROLES for what in ("map", "regions_for", "regions_against")]
OF_DECISION = ["similarity", "margin", "similar", "confidence"]
FOUND = [*OF_DECISION, "reference_plausible", "test_plausible", *MAPS]
CURVES = ["curve_own", "curve_random", "curve_area", "curve_random_areas", "curve_note"]
FACES = [f"{role}_{name}" for role in ("reference", "test") for name in ("faces", "face", "box")]

METHODS = {
    "responses": (BatchSettings("responses"), Responses(1), (tiny.SIDE, tiny.SIDE)),
    "responses enlarged": (BatchSettings("responses", map_side=40), Responses(40), (40, 40)),
    "lpel": (BatchSettings("lpel"), find_method("lpel"), (tiny.TARGET_SIZE,) * 2),
    "occlusion": (BatchSettings("occlusion", seed=SEED), find_method("occlusion"), (8, 8)),
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Six pictures. Not to be changed."""
    return write_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def pairs(pictures):
    """All pairs of them."""
    return write_csv(pictures[0].with_name("pairs.csv"), pair_up(pictures, 36))


@pytest.fixture(scope="module")
def mixed(pictures):
    """Two pairs that can be explained, and two that cannot."""
    good, other = (path.name for path in pictures[:2])
    rows = {"reference": [good, "nobody.png", other, good], "test": [other, good, good, ""]}
    return write_csv(pictures[0].with_name("mixed.csv"), rows)


@pytest.fixture(scope="module")
def hopeless(pictures):
    """Pairs of which none can be explained."""
    good = pictures[0].name
    rows = {"reference": ["nobody.png", good], "test": [good, "nobody.png"]}
    return write_csv(pictures[0].with_name("hopeless.csv"), rows)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A bundle to which some of the pictures are similar and some are not."""
    folder = tmp_path_factory.mktemp("bundle")
    return tiny.write_bundle(folder, responds=True, threshold=ThresholdRecord(THRESHOLD, {}))


def do(rows, out, bundle, settings=None, workers=2, **more):
    return run_here(make_job(bundle, rows, out, settings=settings, **more), workers)


def few_rows_in_a_shard(monkeypatch):
    monkeypatch.setattr(batch_settings, "MANY_ROWS", 5)
    monkeypatch.setattr(batch_settings, "FEW_ROWS", 7)


@pytest.mark.parametrize("name", METHODS)
def test_rows_are_what_the_explainer_says_of_the_same_pairs(
    name, pictures, pairs, tmp_path, monkeypatch, bundle
):
    few_rows_in_a_shard(monkeypatch)
    settings, method, _ = METHODS[name]
    do(pairs, tmp_path / "out", bundle, settings, workers=2)
    both = [(one, other) for one in pictures for other in pictures]
    explainer = Explainer.load(bundle)
    expected = explainer.explain_pairs(both, method=method, seed=settings.seed)
    rows = rows_of(tmp_path / "out")
    named = [(row["reference"], row["test"]) for row in rows]
    assert named == [(one.name, other.name) for one, other in both]
    assert {row["similar"] for row in rows} == {True, False}
    for row, pair in zip(rows, expected, strict=True):
        assert (row["status"], row["code"], row["message"]) == ("ok", None, None)
        assert row["similarity"] == pair.similarity
        assert row["similar"] == pair.similar
        assert row["margin"] == np.float32(pair.similarity - pair.threshold)
        np.testing.assert_array_equal(row["test_map"], pair.forward.heat_map)
        np.testing.assert_array_equal(row["reference_map"], pair.swapped.heat_map)


@pytest.mark.parametrize("name", METHODS)
def test_shards_are_the_same_bytes_with_any_workers_and_any_batches(
    name, pairs, tmp_path, monkeypatch, bundle
):
    few_rows_in_a_shard(monkeypatch)
    found = []
    for workers, batch_size in ((1, 8), (3, 1), (2, 5)):
        out = tmp_path / f"{workers} {batch_size}"
        done = do(pairs, out, bundle, METHODS[name][0], workers=workers, batch_size=batch_size)
        assert done.shards > 4
        found.append(shards_of(out))
    assert found[0] == found[1] == found[2]


def test_the_seed_is_that_of_the_method(pairs, tmp_path, bundle):
    for seed in (0, 1):
        do(pairs, tmp_path / str(seed), bundle, BatchSettings("random", seed=seed))
    first, second = (rows_of(tmp_path / str(seed)) for seed in (0, 1))
    assert (first[0]["test_map"] != second[0]["test_map"]).any()
    np.testing.assert_array_equal(first[0]["test_map"], first[-1]["test_map"])


def test_the_method_is_the_bundles_best(pairs, tmp_path, tiny_bundle, bundle):
    for best, method in ((tiny_bundle, "lpel"), (bundle, "responses")):
        do(pairs, tmp_path / method, best)
        do(pairs, tmp_path / f"{method} by name", best, BatchSettings(method))
        assert {row["method"] for row in rows_of(tmp_path / method)} == {method}
        assert shards_of(tmp_path / method) == shards_of(tmp_path / f"{method} by name")


@pytest.mark.parametrize("name", METHODS)
def test_regions_are_shares_of_the_maps(name, pairs, tmp_path, bundle):
    do(pairs, tmp_path / "out", bundle, METHODS[name][0])
    for row in rows_of(tmp_path / "out"):
        for role in ROLES:
            shares = region_shares(row[f"{role}_map"])
            assert row[f"{role}_regions_for"] == [np.float32(one.for_) for one in shares]
            assert row[f"{role}_regions_against"] == [np.float32(one.against) for one in shares]


def test_a_confidence_is_there_if_the_bundle_is_calibrated(pairs, mixed, tmp_path, tiny_bundle):
    record = confidence()
    calibrated = tiny.write_bundle(tmp_path / "calibrated", confidence=record)
    do(pairs, tmp_path / "with", calibrated)
    do(pairs, tmp_path / "without", tiny_bundle)
    do(mixed, tmp_path / "mixed", calibrated)
    for row in rows_of(tmp_path / "with"):
        expected = record.calibration.confidence(row["similarity"])
        assert row["confidence"] == np.float32(expected)
    assert {row["confidence"] for row in rows_of(tmp_path / "without")} == {None}
    known = [row["confidence"] is not None for row in rows_of(tmp_path / "mixed")]
    assert known == [True, False, True, False]


@pytest.mark.parametrize("name", ["responses", "lpel"])
def test_a_picture_of_another_kind_has_no_confidence_and_no_regions(name, tmp_path):
    bundle = tiny.write_bundle(
        tmp_path / "bundle",
        responds=True,
        confidence=confidence(),
        plausibility=plausibility(),
    )
    folder = tmp_path / "pictures"
    folder.mkdir()
    for file, picture in (("a.png", pixels(900)), ("b.png", pixels(901)), ("odd.png", odd())):
        Image.fromarray(picture).save(folder / file)
    columns = {"reference": ["a.png", "odd.png", "a.png", "odd.png"]}
    columns["test"] = ["b.png", "b.png", "odd.png", "odd.png"]
    rows = write_csv(folder / "pairs.csv", columns)
    do(rows, tmp_path / "out", bundle, METHODS[name][0])
    found = rows_of(tmp_path / "out")
    seen = [(row["reference_plausible"], row["test_plausible"]) for row in found]
    assert seen == [(True, True), (False, True), (True, False), (False, False)]
    regions = [f"{role}_regions_{side}" for role in ROLES for side in ("for", "against")]
    for row, plausible in zip(found, [True, False, False, False], strict=True):
        assert row["status"] == "ok"
        assert row["similarity"] is not None
        assert row["test_map"] is not None
        assert all((row[key] is not None) is plausible for key in ("confidence", *regions))


def test_rows_say_where_they_come_from(pictures, mixed, tmp_path, tiny_bundle):
    do(mixed, tmp_path / "out", tiny_bundle, BatchSettings("lpel"))
    manifest = hashlib.sha256((tiny_bundle / "manifest.json").read_bytes()).hexdigest()
    rows = rows_of(tmp_path / "out")
    for row in rows:
        assert row["engine_version"] == version("lpel-tf")
        assert row["model_sha256"] == manifest
        assert len(row["config_sha256"]) == 64
        for role in ROLES:
            path = pictures[0].with_name(row[role]) if row[role] else None
            is_there = path is not None and path.is_file()
            expected = hashlib.sha256(path.read_bytes()).digest() if is_there else None
            assert row[f"{role}_sha256"] == expected
    assert [row["pair_id"] for row in rows] == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    "changes",
    [{"settings": BatchSettings("lpel", seed=1)}, {"settings": None}, {"crop": "0.5"}],
    ids=["settings", "method", "crop"],
)
def test_another_configuration_is_told_by_its_digest(changes, mixed, tmp_path, responding_bundle):
    job = make_job(responding_bundle, mixed, tmp_path / "out", settings=BatchSettings("lpel"))
    other = make_job(
        responding_bundle,
        mixed,
        tmp_path / "other",
        **({"settings": BatchSettings("lpel")} | changes),
    )
    digests = []
    for one in (job, other):
        run_here(one)
        digests.append({row["config_sha256"] for row in rows_of(one.out)})
    assert all(len(one) == 1 for one in digests)
    assert digests[0] != digests[1]


@pytest.mark.parametrize("curves", [False, True])
@pytest.mark.parametrize("name", METHODS)
def test_what_was_not_found_out_is_null_and_nothing_else(name, curves, mixed, tmp_path, bundle):
    settings = replace(METHODS[name][0], curves=curves, draws=2, every=8)
    do(mixed, tmp_path / "out", bundle, settings)
    first, second, third, fourth = (
        {key for key, value in row.items() if value is None} for row in rows_of(tmp_path / "out")
    )
    unknown = ["confidence", "reference_plausible", "test_plausible"]
    of_ok = {"code", "message", *unknown, *FACES, *(["curve_note"] if curves else [])}
    of_error = {*FOUND, *FACES, *(CURVES if curves else [])}
    assert first == third == of_ok
    assert second == of_error | {"reference_sha256"}
    assert fourth - {"test"} == of_error | {"test_sha256"}


def expected_schema(shape, *, curves=False, search=False):
    text, named, real = pa.string(), pa.dictionary(pa.int32(), pa.string()), pa.float32()
    heat_map = pa.fixed_shape_tensor(real, shape)
    shares, curve = pa.list_(real, 7), pa.list_(pa.float64())
    of_role = [("map", heat_map), ("regions_for", shares), ("regions_against", shares)]
    return [
        ("pair_id", text),
        *([("rank", pa.int32())] if search else []),
        ("reference", text),
        ("test", text),
        ("status", named),
        ("code", named),
        ("message", text),
        ("similarity", real),
        ("margin", real),
        ("similar", pa.bool_()),
        ("confidence", real),
        ("reference_plausible", pa.bool_()),
        ("test_plausible", pa.bool_()),
        *[(f"{role}_{name}", kind) for role in ROLES for name, kind in of_role],
        *(
            [
                (
                    name,
                    text
                    if name == "curve_note"
                    else pa.float64()
                    if name == "curve_area"
                    else curve,
                )
                for name in CURVES
            ]
            if curves
            else []
        ),
        ("reference_sha256", pa.binary(32)),
        ("test_sha256", pa.binary(32)),
        *[
            (f"{role}_{name}", kind)
            for role in ROLES
            for name, kind in (
                ("faces", pa.int32()),
                ("face", pa.int32()),
                ("box", pa.list_(pa.int32(), 4)),
            )
        ],
        ("method", named),
        ("model_sha256", named),
        ("config_sha256", named),
        ("engine_version", named),
    ]


@pytest.mark.parametrize("curves", [False, True])
@pytest.mark.parametrize("which", ["pairs", "mixed", "hopeless"])
@pytest.mark.parametrize("name", ["responses", "lpel", "occlusion"])
def test_the_schema_is_the_same_whatever_the_rows(name, which, curves, tmp_path, bundle, request):
    settings, _, shape = METHODS[name]
    settings = replace(settings, curves=curves, draws=1, every=16)
    rows = request.getfixturevalue(which)
    do(rows, tmp_path / "out", bundle, settings)
    (file,) = (tmp_path / "out").glob("*.parquet")
    schema = pq.read_schema(file)
    assert [(one.name, one.type) for one in schema] == expected_schema(shape, curves=curves)
    assert all(one.nullable for one in schema)
    about = json.loads(schema.metadata[b"lpel"])
    job = json.loads(Places(tmp_path / "out").job.read_text())
    assert about == {
        "format": FORMAT,
        "regions": list(REGIONS),
        "threshold": THRESHOLD,
        "settings": job["the settings"],
        "job": identity_of(job),
    }
    assert about["settings"]["method"] == settings.method


def test_the_ranks_of_a_search_are_a_column_more(pictures, tmp_path, tiny_bundle):
    folder = pictures[0].parent
    do(folder, tmp_path / "out", tiny_bundle, gallery=folder)
    (file,) = (tmp_path / "out").glob("*.parquet")
    found = [(one.name, one.type) for one in pq.read_schema(file)]
    assert found == expected_schema((tiny.TARGET_SIZE,) * 2, search=True)


@pytest.mark.parametrize("name", METHODS)
def test_a_job_of_errors_alone_comes_to_its_end(name, hopeless, tmp_path, bundle):
    calibrated = tiny.write_bundle(tmp_path / "bundle", responds=True, confidence=confidence())
    for place, one in enumerate((bundle, calibrated)):
        out = tmp_path / str(place)
        done = do(hopeless, out, one, METHODS[name][0])
        assert (done.rows, done.errors) == (2, 2)
        found = [(row["status"], row["similarity"], row["test_map"]) for row in rows_of(out)]
        assert found == [("error", None, None)] * 2


def test_embeddings_that_the_rows_bring_are_explained_as_they_are(tmp_path, tiny_bundle):
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(2, 12, tiny.DIMENSION)).astype(np.float32)
    columns = {role: list(values) for role, values in zip(ROLES, embeddings, strict=True)}
    given = write_parquet(tmp_path / "given.parquet", columns)
    done = do(given, tmp_path / "out", tiny_bundle)
    assert (done.rows, done.errors, done.images, done.embedded) == (12, 0, 0, 0)
    explainer = Explainer.load(tiny_bundle)
    for i, row in enumerate(rows_of(tmp_path / "out")):
        assert (row["pair_id"], row["reference"], row["test_sha256"]) == (str(i), None, None)
        crops = pixels(0), pixels(0)  # not looked at
        of = crops, embeddings[:, i], decide(COSINE, *embeddings[:, i], tiny.THRESHOLD)
        expected = explain_by(find_method("lpel"), explainer, *of)
        assert row["similarity"] == expected.similarity
        np.testing.assert_array_equal(row["test_map"], expected.forward.heat_map)
        np.testing.assert_array_equal(row["reference_map"], expected.swapped.heat_map)
