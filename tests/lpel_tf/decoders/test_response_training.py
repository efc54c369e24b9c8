"""Training the response decoder on tables whose losses are sums of known responses."""

from contextlib import contextmanager
from dataclasses import asdict, replace

import keras
import numpy as np
import pytest

from lpel_serving.equations.attribution import spatial_kernel
from lpel_serving.support.errors import ParameterError
from lpel_tf.decoders.response_decoder import ResponseDecoder, response_loss, to_keras
from lpel_tf.decoders.response_training import ResponseRecipe, coordinates, train_responses
from lpel_tf.support.checkpoint import load_checkpoint
from lpel_tf.support.errors import TrainingDataError
from support.response_tables import COALITIONS, DIMENSION, GRID, PEOPLE, Truth
from support.trainings import fingerprint, interrupting

TRUTH = Truth()
K = GRID**2
QUICK = ResponseRecipe(ridge=0.01, epochs=6, batch_size=64, learning_rate=0.02, patience=6)


@pytest.fixture(scope="module")
def train():
    return TRUTH.table(seed=3, n=300)


@pytest.fixture(scope="module")
def validation():
    return TRUTH.table(seed=4, n=60)


@pytest.fixture(scope="module")
def test():
    return TRUTH.table(seed=5, n=60)


@pytest.fixture(scope="module")
def quickly(train, validation):
    return train_responses(train, validation, QUICK)


def nothing():
    return ResponseDecoder.of_full_rank(
        np.zeros((DIMENSION, K, DIMENSION), np.float32), np.zeros((K, DIMENSION), np.float32)
    )


def weighed_error(decoder, table):
    """The mean squared error, a coalition weighing by one over its size, by a loop."""
    total = 0.0
    for h, coalitions, losses in zip(table.embeddings, table.coalitions, table.losses, strict=True):
        responses = decoder(h[np.newaxis])[0].astype(np.float64)
        for members, loss in zip(coalitions, losses, strict=True):
            gap = loss.astype(np.float64) - sum(responses[p] for p in np.flatnonzero(members))
            total += np.square(gap).sum() / members.sum()
    return total / table.losses.size


# --- the decoder ----------------------------------------------------------------------------------


def test_a_response_decoder_is_a_dense_layer_on_each_embedding(test):
    decoder = TRUTH.decoder()
    assert decoder.side == GRID
    given = decoder(test.embeddings[:5])
    assert given.shape == (5, K, DIMENSION)
    for h, responses in zip(test.embeddings, given, strict=False):
        for p in range(K):
            wanted = h @ decoder.kernel[:, p] + decoder.bias[p]
            np.testing.assert_allclose(responses[p], wanted, atol=1e-6)


def test_a_response_decoder_and_its_keras_network_respond_alike(test):
    decoder = TRUTH.decoder()
    model = to_keras(decoder)
    assert model.input_shape == (None, DIMENSION)
    assert model.output_shape == (None, GRID, GRID, DIMENSION)
    given = model.predict_on_batch(test.embeddings)
    wanted = decoder(test.embeddings).reshape(len(test), GRID, GRID, DIMENSION)
    np.testing.assert_allclose(given, wanted, atol=1e-6)


def of_low_rank(rank=2):
    rng = np.random.default_rng(7)
    shapes = (K,), (DIMENSION, rank), (rank, K, DIMENSION), (K, DIMENSION)
    return ResponseDecoder(*(rng.normal(size=shape).astype(np.float32) for shape in shapes))


def test_one_of_low_rank_is_a_share_of_the_embedding_and_a_function_of_directions(test):
    decoder = of_low_rank()
    given = decoder(test.embeddings[:5])
    for h, responses in zip(test.embeddings, given, strict=False):
        for p in range(K):
            rest = (h @ decoder.directions) @ decoder.kernel[:, p] + decoder.bias[p]
            np.testing.assert_allclose(responses[p], decoder.own[p] * h + rest, atol=1e-5)
    whole = ResponseDecoder.of_full_rank(decoder.dense_kernel(), decoder.bias)
    np.testing.assert_allclose(whole(test.embeddings[:5]), given, atol=1e-5)


def test_a_dense_layer_is_given_back_as_it_is_to_the_sign_of_zeros():
    kernel = TRUTH.decoder().kernel.copy()
    kernel[0, 0, 0] = -0.0
    given = ResponseDecoder.of_full_rank(kernel, TRUTH.decoder().bias).dense_kernel()
    assert given.tobytes() == kernel.tobytes()


