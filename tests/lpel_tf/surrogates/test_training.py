"""A surrogate learns what local features say, ends with the same bytes however often stopped."""

import hashlib
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from lpel_serving.support.errors import ParameterError
from lpel_tf.support.checkpoint import Checkpoint, save_checkpoint
from lpel_tf.support.errors import TrainingDataError
from lpel_tf.surrogates.recipe import SurrogateRecipe
from lpel_tf.surrogates.table import join_rounds
from lpel_tf.surrogates.training import inputs_of, losses_of, train_surrogate
from lpel_tf.surrogates.unexplained import (
    unexplained,
    unexplained_by_responses,
    unexplained_by_surrogate,
)
from support.folders import names_in
from support.surrogate_tables import FILLS, Truth, mean_predictor
from support.trainings import interrupting

TRUTH = Truth()
RECIPE = SurrogateRecipe(
    token=24, state=32, dense=32, epochs=25, batch_size=32, learning_rate=0.01, patience=25
)
QUICK = replace(RECIPE, epochs=4)


@pytest.fixture(scope="module")
def tables():
    return TRUTH.table(seed=1, n=300), TRUTH.table(seed=2, n=40), TRUTH.table(seed=3, n=60)


@pytest.fixture(scope="module")
def trained(tables):
    return train_surrogate(*tables[:2], RECIPE)


@pytest.fixture(scope="module")
def quick(tables):
    return train_surrogate(*tables[:2], QUICK)


def fingerprint(trained):
    digest = hashlib.sha256()
    for name, array in trained.network.weights.items():
        digest.update(name.encode() + array.tobytes())
    return digest.hexdigest(), trained.history, trained.best_epoch


def test_it_explains_more_than_means_on_people_it_has_not_seen(trained, tables):
    mean = unexplained(mean_predictor(tables[0]), tables[2], FILLS)
    found = unexplained_by_surrogate(trained.network, tables[2], FILLS)
    for group, shares in found.items():
        assert shares["vectors"] < 0.6 * mean[group]["vectors"], group
        assert shares["own"] < 0.8 * mean[group]["own"], group
    losses = [epoch.validation for epoch in trained.history]
    assert trained.best_epoch == 1 + int(np.argmin(losses))
    assert losses[trained.best_epoch - 1] < 0.6 * losses[0]


def test_without_local_features_it_explains_less_and_not_nothing(trained, tables):
    full = unexplained_by_surrogate(trained.network, tables[2], FILLS)
    blind = unexplained_by_surrogate(trained.network, tables[2], FILLS, local=False)
    assert full["all"]["vectors"] < blind["all"]["vectors"] < 1


def test_the_loss_is_weighted_squares_and_those_along_two_embeddings(tables):
    """As it predicts nothing at first, the loss without a step is that of what is lost."""
    recipe = replace(QUICK, along=3.0, size_power=0.7, epochs=1, learning_rate=1e-30)
    train, validation = tables[:2]
    (epoch,) = train_surrogate(train, validation, recipe).history
    for table, loss in ((train, epoch.train), (validation, epoch.validation)):
        whole = table.embeddings[:, np.newaxis, np.newaxis]
        lost = whole - table.masked.astype(np.float32)
        donors = whole[table.donors]
        along = [np.square((lost * of).sum(axis=-1)) for of in (whole, donors)]
        squares = np.square(lost).sum(axis=-1) + 3 * (along[0] + along[1])
        weights = table.coalitions.sum(axis=-1) ** -0.7
        assert loss == pytest.approx((squares * weights).mean(), rel=1e-4)


def test_rows_of_several_rounds_have_their_own_photograph_and_donor(tables):
    first = tables[1]
    again = replace(first, donors=np.roll(first.donors, 1), coalitions=~first.coalitions)
    both, n = join_rounds([first, again]), len(first)
    chosen = np.array([3, n + 3, n])
    inputs = inputs_of(both, chosen)
    for one, other in zip(inputs_of(first, np.array([3, 3, 0]))[:2], inputs[:2], strict=True):
        np.testing.assert_array_equal(one, other)
    donors = [first.donors[3], again.donors[3], again.donors[0]]
    np.testing.assert_array_equal(inputs[2], first.embeddings[donors])
    np.testing.assert_array_equal(inputs[4][1], ~first.coalitions[3])
    lost = first.embeddings[[3, 3, 0]][:, np.newaxis, np.newaxis] - both.masked[chosen]
    np.testing.assert_allclose(losses_of(both, chosen), lost, atol=1e-6)


def test_an_interrupted_training_goes_on_to_the_same_bytes(tables, quick, tmp_path):
    checkpoint = tmp_path / "training.npz"
    foreign = Checkpoint(((1.0, 1.0),), tuple(quick.network.weights.values()), ())
    save_checkpoint(checkpoint, foreign, {"of": "another training"})
    with pytest.raises(KeyboardInterrupt):
        train_surrogate(*tables[:2], QUICK, checkpoint=checkpoint, progress=interrupting(2))
    assert names_in(tmp_path) == ["training.npz"]
    reported = []

    @contextmanager
    def progress(what, total):
        yield reported.append

    resumed = train_surrogate(*tables[:2], QUICK, checkpoint=checkpoint, progress=progress)
    assert fingerprint(resumed) == fingerprint(quick)
    assert reported == [2, 1, 1], "it must go on, not start over"


def test_no_photographs_are_refused(tables):
    none = tables[0].select(np.zeros(len(tables[0]), bool))
    for sides in ((none, tables[1]), (tables[0], none)):
        with pytest.raises(TrainingDataError, match="give more people"):
            train_surrogate(*sides, QUICK)


def test_a_prediction_of_nothing_leaves_all_and_the_truth_leaves_none(tables):
    table = tables[2]
    lost = table.embeddings[:, np.newaxis, np.newaxis] - table.masked.astype(np.float32)
    nothing = unexplained(lambda inputs: np.zeros_like(lost), table, FILLS)
    assert list(nothing) == ["all", "small", "large", *FILLS]
    assert all(
        share == pytest.approx(1) for shares in nothing.values() for share in shares.values()
    )
    truth = unexplained(lambda inputs: lost, table, FILLS)
    assert all(share == 0 for shares in truth.values() for share in shares.values())
    half = unexplained(lambda inputs: lost / 2, table, FILLS)
    assert half["small"]["own"] == pytest.approx(0.25, rel=1e-3)


def test_responses_are_measured_as_sums_over_members(tables):
    table = tables[2]
    responses = np.random.default_rng(0).normal(size=(len(table), 9, 4)).astype(np.float32)
    lost = table.embeddings[:, np.newaxis, np.newaxis] - table.masked.astype(np.float32)
    error = lost - np.einsum("nfmk,nkd->nfmd", table.coalitions.astype(np.float32), responses)
    found = unexplained_by_responses(lambda h: responses, table, FILLS)
    expected = np.square(error).sum() / np.square(lost).sum()
    assert found["all"]["vectors"] == pytest.approx(expected, rel=1e-4)
    blur = np.square(error[:, 2]).sum() / np.square(lost[:, 2]).sum()
    assert found["blur"]["vectors"] == pytest.approx(blur, rel=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"seed": -1},
        {"learning_rate": 0.0},
        {"along": -1.0},
        {"size_power": np.nan},
        {"without_local": 1.0},
        {"channels": 0},
    ],
)
def test_recipes_out_of_range_are_refused(wrong):
    with pytest.raises(ParameterError):
        SurrogateRecipe(**wrong)
