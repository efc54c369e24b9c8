"""What a surrogate is trained on: measured once, kept, the same in any company and order."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as pillow

from lpel_serving.bundle.manifest import EmbedderRecord
from lpel_serving.engine.embedder import Embedder
from lpel_serving.equations.fill import Fill
from lpel_serving.images.crops import CentreCrop
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.support.errors import EmbeddingError, NoFaceError, ParameterError
from lpel_serving.support.image_shape import square
from lpel_tf.support.errors import CacheError
from lpel_tf.surrogates.donors import choose_donors
from lpel_tf.surrogates.measuring import Round, at_random, measure_round
from lpel_tf.surrogates.photographs import see_photographs
from lpel_tf.surrogates.precision import embedder_in
from lpel_tf.surrogates.table_settings import SurrogateTableSettings
from support import tiny, tiny_layers, tiny_surrogate
from support.counting import counting
from support.images import write_people

SETTINGS = SurrogateTableSettings(side=4, coalitions=16)
F, M = 4, 4


@pytest.fixture(scope="module")
def model():
    return tiny_surrogate.embedder_model().SerializeToString()


@pytest.fixture
def embedder(model):
    return Embedder(model, tiny_record(), CentreCrop())


def tiny_record():
    return EmbedderRecord("tiny", square(tiny.IMAGE_SIZE), tiny.DIMENSION, "unit")


@pytest.fixture
def people(tmp_path):
    return list_faces(write_people(tmp_path / "people", people=5, each=4))


@pytest.fixture
def stores(tmp_path):
    return tmp_path / "local.sqlite", tmp_path / "table.sqlite"


def measured(embedder, faces, stores, settings=SETTINGS, masking=None):
    seen = see_photographs(embedder, faces, stores[0])
    who = [face.identity for face in seen.faces]
    donors = choose_donors(seen.digests, who, ["train"] * len(who), settings.seed)
    return measure_round(
        masking or embedder, seen, Round(donors, at_random(settings)), settings, stores[1]
    )


def crop_of(face):
    return np.asarray(pillow.open(face.path).convert("RGB"))


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def by_face(table, faces):
    return {
        face.path: (
            table.coalitions[i].tobytes(),
            table.masked[i].tobytes(),
            table.local[i].tobytes(),
            table.identities[table.donors[i]],
        )
        for i, face in enumerate(faces)
    }


def test_a_row_holds_the_embeddings_of_masked_images(embedder, people, stores):
    settings = replace(SETTINGS, fills=(Fill("black"), Fill("mean"), Fill("blur")))
    table = measured(embedder, people, stores, settings)
    assert settings.names == ("black", "mean", "blur", "transplant")
    assert (table.masked.shape, table.masked.dtype) == ((20, F, M, tiny.DIMENSION), np.float16)
    assert (table.local.shape, table.local.dtype) == ((20, 16, 3), np.float16)
    assert (table.coalitions.shape, table.coalitions.dtype) == ((20, F, M, 16), np.bool_)
    for i, face in enumerate(people):
        crop = crop_of(face)
        whole = unit(tiny.embed(crop[np.newaxis])[0])
        np.testing.assert_allclose(table.embeddings[i], whole, atol=1e-5)
        np.testing.assert_allclose(
            table.local[i], tiny_surrogate.features(crop[np.newaxis]).local[0], atol=1e-3
        )
        news = [fill(crop, np.random.default_rng(0)) for fill in settings.fills]
        news.append(crop_of(people[table.donors[i]]))
        for fill, new in enumerate(news):
            for members, h in zip(table.coalitions[i, fill], table.masked[i, fill], strict=True):
                hidden = crop.copy()
                for p in np.flatnonzero(members):
                    top, left = 4 * (p // 4), 4 * (p % 4)
                    hidden[top : top + 4, left : left + 4] = new[top : top + 4, left : left + 4]
                np.testing.assert_allclose(h, unit(tiny.embed(hidden[np.newaxis])[0]), atol=2e-3)


def test_coalitions_are_pairs_of_complements_and_each_photographs_own(embedder, people, stores):
    table = measured(embedder, people, stores)
    np.testing.assert_array_equal(table.coalitions[:, :, ::2], ~table.coalitions[:, :, 1::2])
    assert len({one.tobytes() for one in table.coalitions}) == 20
    assert len({one.tobytes() for one in table.coalitions[0]}) == F
    assert all(
        table.identities[donor] != table.identities[i] for i, donor in enumerate(table.donors)
    )


def test_noise_is_drawn_anew_for_every_coalition(embedder, people, stores):
    """So that a whole pair of complements, with the same noise, would add up to less."""
    settings = SurrogateTableSettings(side=2, coalitions=400, fills=(Fill("normal"),))
    table = measured(embedder, people[:2], stores, settings)
    (coalitions, masked) = table.coalitions[0, 0], table.masked[0, 0]
    first = coalitions[0]
    same = (coalitions == first).all(axis=1)
    assert same.sum() > 2
    assert np.ptp(masked[same].astype(np.float32), axis=0).max() > 0.01


COMPANY = {
    "backwards": lambda people: people[::-1],
    "shuffled": lambda people: [people[i] for i in np.random.default_rng(4).permutation(20)],
}


@pytest.mark.parametrize("choose", COMPANY.values(), ids=COMPANY)
def test_a_table_does_not_depend_on_the_order(choose, embedder, people, stores, tmp_path):
    expected = by_face(measured(embedder, people, stores), people)
    faces = choose(people)
    other = (tmp_path / "l.sqlite", tmp_path / "t.sqlite")
    assert by_face(measured(embedder, faces, other), faces) == expected


def test_fewer_photographs_have_the_same_rows_but_for_those_who_lose_their_donor(
    embedder, people, stores, tmp_path
):
    everyone = by_face(measured(embedder, people, stores), people)
    few = by_face(measured(embedder, people[:16], stores), people[:16])
    apart = (tmp_path / "l.sqlite", tmp_path / "t.sqlite")
    assert by_face(measured(embedder, people[:16], apart), people[:16]) == few, "the store's past"
    kept = [few[face.path] == everyone[face.path] for face in people[:16]]
    assert sum(kept) >= 8


def test_nothing_is_measured_twice_and_new_photographs_cost_little(model, people, stores):
    embedder, seen = counting(Embedder(model, tiny_record(), CentreCrop()))
    first = by_face(measured(embedder, people[:16], stores), people[:16])
    assert len(seen) == 16 * SETTINGS.coalitions
    assert by_face(measured(embedder, people[:16], stores), people[:16]) == first
    assert len(seen) == 16 * SETTINGS.coalitions
    measured(embedder, people, stores)
    assert len(seen) < 28 * SETTINGS.coalitions, "4 new ones, and those whose donor they became"


def test_an_interruption_loses_at_most_a_block(model, people, stores, embedder, tmp_path):
    expected = by_face(
        measured(embedder, people, (tmp_path / "l.sqlite", tmp_path / "t.sqlite")), people
    )
    counted, seen = counting(Embedder(model, tiny_record(), CentreCrop()))
    embed = counted.embed

    def interrupted(crops, *rest):
        if len(seen) >= 18 * SETTINGS.coalitions:
            raise KeyboardInterrupt
        return embed(crops, *rest)

    counted.embed = interrupted
    with pytest.raises(KeyboardInterrupt):
        measured(counted, people, stores)
    before = len(seen)
    counted.embed = embed
    assert by_face(measured(counted, people, stores), people) == expected
    assert len(seen) - before == 4 * SETTINGS.coalitions


def test_a_part_of_a_table_keeps_its_donors(embedder, people, stores):
    seen = see_photographs(embedder, people, stores[0])
    who = [face.identity for face in seen.faces]
    sides = ["train" if one != "Person_04" and one != "Person_03" else "test" for one in who]
    donors = choose_donors(seen.digests, who, sides, 0)
    table = measure_round(embedder, seen, Round(donors, at_random(SETTINGS)), SETTINGS, stores[1])
    chosen = np.array(sides) == "test"
    part = table.select(chosen)
    assert part.identities == tuple(np.array(who)[chosen])
    np.testing.assert_array_equal(
        part.local[part.donors], table.local[table.donors[np.flatnonzero(chosen)]]
    )
    alone = np.arange(20) == np.flatnonzero(chosen)[0]
    with pytest.raises(ParameterError, match="every photograph's donor"):
        table.select(alone)


@pytest.mark.hostile
def test_a_damaged_store_is_named(embedder, people, stores):
    for store in stores:
        measured(embedder, people[:3], stores)
        store.write_bytes(b"no database at all" * 100)
        with pytest.raises(CacheError, match=store.name):
            measured(embedder, people[:3], stores)
        store.unlink()


@pytest.mark.hostile
def test_a_shortened_row_is_named(embedder, people, stores):
    measured(embedder, people[:3], stores)
    with closing(sqlite3.connect(stores[1])) as database, database:
        database.execute("UPDATE coalitions SET masked = substr(masked, 1, 10)")
    with pytest.raises(CacheError, match=stores[1].name):
        measured(embedder, people[:3], stores)


@pytest.mark.hostile
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_embedder_that_is_broken_is_reported(value, embedder, people, stores):
    embed = embedder.embed
    embedder.embed = lambda crops, *rest: np.full_like(embed(crops, *rest), value)
    with pytest.raises(EmbeddingError, match="NaN or infinity"):
        measured(embedder, people[:3], stores)


def test_photographs_without_a_face_are_left_out(model, people, stores):
    hidden = crop_of(people[3]).tobytes()

    def crop(pixels, size):
        if pixels.tobytes() == hidden:
            raise NoFaceError("no face was found.")
        return CentreCrop()(pixels, size)

    table = measured(Embedder(model, tiny_record(), crop), people, stores)
    assert len(table) == 19
    assert table.identities == tuple(f.identity for i, f in enumerate(people) if i != 3)


def test_an_embedder_without_local_features_is_refused(people, stores):
    plain = Embedder(tiny.embedder_model().SerializeToString(), tiny_record(), CentreCrop())
    with pytest.raises(ParameterError, match="gives no local features"):
        see_photographs(plain, people, stores[0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"side": 1},
        {"coalitions": 12},
        {"coalitions": -8},
        {"fills": ()},
        {"seed": -1},
        {"coalitions": 24, "fills": (Fill("normal"), Fill("normal", 0.1))},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ParameterError):
        SurrogateTableSettings(**wrong)


def test_the_table_keeps_the_network_in_fewer_bits_that_measured_it(people, stores):
    model, record = tiny_layers.embedder_model().SerializeToString(), tiny_record()
    asked = []

    def crops():
        asked.append(1)
        return np.stack([crop_of(face) for face in people[:5]])

    def open_in(precision):
        return embedder_in(precision, model, record, CentreCrop(), crops, stores[1])

    batch = np.stack([crop_of(face) for face in people[:4]])
    exact, once, again = open_in("float32"), open_in("int8"), open_in("int8")
    assert asked == [1], "the second time it is there"
    np.testing.assert_array_equal(once.embed(batch), again.embed(batch))
    apart = np.abs(unit(once.embed(batch)) - unit(exact.embed(batch))).max()
    assert 0 < apart < 0.2
    with pytest.raises(ParameterError, match="no precision is called"):
        open_in("int4")


@pytest.mark.parametrize(
    ("fills", "coalitions"), [((Fill("white"), Fill("mean")), 24), ((Fill("mean"),), 16)]
)
def test_where_nothing_is_said_every_fill_has_as_many_coalitions(fills, coalitions):
    assert SurrogateTableSettings(fills=fills).coalitions == coalitions
    assert SurrogateTableSettings().coalitions == 32
    assert SurrogateTableSettings().key == SurrogateTableSettings(coalitions=32).key