@pytest.mark.parametrize("rank", [1, 2, DIMENSION])
def test_its_keras_network_responds_alike_whatever_the_rank(rank, test):
    decoder = of_low_rank(rank)
    model = to_keras(decoder)
    given = model.predict_on_batch(test.embeddings)
    wanted = decoder(test.embeddings).reshape(len(test), GRID, GRID, DIMENSION)
    np.testing.assert_allclose(given, wanted, atol=1e-5)
    layers = {layer.name for layer in model.layers}
    assert ("own" in layers) == (rank < DIMENSION), "of full rank it is one dense layer"


def test_the_loss_of_a_decoder_is_the_share_that_it_fails_to_predict(test):
    decoder = TRUTH.decoder()
    half = ResponseDecoder.of_full_rank(decoder.kernel / 2, decoder.bias / 2)
    assert asdict(response_loss(nothing(), test)) == pytest.approx({"vectors": 1, "own": 1})
    assert response_loss(decoder, test).vectors < 1e-6
    assert response_loss(decoder, test).own < 1e-6
    # Half of each vector is missing, a quarter of each square.
    assert response_loss(half, test).vectors == pytest.approx(0.25, rel=1e-3)
    assert response_loss(half, test).own == pytest.approx(0.25, rel=1e-3)


def test_the_two_losses_are_those_of_a_loop(test):
    given = asdict(response_loss(Truth(seed=8).decoder(), test))
    errors, squares = {"vectors": 0.0, "own": 0.0}, {"vectors": 0.0, "own": 0.0}
    for i, h in enumerate(test.embeddings.astype(np.float64)):
        responses = h @ Truth(seed=8).decoder().kernel.transpose(1, 0, 2)
        responses = responses + Truth(seed=8).decoder().bias
        for members, loss in zip(test.coalitions[i], test.losses[i].astype(float), strict=True):
            gap = loss - responses[members].sum(axis=0)
            errors["vectors"] += gap @ gap
            squares["vectors"] += loss @ loss
            errors["own"] += (gap @ h) ** 2
            squares["own"] += (loss @ h) ** 2
    assert given == pytest.approx({name: errors[name] / squares[name] for name in errors}, rel=1e-4)


def test_the_loss_of_an_empty_table_or_of_no_losses_is_finite(test):
    none = test.select(np.zeros(len(test), bool))
    still = replace(test, losses=np.zeros_like(test.losses))
    for table in (none, still):
        loss = response_loss(nothing(), table)
        assert (loss.vectors, loss.own) == (0, 0)


# --- the coordinates ------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothness", [0.0, 0.7, 1.0])
def test_the_modes_make_up_the_kernel(smoothness):
    embeddings = TRUTH.embeddings(1, 100)
    place = coordinates(embeddings, K, ResponseRecipe(smoothness=smoothness))
    kernel = spatial_kernel(K, smoothness)
    np.testing.assert_allclose(place.modes @ place.modes.T, kernel, atol=1e-9)


def test_only_faint_modes_are_left_out():
    place = coordinates(TRUTH.embeddings(1, 100), 64, ResponseRecipe())
    assert place.modes.shape[0] == 64
    assert place.modes.shape[1] < 64
    gap = np.linalg.norm(spatial_kernel(64, 1.0) - place.modes @ place.modes.T, 2)
    assert gap <= 1e-3 * np.linalg.norm(spatial_kernel(64, 1.0), 2)


def test_features_are_principal_and_of_one_scale():
    embeddings = TRUTH.embeddings(1, 500)
    place = coordinates(embeddings, K, ResponseRecipe())
    features = place.features(embeddings)
    assert features.shape == (500, 1 + DIMENSION)
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features[:, 0], 1)
    covariance = np.cov(features[:, 1:].astype(np.float64), rowvar=False, bias=True)
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-5)
    assert np.diag(covariance).max() == pytest.approx(1, rel=1e-4)
    spread = np.linalg.eigvalsh(np.cov(embeddings.astype(np.float64), rowvar=False, bias=True))
    np.testing.assert_allclose(np.sort(np.diag(covariance)), spread / spread[-1], rtol=1e-3)


def test_directions_in_which_nothing_varies_are_left_out_and_at_most_so_many_are_kept():
    flat = TRUTH.embeddings(1, 100)
    flat[:, 2] = 0.3
    assert coordinates(flat, K, ResponseRecipe()).directions.shape == (DIMENSION, DIMENSION - 1)
    one = coordinates(flat, K, ResponseRecipe(rank=1)).directions
    spread = np.cov(flat.astype(np.float64), rowvar=False)
    wanted = np.linalg.eigh(spread)[1][:, -1]
    assert one.shape == (DIMENSION, 1)
    assert abs(wanted @ one[:, 0] / np.linalg.norm(one)) == pytest.approx(1)
    alike = np.repeat(flat[:1], 10, axis=0)
    assert coordinates(alike, K, ResponseRecipe()).directions.shape == (DIMENSION, 1)


