"""One to many: each probe with the most similar of a gallery, explained as pairs are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpel_serving import Explainer
from lpel_serving.batch import settings as batch_settings
from lpel_serving.batch.settings import BatchSettings
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.methods.catalogue.registry import find_method
from lpel_serving.methods.decoded.responses import Responses
from lpel_serving.support.errors import PairsError, ParameterError
from lpel_serving.verification import search
from oracles import oracle_search as oracle
from support import tiny
from support.batch import make_job, read_results, run_here, write_csv, write_parquet, write_pictures
from support.batch_rows import rows_of, shards_of

METHODS = {
    "responses": Responses(1),
    "lpel": find_method("lpel"),
    "occlusion": find_method("occlusion"),
}


@pytest.fixture
def gallery(tmp_path):
    """A folder of ten pictures."""
    return write_pictures(tmp_path / "gallery", 10, first=20)


def probes_of(tmp_path, names):
    return write_csv(tmp_path / "probes.csv", {"image": names})


def search_for(probes, gallery, out, bundle, *, method=None, top=3, workers=2, **more):
    asked = BatchSettings(method, top=top, **more)
    return run_here(make_job(bundle, probes, out, gallery=gallery, settings=asked), workers)


@pytest.mark.parametrize("name", METHODS)
def test_the_most_similar_are_explained_as_the_explainer_explains_them(
    name, pictures, gallery, tmp_path, responding_bundle
):
    probes = probes_of(tmp_path, [path.name for path in pictures])
    done = search_for(
        probes, gallery[0].parent, tmp_path / "out", responding_bundle, method=name, top=4
    )
    assert (done.rows, done.errors, done.images, done.embedded) == (24, 0, 16, 16)
    explainer = Explainer.load(responding_bundle)
    rows = iter(rows_of(tmp_path / "out"))
    for probe in pictures:
        both = [(member, probe) for member in gallery]
        explained = explainer.explain_pairs(both, method=METHODS[name])
        best = oracle.ranked([pair.similarity for pair in explained], 4)
        for rank, place in enumerate(best, 1):
            row, pair = next(rows), explained[place]
            assert (row["pair_id"], row["test"]) == (str(pictures.index(probe)), probe.name)
            assert (row["reference"], row["rank"]) == (gallery[place].name, rank)
            assert (row["similarity"], row["similar"]) == (pair.similarity, pair.similar)
            np.testing.assert_array_equal(row["test_map"], pair.forward.heat_map)
            np.testing.assert_array_equal(row["reference_map"], pair.swapped.heat_map)
    assert next(rows, None) is None


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    members=st.integers(1, 25),
    kinds=st.integers(1, 25),
    probes=st.integers(1, 8),
    top=st.integers(1, 30),
    block=st.integers(1, 30),
)
def test_a_search_ranks_as_the_oracle(
    seed, members, kinds, probes, top, block, tmp_path_factory, responding_bundle
):
    folder = tmp_path_factory.mktemp("search")
    rng = np.random.default_rng(seed)
    different = rng.normal(size=(kinds, tiny.DIMENSION)).astype(np.float32)
    of_gallery = different[rng.integers(0, kinds, members)]
    of_probes = rng.normal(size=(probes, tiny.DIMENSION)).astype(np.float32)
    listed = write_parquet(folder / "gallery.parquet", {"image": list(of_gallery)})
    asked = write_parquet(folder / "probes.parquet", {"image": list(of_probes)})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(search, "_BLOCK", block)
        patched.setattr(batch_settings, "MANY_ROWS", 40)
        search_for(asked, listed, folder / "out", responding_bundle, top=top)
    expected = [
        (str(i), str(place), rank, similarities[place])
        for i, probe in enumerate(of_probes)
        for similarities in [[float(cosine_similarity(probe, one)) for one in of_gallery]]
        for rank, place in enumerate(oracle.ranked(similarities, top), 1)
    ]
    found = [
        (row["pair_id"], row["reference"], row["rank"], row["similarity"])
        for row in read_results(folder / "out")
    ]
    assert found == expected


@pytest.mark.parametrize("method", ["lpel", "occlusion"])
def test_shards_are_the_same_bytes_with_any_workers_and_any_blocks(
    method, pictures, gallery, tmp_path, tiny_bundle, monkeypatch
):
    monkeypatch.setattr(batch_settings, "MANY_ROWS", 6)
    monkeypatch.setattr(batch_settings, "FEW_ROWS", 6)
    probes = probes_of(tmp_path, [path.name for path in pictures])
    for workers, block in ((1, 16_384), (3, 2)):
        monkeypatch.setattr(search, "_BLOCK", block)
        out = tmp_path / str(workers)
        search_for(probes, gallery[0].parent, out, tiny_bundle, method=method, workers=workers)
    assert len(shards_of(tmp_path / "1")) == 3
    assert shards_of(tmp_path / "1") == shards_of(tmp_path / "3")


@pytest.mark.parametrize("top", [10, 11, 1000])
def test_a_gallery_smaller_than_what_is_asked_for_is_ranked_whole(
    top, pictures, gallery, tmp_path, tiny_bundle
):
    probes = probes_of(tmp_path, ["face_00.png", "face_01.png"])
    done = search_for(probes, gallery[0].parent, tmp_path / "out", tiny_bundle, top=top)
    assert done.rows == 20
    rows = read_results(tmp_path / "out")
    assert [row["rank"] for row in rows] == [*range(1, 11)] * 2
    names = {path.name for path in gallery}
    assert {row["reference"] for row in rows[:10]} == names


def test_images_that_a_gallery_lists_twice_are_found_twice_and_embedded_once(
    pictures, tmp_path, tiny_bundle
):
    names = ["face_02.png", "face_01.png", "face_02.png", "face_01.png"]
    rows = {"image": names, "image_id": ["c", "b", "a", "d"]}
    listed = write_csv(tmp_path / "gallery.csv", rows)
    probes = probes_of(tmp_path, ["face_03.png"])
    done = search_for(probes, listed, tmp_path / "out", tiny_bundle, top=10)
    assert (done.rows, done.images, done.embedded, done.in_gallery) == (4, 3, 3, 0)
    found = [row["reference"] for row in read_results(tmp_path / "out")]
    assert found in (["b", "d", "c", "a"], ["c", "a", "b", "d"])


@pytest.mark.parametrize("method", ["lpel", "occlusion"])
def test_bad_images_of_a_gallery_are_left_out(method, pictures, gallery, tmp_path, tiny_bundle):
    gallery[3].write_bytes(b"text")
    gallery[4].write_bytes(gallery[4].read_bytes()[:100])
    names = [f"gallery/{path.name}" for path in gallery]
    names[6] = "gallery/nobody.png"
    listed = write_csv(tmp_path / "gallery.csv", {"image": names})
    probes = probes_of(tmp_path, ["face_00.png", "face_01.png"])
    done = search_for(probes, listed, tmp_path / "out", tiny_bundle, method=method, top=10)
    assert (done.rows, done.errors, done.left_out) == (14, 0, 3)
    rows = read_results(tmp_path / "out")
    assert [row["rank"] for row in rows] == [*range(1, 8)] * 2
    assert {row["reference"] for row in rows} == {str(i) for i in (0, 1, 2, 5, 7, 8, 9)}


@pytest.mark.parametrize("first", [b"text", None])
def test_a_gallery_of_bad_images_alone_is_an_error(first, pictures, tmp_path, tiny_bundle):
    if first is not None:
        (tmp_path / "bad.png").write_bytes(first)
    listed = write_csv(tmp_path / "gallery.csv", {"image": ["bad.png", "nobody.png"]})
    probes = probes_of(tmp_path, ["face_00.png"])
    with pytest.raises(PairsError, match="none of the gallery's images can be used"):
        search_for(probes, listed, tmp_path / "out", tiny_bundle)


@pytest.mark.parametrize("method", ["lpel", "occlusion"])
def test_a_bad_probe_is_one_row_of_rank_0(method, pictures, gallery, tmp_path, tiny_bundle):
    (tmp_path / "text.png").write_bytes(b"text")
    probes = probes_of(tmp_path, ["nobody.png", "face_00.png", "text.png", "face_01.png", ""])
    done = search_for(
        probes, gallery[0].parent, tmp_path / "out", tiny_bundle, method=method, top=2
    )
    assert (done.rows, done.errors) == (7, 3)
    rows = rows_of(tmp_path / "out")
    found = [(row["pair_id"], row["rank"], row["status"], row["code"]) for row in rows]
    assert found == [
        ("0", 0, "error", "image"),
        ("1", 1, "ok", None),
        ("1", 2, "ok", None),
        ("2", 0, "error", "image"),
        ("3", 1, "ok", None),
        ("3", 2, "ok", None),
        ("4", 0, "error", "image"),
    ]
    assert [rows[i]["test"] for i in (0, 3)] == ["nobody.png", "text.png"]
    nothing = {"reference", "reference_sha256", "similarity", "similar", "test_map"}
    for row in (rows[0], rows[3], rows[6]):
        assert {row[name] for name in nothing} == {None}
    assert "nobody.png cannot be read" in rows[0]["message"]
    assert "is not an image" in rows[3]["message"]
    assert rows[3]["test_sha256"] is not None


def test_probes_that_are_all_bad_are_rows_and_no_error(gallery, tmp_path, responding_bundle):
    probes = probes_of(tmp_path, ["nobody.png", "none.png"])
    done = search_for(probes, gallery[0].parent, tmp_path / "out", responding_bundle)
    assert (done.rows, done.errors) == (2, 2)
    assert [row["rank"] for row in read_results(tmp_path / "out")] == [0, 0]


@pytest.mark.parametrize("top", [1, 3, 9, 50])
def test_a_folder_searched_in_itself_finds_the_others(top, gallery, tmp_path, responding_bundle):
    folder = gallery[0].parent
    done = search_for(folder, folder, tmp_path / "out", responding_bundle, top=top)
    others = min(top, 9)
    assert (done.rows, done.errors, done.images, done.embedded) == (10 * others, 0, 10, 10)
    assert done.in_gallery == 10
    explainer = Explainer.load(responding_bundle)
    rows = iter(read_results(tmp_path / "out"))
    for probe in gallery:
        members = [path for path in gallery if path != probe]
        pairs = explainer.explain_pairs([(member, probe) for member in members])
        best = oracle.ranked([pair.similarity for pair in pairs], top)
        for rank, place in enumerate(best, 1):
            row = next(rows)
            assert (row["test"], row["reference"]) == (probe.name, members[place].name)
            assert (row["rank"], row["similarity"]) == (rank, pairs[place].similarity)
    assert next(rows, None) is None


def test_a_photograph_under_another_name_is_itself(gallery, tmp_path, tiny_bundle):
    folder = gallery[0].parent
    (folder / "copy.png").write_bytes(gallery[0].read_bytes())
    probe = tmp_path / "probe.png"
    probe.write_bytes(gallery[0].read_bytes())
    probes = probes_of(tmp_path, ["probe.png", "gallery/face_21.png", "gallery/copy.png"])
    done = search_for(probes, folder, tmp_path / "out", tiny_bundle, top=20)
    found = {"0": set(), "1": set(), "2": set()}
    for row in read_results(tmp_path / "out"):
        found[row["pair_id"]].add(row["reference"])
    names = {path.name for path in gallery}
    assert found["0"] == found["2"] == names - {"face_20.png"}
    assert found["1"] == (names | {"copy.png"}) - {"face_21.png"}
    assert done.in_gallery == 3


def test_a_probe_that_is_alone_in_its_gallery_is_one_row_of_rank_0(pictures, tmp_path, tiny_bundle):
    listed = write_csv(tmp_path / "gallery.csv", {"image": ["face_00.png", "nobody.png"]})
    probes = probes_of(tmp_path, ["face_00.png", "face_01.png"])
    done = search_for(probes, listed, tmp_path / "out", tiny_bundle)
    assert (done.rows, done.errors, done.in_gallery, done.left_out) == (2, 1, 1, 1)
    alone, other = rows_of(tmp_path / "out")
    assert (alone["rank"], alone["status"], alone["code"]) == (0, "error", "alone")
    assert alone["message"] == "the gallery holds no other image that can be used."
    assert alone["reference"] is alone["similarity"] is alone["test_map"] is None
    assert (other["rank"], other["status"], other["reference"]) == (1, "ok", "0")


@pytest.mark.parametrize("block", [3, 16_384])
def test_embeddings_searched_in_themselves_find_the_others(
    block, tmp_path, tiny_bundle, monkeypatch
):
    monkeypatch.setattr(search, "_BLOCK", block)
    embeddings = np.random.default_rng(0).normal(size=(8, tiny.DIMENSION)).astype(np.float32)
    embeddings[7] = embeddings[2]
    listed = write_parquet(tmp_path / "list.parquet", {"image": list(embeddings)})
    done = search_for(listed, listed, tmp_path / "out", tiny_bundle, top=10)
    assert (done.errors, done.in_gallery) == (0, 8)
    for probe in range(8):
        itself = {2, 7} if probe in (2, 7) else {probe}
        found = [
            int(row["reference"])
            for row in read_results(tmp_path / "out")
            if row["pair_id"] == str(probe)
        ]
        others = [i for i in range(8) if i not in itself]
        similarities = [float(cosine_similarity(embeddings[probe], embeddings[i])) for i in others]
        assert found == [others[place] for place in oracle.ranked(similarities, 10)]


def test_shards_count_the_probes_that_are_in_the_gallery(
    gallery, tmp_path, tiny_bundle, monkeypatch
):
    monkeypatch.setattr(batch_settings, "MANY_ROWS", 6)
    monkeypatch.setattr(batch_settings, "FEW_ROWS", 6)
    folder = gallery[0].parent
    done = search_for(folder, folder, tmp_path / "out", tiny_bundle, top=2)
    assert (done.shards, done.rows, done.in_gallery) == (4, 20, 10)


def test_a_found_pair_has_its_curves(pictures, gallery, tmp_path, tiny_bundle):
    probes = probes_of(tmp_path, ["face_00.png", "nobody.png"])
    more = {"top": 2, "curves": True, "draws": 1, "every": 16}
    search_for(probes, gallery[0].parent, tmp_path / "out", tiny_bundle, **more)
    found = [row["curve_own"] is not None for row in read_results(tmp_path / "out")]
    assert found == [True, True, False]


def test_a_search_for_nobody_is_refused():
    with pytest.raises(ParameterError, match="finds at least 1 and at most"):
        BatchSettings(top=0)
