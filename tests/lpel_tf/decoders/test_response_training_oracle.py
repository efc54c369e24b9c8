"""Training the response decoder against the least squares that its docstrings describe."""

from dataclasses import replace

import numpy as np
import pytest

from lpel_tf.decoders.response_training import ResponseRecipe, train_responses
from oracles.oracle_response_training import fit
from support.response_tables import Truth

pytestmark = pytest.mark.oracle

TRUTH = Truth(dimension=3, grid=3)
SETTINGS = [(0.0, 2.0, 3), (0.0, 100.0, 3), (1.0, 2.0, 3), (1.0, 100.0, 3), (0.0, 2.0, 1)]
"""Smoothness, ridge and rank."""


@pytest.fixture(scope="module")
def table():
    return TRUTH.table(seed=5, n=40, noise=0.05)


@pytest.fixture(scope="module")
def solved(table):
    """The responses of the table's photographs in the closed form, by settings."""
    found = {}
    for setting in SETTINGS:
        respond = fit(table.embeddings, table.coalitions, table.losses, *setting)
        found[setting] = np.stack([respond(h) for h in table.embeddings])
    return found


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_long_training_arrives_at_the_closed_form(setting, table, solved):
    smoothness, ridge, rank = setting
    wanted = solved[setting]
    # Validated by how far it is from there: the best epoch is the nearest, and the last one too.
    there = replace(table, losses=table.coalitions.astype(float) @ wanted)
    recipe = ResponseRecipe(
        smoothness=smoothness,
        ridge=ridge,
        rank=rank,
        epochs=800,
        batch_size=len(table),
        learning_rate=0.02,
        patience=800,
    )
    trained = train_responses(table, there, recipe)
    size = np.abs(wanted).max()
    assert size > 0.1, "training starts from 0, which must be far away"
    assert np.abs(trained.decoder(table.embeddings) - wanted).max() < 0.01 * size
    far, arrived = np.square(there.losses).mean(), trained.history[-1].validation
    assert arrived < 1e-4 * far


def test_the_penalty_the_smoothness_and_the_rank_matter_here(solved):
    for setting, one in solved.items():
        for other, another in solved.items():
            if setting != other:
                assert np.abs(one - another).max() > 0.1 * np.abs(one).max()