@pytest.mark.parametrize("rank", [2, DIMENSION])
@pytest.mark.parametrize("smoothness", [0.0, 1.0])
def test_a_folded_layer_responds_as_its_coordinates_do(smoothness, rank):
    embeddings = TRUTH.embeddings(1, 50)
    place = coordinates(embeddings, K, ResponseRecipe(smoothness=smoothness, rank=rank))
    rng = np.random.default_rng(6)
    modes = place.modes.shape[1]
    own = rng.normal(size=(K, 1)).astype(np.float32)
    kernel = rng.normal(size=(1 + rank, modes * DIMENSION)).astype(np.float32)
    others = TRUTH.embeddings(2, 20)
    given = place.fold(own, kernel)(others)
    by_mode = (place.features(others) @ kernel).reshape(20, modes, DIMENSION)
    for h, of_modes, responses in zip(others, by_mode, given, strict=True):
        np.testing.assert_allclose(responses, own * h + place.modes @ of_modes, atol=1e-4)


# --- training -------------------------------------------------------------------------------------


def test_a_long_training_recovers_the_responses(train, test):
    recipe = ResponseRecipe(
        smoothness=0.5, ridge=1e-4, epochs=150, batch_size=64, learning_rate=0.03, patience=150
    )
    decoder = train_responses(train, train, recipe).decoder
    wanted = TRUTH.decoder()(test.embeddings)
    given = decoder(test.embeddings)
    assert np.abs(wanted).max() > 0.1
    assert np.abs(given - wanted).max() < 0.02 * np.abs(wanted).max()
    assert response_loss(decoder, test).vectors < 1e-3


def test_embeddings_in_few_directions_give_a_small_decoder_that_predicts_as_well(train, test):
    """As of a network with more features than it uses."""
    rng = np.random.default_rng(8)
    turn = np.linalg.qr(rng.normal(size=(3 * DIMENSION, DIMENSION)))[0].T

    def widened(table):
        wide = (array.astype(np.float32) @ turn for array in (table.embeddings, table.losses))
        h, losses = wide
        return replace(table, embeddings=h.astype(np.float32), losses=losses.astype(np.float16))

    narrow = train_responses(train, train, QUICK).decoder
    wide = train_responses(widened(train), widened(train), QUICK).decoder
    assert wide.kernel.shape == (DIMENSION, K, 3 * DIMENSION)
    assert response_loss(wide, widened(test)).vectors == pytest.approx(
        response_loss(narrow, test).vectors, abs=0.01
    )


def test_a_short_training_predicts_more_than_nothing_of_other_people(quickly, train, test):
    assert not set(train.identities) & set(test.identities)
    loss = response_loss(quickly.decoder, test)
    assert loss.vectors < 0.5
    assert loss.own < 0.5


def test_noise_on_the_losses_is_averaged_out():
    noisy = TRUTH.table(seed=3, n=300, noise=0.1)
    recipe = replace(QUICK, ridge=1.0, epochs=40, patience=40)
    decoder = train_responses(noisy, noisy, recipe).decoder
    truth = TRUTH.table(seed=5, n=60)
    of_noise = np.square(noisy.losses.astype(float)).mean()
    assert of_noise > 1.3 * np.square(truth.losses.astype(float)).mean(), "it must be loud"
    assert response_loss(decoder, truth).vectors < 0.05


def test_the_recipe_by_default_trains_and_stays_finite(train, validation, test):
    trained = train_responses(train, validation, ResponseRecipe())
    assert trained.recipe == ResponseRecipe()
    assert len(trained.history) == 20
    assert trained.decoder.kernel.shape == (DIMENSION, K, DIMENSION)
    assert trained.decoder.bias.shape == (K, DIMENSION)
    assert trained.decoder.kernel.dtype == trained.decoder.bias.dtype == np.float32
    assert response_loss(trained.decoder, test).vectors < 1


def test_the_decoder_predicts_what_the_unfolded_model_did(quickly, validation):
    reported = quickly.history[quickly.best_epoch - 1].validation
    assert reported == pytest.approx(weighed_error(quickly.decoder, validation), rel=1e-4)


def test_the_training_loss_is_the_mean_over_all_photographs_whatever_the_batches(train):
    still = replace(QUICK, epochs=1, learning_rate=1e-12)
    assert len(train) % still.batch_size
    reported = train_responses(train, train, still).history[0]
    start = weighed_error(nothing(), train)
    assert reported.train == pytest.approx(start, rel=1e-4)
    assert reported.validation == pytest.approx(start, rel=1e-4)


