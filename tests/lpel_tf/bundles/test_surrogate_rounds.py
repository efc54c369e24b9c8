"""Rounds of a surrogate's table: the later ones along the orders of the surrogate of the first."""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.support.errors import ParameterError
from lpel_tf.bundles.bundling import train_bundle
from lpel_tf.bundles.checkpoints import all_checkpoints
from lpel_tf.bundles.surrogate_bundling import SurrogatePlan
from lpel_tf.decoders.training import Recipe
from lpel_tf.surrogates.recipe import SurrogateRecipe
from lpel_tf.surrogates.table_settings import SurrogateTableSettings
from support import reproduction, tiny_layers
from support.folders import names_in
from support.trainings import interrupting

ONE = SurrogatePlan(
    SurrogateTableSettings(side=4, coalitions=16),
    SurrogateRecipe(channels=9, reduced_on=20, token=8, state=12, dense=8, epochs=3, batch_size=16),
)
TWO = replace(ONE, rounds=2)
REPLACING, TRAINING = "replacing superpixels (photographs)", "training the surrogate (epochs)"


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rounds") / "faces"
    return tuple(list_faces(reproduction.write_faces(folder, 16, 5)))


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def bundle(faces, out, cache, plan, **more):
    recipe = Recipe(epochs=2, seed=1)
    return train_bundle(
        tiny_layers.embedder(),
        faces,
        out,
        crop="none",
        recipe=recipe,
        decoder="solved",
        cache=cache,
        surrogate=plan,
        **more,
    )


@pytest.fixture(scope="module")
def made(faces, cache, tmp_path_factory):
    out = tmp_path_factory.mktemp("made")
    return bundle(faces, out / "one", cache, ONE), bundle(faces, out / "two", cache, TWO), out


def test_a_second_round_gives_another_surrogate_and_the_manifest_says_so(made):
    one, two, out = made
    assert (one.surrogate.training["rounds"], two.surrogate.training["rounds"]) == (1, 2)
    graphs = [(out / name / "surrogate.onnx").read_bytes() for name in ("one", "two")]
    assert graphs[0] != graphs[1]
    photographs = [one.surrogate.training["photographs"] for one in made[:2]]
    assert photographs[0] == photographs[1], "they are counted once"


def test_each_round_has_a_store_of_its_own(made, cache):
    named = [name for name in names_in(cache / "embeddings") if "-surrogate-" in name]
    assert len(named) == 2
    assert sum("-1-" in name for name in named) == 1


@pytest.mark.parametrize("what", [REPLACING, TRAINING], ids=["measuring", "training"])
def test_interrupted_in_the_second_round_it_goes_on_to_the_same_bundle(what, made, faces, tmp_path):
    cache, checkpoint = tmp_path / "cache", tmp_path / "state.npz"
    begun: list[str] = []

    def progress(name, total):
        begun.append(name)
        after = 1 if name == what and begun.count(name) == 2 else 10**9
        return interrupting(after)(name, total)

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        bundle(faces, out, cache, TWO, checkpoint=checkpoint, progress=progress)
    assert not out.exists()
    epochs: list[list[int]] = []

    @contextmanager
    def watching(name, total):
        del total
        calls: list[int] = []
        if name == TRAINING:
            epochs.append(calls)
        yield calls.append

    bundle(faces, out, cache, TWO, checkpoint=checkpoint, progress=watching)
    assert epochs[0] == [3], "the training of the first round is read, not done again"
    for name in names_in(out):
        assert (out / name).read_bytes() == (made[2] / "two" / name).read_bytes(), name
    assert [path.is_file() for path in all_checkpoints(checkpoint)] == [False, False, True, True]


def test_no_round_is_refused():
    with pytest.raises(ParameterError, match="1 round or more"):
        replace(ONE, rounds=0)