def test_the_best_epochs_weights_are_returned_and_training_stops(train):
    opposite = replace(train, losses=-train.losses)
    recipe = replace(QUICK, epochs=50, patience=3)
    trained = train_responses(train, opposite, recipe)
    assert trained.best_epoch == 1
    assert len(trained.history) == 1 + recipe.patience
    reported = trained.history[0].validation
    assert reported == pytest.approx(weighed_error(trained.decoder, opposite), rel=1e-4)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(train, validation, quickly):
    keras.utils.set_random_seed(99)  # whatever the global generators are at
    assert fingerprint(train_responses(train, validation, QUICK)) == fingerprint(quickly)
    other = train_responses(train, validation, replace(QUICK, seed=12))
    assert fingerprint(other) != fingerprint(quickly)


@pytest.mark.parametrize("count", [1, 30])
def test_photographs_that_are_all_alike_train_to_finite_weights(count, train, validation):
    alike = train.select(np.arange(len(train)) < count)
    alike = replace(alike, embeddings=np.repeat(alike.embeddings[:1], count, axis=0))
    trained = train_responses(alike, validation, QUICK)
    assert np.isfinite([asdict(epoch)["validation"] for epoch in trained.history]).all()
    assert np.abs(trained.decoder.kernel).max() < 10
    assert np.abs(trained.decoder.bias).max() < 10


@pytest.mark.parametrize("empty", ["train", "validation", "both"])
def test_an_empty_table_is_refused(empty, train, validation):
    none = train.select(np.zeros(len(train), bool))
    tables = {
        "train": (none, validation),
        "validation": (train, none),
        "both": (none, none),
    }[empty]
    with pytest.raises(TrainingDataError, match=r"received .* give more people"):
        train_responses(*tables, QUICK)


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"rank": 0},
        {"batch_size": 0},
        {"patience": 0},
        {"seed": -1},
        {"learning_rate": 0.0},
        {"learning_rate": -1.0},
        {"learning_rate": np.inf},
        {"learning_rate": np.nan},
        {"ridge": -0.1},
        {"ridge": np.inf},
        {"ridge": np.nan},
        {"smoothness": -0.1},
        {"smoothness": np.inf},
        {"smoothness": np.nan},
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(change):
    with pytest.raises(ParameterError, match="received"):
        ResponseRecipe(**change)


def test_the_tables_are_as_these_tests_suppose(train, test):
    assert train.losses.shape == (300, COALITIONS, DIMENSION)
    assert len(set(train.identities)) == PEOPLE
    sizes = train.coalitions.sum(axis=2)
    assert (sizes.min(), sizes.max()) == (1, K - 1)
    wanted = test.coalitions[7] @ TRUTH.decoder()(test.embeddings[7:8])[0]
    np.testing.assert_allclose(test.losses[7], wanted, atol=1e-3)


# --- stopping and going on ------------------------------------------------------------------------


@pytest.mark.parametrize("after", [1, 3, 6])
def test_an_interrupted_training_goes_on_to_the_same_bytes(
    after, train, validation, quickly, tmp_path
):
    checkpoint = tmp_path / "training.npz"
    with pytest.raises(KeyboardInterrupt):
        train_responses(
            train, validation, QUICK, checkpoint=checkpoint, progress=interrupting(after)
        )
    assert [path.name for path in tmp_path.iterdir()] == ["training.npz"]
    reported = []

    @contextmanager
    def progress(what, total):
        yield reported.append

    resumed = train_responses(train, validation, QUICK, checkpoint=checkpoint, progress=progress)
    assert fingerprint(resumed) == fingerprint(quickly)
    assert reported == [after, *[1] * (6 - after)], "it must go on, not start over"


def test_a_checkpoint_of_another_training_or_a_damaged_one_is_ignored(
    train, validation, quickly, tmp_path
):
    checkpoint = tmp_path / "training.npz"
    others = [
        (train, validation, replace(QUICK, seed=1, epochs=2)),
        (train, validation, replace(QUICK, ridge=0.02, epochs=2)),
        (TRUTH.table(seed=9, n=300), validation, replace(QUICK, epochs=2)),
    ]
    for other in others:
        train_responses(*other, checkpoint=checkpoint)
        assert load_checkpoint(checkpoint, {}) is None
        again = train_responses(train, validation, QUICK, checkpoint=checkpoint)
        assert fingerprint(again) == fingerprint(quickly)
    data = bytearray(checkpoint.read_bytes())
    data[len(data) // 2] ^= 0xFF
    checkpoint.write_bytes(data)
    again = train_responses(train, validation, QUICK, checkpoint=checkpoint)
    assert fingerprint(again) == fingerprint(quickly)
