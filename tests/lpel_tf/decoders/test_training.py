import io
import json
import zipfile
from contextlib import contextmanager
from dataclasses import replace

import keras
import numpy as np
import pytest

from lpel_serving.equations.similarity import typical_length, unit
from lpel_serving.support.errors import LpelError, ParameterError
from lpel_serving.support.image_shape import square
from lpel_tf.data.dataset import FaceSet
from lpel_tf.decoders.decoder import build_decoder, mean_squared_error, to_keras
from lpel_tf.decoders.least_squares import LinearDecoder, mean_face, solve
from lpel_tf.decoders.training import Recipe, train_decoder
from lpel_tf.decoders.whitening import no_whitening, whitening
from lpel_tf.support.checkpoint import load_checkpoint
from lpel_tf.support.errors import TrainingDataError
from support.trainings import fingerprint, interrupting

DIMENSION = 8
SIDE = 4
PIXELS = SIDE * SIDE * 3


def face_set(seed, n=300, dimension=DIMENSION, spread=None):
    """Faces whose pixels depend linearly on their embeddings, but for rounding and some noise."""
    rng = np.random.default_rng(seed)
    scale = np.geomspace(1, 0.05, dimension) if spread is None else np.asarray(spread)
    mixing = np.random.default_rng(1).normal(size=(dimension, dimension))
    h = (rng.normal(size=(n, dimension)) * scale) @ mixing + 1
    kernel = np.random.default_rng(2).normal(0, 0.03, size=(dimension, PIXELS))
    x = h @ kernel + 0.5 + rng.normal(0, 0.02, size=(n, PIXELS))
    targets = np.clip(np.rint(x * 255), 0, 255).astype(np.uint8).reshape(n, SIDE, SIDE, 3)
    return FaceSet(h.astype(np.float32), targets, tuple(f"p{i % 30}" for i in range(n)))


@pytest.fixture(scope="module")
def train():
    return face_set(3)


@pytest.fixture(scope="module")
def validation():
    return face_set(4, n=60)


# --- the closed form ------------------------------------------------------------------------------


def ridge_oracle(faces, noise):
    """The minimum of the expected loss by `lstsq`: noise adds rows of equations."""
    h = faces.embeddings.astype(np.float64)
    x = faces.targets.reshape(len(faces), -1) / 255
    n, dimension = h.shape
    h0, x0 = h - h.mean(axis=0), x - x.mean(axis=0)
    rows = np.vstack([h0, np.sqrt(n) * noise * np.eye(dimension)])
    wanted = np.vstack([x0, np.zeros((dimension, x.shape[1]))])
    kernel = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    return kernel, x.mean(axis=0) - h.mean(axis=0) @ kernel


def test_without_noise_the_closed_form_is_that_of_least_squares_with_an_intercept(train):
    h = np.column_stack([train.embeddings.astype(np.float64), np.ones(len(train))])
    x = train.targets.reshape(len(train), -1) / 255
    found = np.linalg.lstsq(h, x, rcond=None)[0]
    solved = solve(train, 0.0)
    np.testing.assert_allclose(solved.kernel, found[:-1], atol=1e-6)
    np.testing.assert_allclose(solved.bias, found[-1], atol=1e-6)


@pytest.mark.parametrize("noise", [1e-4, 0.01, 0.3])
def test_with_noise_the_closed_form_is_ridge_regression(train, noise):
    kernel, bias = ridge_oracle(train, noise)
    solved = solve(train, noise)
    np.testing.assert_allclose(solved.kernel, kernel, atol=1e-6)
    np.testing.assert_allclose(solved.bias, bias, atol=1e-6)


def test_the_closed_form_minimises_the_loss_under_drawn_noise(train):
    rng = np.random.default_rng(5)
    noise = 0.2
    copies = [rng.normal(0, noise, train.embeddings.shape) for _ in range(200)]
    noisy = FaceSet(
        np.concatenate([train.embeddings + copy for copy in copies]).astype(np.float32),
        np.concatenate([train.targets] * len(copies)),
        train.identities * len(copies),
    )
    drawn = solve(noisy, 0.0)
    expected = solve(train, noise)
    unaware = solve(train, 0.0)
    assert np.abs(drawn.kernel - expected.kernel).max() < 0.003
    assert np.abs(drawn.kernel - unaware.kernel).max() > 0.02, "the noise must matter here"


def test_a_constant_feature_gives_finite_weights_that_reconstruct_alike(train):
    constant = np.column_stack([train.embeddings, np.full(len(train), 0.25, np.float32)])
    solved = solve(FaceSet(constant, train.targets, train.identities), 0.0)
    assert np.isfinite(solved.kernel).all()
    without = solve(train, 0.0)
    np.testing.assert_allclose(solved(constant), without(train.embeddings), atol=1e-5)


def test_a_linear_decoder_and_its_keras_network_reconstruct_alike(train):
    decoder = solve(train, 0.0)
    assert decoder.shape == (SIDE, SIDE, 3)
    ours = decoder(train.embeddings)
    assert ours.shape == (len(train), SIDE, SIDE, 3)
    np.testing.assert_allclose(
        ours, to_keras(decoder).predict_on_batch(train.embeddings), atol=1e-5
    )


def test_the_keras_decoder_is_that_of_table_5_1():
    model = build_decoder(512, square(40))
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "Reshape"]
    assert model.layers[0].activation.__name__ == "linear"
    assert model.layers[0].units == 4800
    assert model.output_shape == (None, 40, 40, 3)
    assert model.count_params() == 512 * 4800 + 4800


def loop_error(reconstructions, targets):
    total, count = 0.0, 0
    for image, target in zip(reconstructions, targets, strict=True):
        for mine, true in zip(image.ravel(), target.ravel(), strict=True):
            total += (float(mine) - int(true) / 255) ** 2
            count += 1
    return total / count


@pytest.mark.parametrize("n", [1, 7])
def test_the_mean_squared_error_is_that_of_a_loop(n):
    rng = np.random.default_rng(n)
    reconstructions = rng.normal(0.5, 1, (n, SIDE, SIDE, 3)).astype(np.float32)
    targets = rng.integers(0, 256, (n, SIDE, SIDE, 3), dtype=np.uint8)
    expected = loop_error(reconstructions, targets)
    assert mean_squared_error(reconstructions, targets) == pytest.approx(expected, rel=1e-9)


def test_the_mean_squared_error_takes_one_image_for_all(train):
    one = mean_face(train).astype(np.float32)
    every = np.repeat(one[np.newaxis], len(train), axis=0)
    expected = loop_error(every[:20], train.targets[:20])
    assert mean_squared_error(one, train.targets[:20]) == pytest.approx(expected, rel=1e-9)


# --- whitening ------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.0, 0.001, 0.5])
def test_whitened_embeddings_with_noise_have_the_identity_as_covariance(train, noise):
    white = whitening(train.embeddings, noise)
    h = train.embeddings.astype(np.float64)
    covariance = np.cov(h, rowvar=False, bias=True) + noise**2 * np.eye(DIMENSION)
    np.testing.assert_allclose(
        white.scale.T @ covariance @ white.scale, np.eye(DIMENSION), atol=1e-9
    )
    np.testing.assert_allclose(white(train.embeddings).mean(axis=0), 0, atol=1e-5)


def test_whitening_drawn_noise_gives_the_identity_as_covariance():
    faces = face_set(6, n=40_000)
    noise = 0.3
    drawn = np.random.default_rng(7).normal(0, noise, faces.embeddings.shape)
    z = whitening(faces.embeddings, noise)((faces.embeddings + drawn).astype(np.float32))
    np.testing.assert_allclose(np.cov(z, rowvar=False), np.eye(DIMENSION), atol=0.03)


@pytest.mark.parametrize("noise", [0.01, 0.4])
def test_the_noise_share_is_the_part_of_the_variance_that_is_noise(train, noise):
    white = whitening(train.embeddings, noise)
    of_noise = np.diag(white.scale.T @ (noise**2 * np.eye(DIMENSION)) @ white.scale)
    np.testing.assert_allclose(white.noise_share, of_noise, rtol=1e-9)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_a_folded_layer_does_what_whitening_and_the_layer_do(train, noise):
    rng = np.random.default_rng(8)
    kernel = rng.normal(size=(DIMENSION, PIXELS)).astype(np.float32)
    bias = rng.normal(size=PIXELS).astype(np.float32)
    white = whitening(train.embeddings, noise)
    expected = white(train.embeddings) @ kernel + bias
    folded = white.fold(kernel, bias, square(SIDE))(train.embeddings).reshape(len(train), -1)
    np.testing.assert_allclose(folded, expected, atol=1e-4)


def test_no_whitening_changes_nothing(train):
    plain = no_whitening(DIMENSION)
    np.testing.assert_array_equal(plain(train.embeddings), train.embeddings)
    kernel = np.ones((DIMENSION, PIXELS), np.float32)
    folded = plain.fold(kernel, np.zeros(PIXELS, np.float32), square(SIDE))
    np.testing.assert_array_equal(folded.kernel, kernel)
    assert not folded.bias.any()


def test_whitening_leaves_directions_without_spread_out(train):
    constant = np.column_stack([train.embeddings, np.full(len(train), 0.25, np.float32)])
    white = whitening(constant, 0.0)
    assert np.isfinite(white.scale).all()
    assert np.linalg.matrix_rank(white.scale) == DIMENSION
    assert np.isfinite(white(constant)).all()


# --- training -------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.0, 0.001, 0.1])
def test_training_arrives_at_the_closed_form(train, noise):
    share = noise / typical_length(train.embeddings)
    recipe = Recipe(
        epochs=400, batch_size=len(train), learning_rate=0.02, noise=share, patience=400
    )
    # Validated on the training faces with the noise's penalty apart, the last epochs are the best.
    trained = train_decoder(train, train, recipe)
    solved = solve(train, noise)
    gap = trained.decoder(train.embeddings) - solved(train.embeddings)
    far = solve(train, 0.0)(train.embeddings) - mean_face(train)
    assert np.abs(gap).max() < 1e-3
    assert np.abs(far).max() > 0.1, "the mean face, where training starts, must be far away"
    if noise == 0.1:
        unaware = solve(train, 0.0)(train.embeddings) - solved(train.embeddings)
        assert np.abs(unaware).max() > 5e-3, "the noise must matter here"


@pytest.mark.parametrize("whiten", [True, False])
@pytest.mark.parametrize("c", [1e-3, 10, 297])
def test_a_network_of_longer_embeddings_gets_the_same_decoder(train, validation, c, whiten):
    """Noise is a share of their length, and so are the steps of Adamax."""

    def scaled(faces):
        return FaceSet(faces.embeddings * np.float32(c), faces.targets, faces.identities)

    recipe = Recipe(epochs=5, batch_size=50, learning_rate=0.02, noise=0.05, whiten=whiten)
    own = train_decoder(train, validation, recipe)
    other = train_decoder(scaled(train), scaled(validation), recipe)
    reconstructions = own.decoder(validation.embeddings)
    assert np.ptp(reconstructions, axis=0).max() > 0.1
    np.testing.assert_allclose(
        other.decoder(scaled(validation).embeddings), reconstructions, atol=1e-4
    )
    solved, far = (solve(f, recipe.noise_on(f.embeddings)) for f in (train, scaled(train)))
    np.testing.assert_allclose(far.kernel * np.float32(c), solved.kernel, atol=1e-5)


def test_noise_on_embeddings_of_unit_length_is_what_the_recipe_says(train):
    h = unit(train.embeddings)
    assert Recipe(noise=0.0005).noise_on(h) == pytest.approx(0.0005, rel=1e-6)
    assert Recipe(noise=0.0005).noise_on(297 * h) == pytest.approx(0.1485, rel=1e-6)
    assert Recipe(noise=0.0005).noise_on(np.zeros_like(h)) == 0.0005


def test_training_in_small_batches_comes_near_the_closed_form(train, validation):
    recipe = Recipe(epochs=60, batch_size=32, learning_rate=0.01, patience=60)
    trained = train_decoder(train, validation, recipe)
    loss = mean_squared_error(trained.decoder(validation.embeddings), validation.targets)
    best = mean_squared_error(
        solve(train, recipe.noise_on(train.embeddings))(validation.embeddings), validation.targets
    )
    nothing = mean_squared_error(mean_face(train).astype(np.float32), validation.targets)
    assert loss < best * 1.01
    assert best < nothing / 5


def test_the_history_tells_the_losses_of_the_weights(train, validation):
    recipe = Recipe(epochs=3, batch_size=64, learning_rate=0.01)
    trained = train_decoder(train, validation, recipe)
    assert len(trained.history) == 3
    reported = trained.history[trained.best_epoch - 1].validation
    loss = mean_squared_error(trained.decoder(validation.embeddings), validation.targets)
    assert reported == pytest.approx(loss, rel=1e-3)


def test_the_training_loss_is_the_mean_over_all_faces_whatever_the_batches(train, validation):
    still = Recipe(epochs=1, batch_size=64, learning_rate=1e-12, noise=0.0)
    reported = train_decoder(train, validation, still).history[0].train
    assert len(train) % still.batch_size
    start = mean_squared_error(mean_face(train).astype(np.float32), train.targets)
    assert reported == pytest.approx(start, rel=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"patience": 0},
        {"seed": -1},
        {"learning_rate": 0.0},
        {"learning_rate": np.inf},
        {"noise": -0.1},
        {"noise": np.inf},
        {"noise": np.nan},
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(change):
    with pytest.raises(ParameterError, match="received"):
        Recipe(**change)


def test_the_recipe_of_the_thesis_trains(train, validation):
    recipe = Recipe(
        epochs=40, batch_size=32, learning_rate=0.01, decay=False, whiten=False, patience=40
    )
    trained = train_decoder(train, validation, recipe)
    losses = [epoch.validation for epoch in trained.history]
    assert losses[-1] < losses[0] / 5
    assert trained.recipe == recipe


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(train, validation):
    recipes = [Recipe(epochs=3, batch_size=32, seed=seed) for seed in (11, 11, 12)]
    first, again, other = (train_decoder(train, validation, recipe) for recipe in recipes)
    assert fingerprint(first) == fingerprint(again)
    assert fingerprint(first) != fingerprint(other)


@pytest.mark.parametrize("whiten", [True, False])
def test_the_seed_alone_decides_whatever_the_global_generators_are_at(whiten, train, validation):
    recipe = Recipe(epochs=2, batch_size=64, whiten=whiten)
    first = train_decoder(train, validation, recipe)
    keras.utils.set_random_seed(99)
    assert fingerprint(first) == fingerprint(train_decoder(train, validation, recipe))


def test_a_constant_feature_without_noise_trains_to_finite_weights(train, validation):
    def widened(faces):
        constant = np.column_stack([faces.embeddings, np.full(len(faces), 0.25, np.float32)])
        return FaceSet(constant, faces.targets, faces.identities)

    recipe = Recipe(epochs=3, noise=0.0)
    trained = train_decoder(widened(train), widened(validation), recipe)
    assert np.isfinite(trained.decoder.kernel).all()
    assert np.isfinite(trained.decoder.bias).all()
    assert np.abs(trained.decoder.kernel).max() < 10


# --- early stopping -------------------------------------------------------------------------------


def test_training_stops_when_validation_gets_worse_and_returns_the_best_epoch(train):
    # People whose pixels are the opposite of what the embeddings say: each step makes it worse.
    opposite = FaceSet(
        train.embeddings,
        np.clip(np.rint(510 * mean_face(train) - train.targets), 0, 255).astype(np.uint8),
        train.identities,
    )
    recipe = Recipe(epochs=50, batch_size=64, learning_rate=0.01, decay=False, patience=4)
    trained = train_decoder(train, opposite, recipe)
    assert trained.best_epoch == 1
    assert len(trained.history) == 1 + recipe.patience
    after_one = train_decoder(
        train, opposite, Recipe(epochs=1, batch_size=64, learning_rate=0.01, decay=False)
    )
    assert trained.decoder.kernel.tobytes() == after_one.decoder.kernel.tobytes()
    assert trained.decoder.bias.tobytes() == after_one.decoder.bias.tobytes()


def test_training_that_gets_better_goes_on_to_the_last_epoch(train):
    recipe = Recipe(epochs=12, patience=1, batch_size=len(train))
    trained = train_decoder(train, train, recipe)
    assert len(trained.history) == trained.best_epoch == 12


# --- stopping and going on ------------------------------------------------------------------------


RECIPE = Recipe(epochs=6, batch_size=64, learning_rate=0.005)


@pytest.fixture(scope="module")
def uninterrupted(train, validation):
    return train_decoder(train, validation, RECIPE)


@pytest.mark.parametrize("after", [1, 3, 5, 6])
def test_an_interrupted_training_goes_on_to_the_same_bytes(
    after, train, validation, uninterrupted, tmp_path
):
    checkpoint = tmp_path / "training.npz"
    with pytest.raises(KeyboardInterrupt):
        train_decoder(
            train, validation, RECIPE, checkpoint=checkpoint, progress=interrupting(after)
        )
    assert [path.name for path in tmp_path.iterdir()] == ["training.npz"]
    reported = []

    @contextmanager
    def progress(what, total):
        yield reported.append

    resumed = train_decoder(train, validation, RECIPE, checkpoint=checkpoint, progress=progress)
    assert fingerprint(resumed) == fingerprint(uninterrupted)
    assert reported == [after, *[1] * (6 - after)], "it must go on, not start over"


def test_a_training_interrupted_after_each_epoch_ends_with_the_same_bytes(
    train, validation, uninterrupted, tmp_path
):
    checkpoint = tmp_path / "training.npz"
    for after in range(1, 6):
        with pytest.raises(KeyboardInterrupt):
            train_decoder(
                train, validation, RECIPE, checkpoint=checkpoint, progress=interrupting(after)
            )
    resumed = train_decoder(train, validation, RECIPE, checkpoint=checkpoint)
    assert fingerprint(resumed) == fingerprint(uninterrupted)


def test_an_early_stop_resumed_is_the_same_as_uninterrupted(train, tmp_path):
    opposite = FaceSet(train.embeddings, 255 - train.targets, train.identities)
    recipe = Recipe(epochs=50, batch_size=64, learning_rate=0.01, patience=4)
    whole = train_decoder(train, opposite, recipe)
    checkpoint = tmp_path / "training.npz"
    with pytest.raises(KeyboardInterrupt):
        train_decoder(train, opposite, recipe, checkpoint=checkpoint, progress=interrupting(3))
    resumed = train_decoder(train, opposite, recipe, checkpoint=checkpoint)
    assert fingerprint(resumed) == fingerprint(whole)


def flipped(data, place):
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


def npy(data):
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


def emptied_zip(data):
    buffer = io.BytesIO()
    zipfile.ZipFile(buffer, "w").close()
    return buffer.getvalue()


def without_a_member(data):
    with np.load(io.BytesIO(data)) as file:
        kept = {name: file[name] for name in file.files if name != "best_1"}
    buffer = io.BytesIO()
    np.savez(buffer, **kept)
    return buffer.getvalue()


def without_the_optimiser(data):
    with np.load(io.BytesIO(data)) as file:
        kept = {name: file[name] for name in file.files if name < "variable_1"}
    buffer = io.BytesIO()
    np.savez(buffer, **kept)
    return buffer.getvalue()


DAMAGES = {
    "empty": lambda data: b"",
    "text": lambda data: b"this is no checkpoint",
    "a single array": npy,
    "an empty archive": emptied_zip,
    "cut in half": lambda data: data[: len(data) // 2],
    "cut by one byte": lambda data: data[:-1],
    "a flipped byte at the start": lambda data: flipped(data, 0),
    "a flipped byte in the middle": lambda data: flipped(data, len(data) // 2),
    "a flipped byte near the end": lambda data: flipped(data, len(data) - 10),
    "a member missing": without_a_member,
    "the optimiser missing": without_the_optimiser,
}


@pytest.fixture(scope="module")
def halfway(train, validation, tmp_path_factory):
    """The bytes of a checkpoint after three epochs."""
    checkpoint = tmp_path_factory.mktemp("halfway") / "training.npz"
    with pytest.raises(KeyboardInterrupt):
        train_decoder(train, validation, RECIPE, checkpoint=checkpoint, progress=interrupting(3))
    return checkpoint.read_bytes()


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_ignored(
    damage, halfway, train, validation, uninterrupted, tmp_path
):
    checkpoint = tmp_path / "training.npz"
    checkpoint.write_bytes(damage(halfway))
    assert checkpoint.read_bytes() != halfway
    trained = train_decoder(train, validation, RECIPE, checkpoint=checkpoint)
    assert fingerprint(trained) == fingerprint(uninterrupted)


def test_a_checkpoint_with_any_byte_flipped_is_ignored_or_right(halfway, tmp_path):
    with np.load(io.BytesIO(halfway)) as file:
        identity = file["identity"].item()
        variables = [file[name].tobytes() for name in file.files if name.startswith("variable_")]
    checkpoint = tmp_path / "training.npz"
    places = np.random.default_rng(9).integers(0, len(halfway), 300)
    directory = range(halfway.rindex(b"PK\x01\x02"), len(halfway))
    for place in [*map(int, places), *directory]:
        checkpoint.write_bytes(flipped(halfway, place))
        loaded = load_checkpoint(checkpoint, json.loads(identity))
        if loaded is not None:
            assert [value.tobytes() for value in loaded.variables] == variables, place


OTHERS = {
    "another seed": (face_set(3), Recipe(epochs=6, batch_size=64, learning_rate=0.005, seed=1)),
    "another batch size": (face_set(3), Recipe(epochs=6, batch_size=32, learning_rate=0.005)),
    "more epochs": (face_set(3), Recipe(epochs=7, batch_size=64, learning_rate=0.005)),
    "other faces": (face_set(5), RECIPE),
    "fewer faces": (face_set(3, n=299), RECIPE),
    "faces of other features": (face_set(3, dimension=7), RECIPE),
}


@pytest.mark.parametrize(("faces", "recipe"), OTHERS.values(), ids=OTHERS)
def test_a_checkpoint_of_another_training_is_ignored(faces, recipe, halfway, tmp_path):
    checkpoint = tmp_path / "training.npz"
    checkpoint.write_bytes(halfway)
    others = face_set(4, n=60, dimension=faces.embeddings.shape[1])
    resumed = train_decoder(faces, others, recipe, checkpoint=checkpoint)
    assert fingerprint(resumed) == fingerprint(train_decoder(faces, others, recipe))


def test_a_checkpoint_of_the_same_faces_in_another_order_is_ignored(
    train, validation, halfway, tmp_path
):
    backwards = FaceSet(train.embeddings[::-1], train.targets[::-1], train.identities[::-1])
    checkpoint = tmp_path / "training.npz"
    checkpoint.write_bytes(halfway)
    resumed = train_decoder(backwards, validation, RECIPE, checkpoint=checkpoint)
    assert fingerprint(resumed) == fingerprint(train_decoder(backwards, validation, RECIPE))


def test_a_checkpoint_of_another_validation_set_is_ignored(train, halfway, tmp_path):
    checkpoint = tmp_path / "training.npz"
    checkpoint.write_bytes(halfway)
    others = face_set(44, n=60)
    resumed = train_decoder(train, others, RECIPE, checkpoint=checkpoint)
    assert fingerprint(resumed) == fingerprint(train_decoder(train, others, RECIPE))


def test_a_checkpoint_that_cannot_be_written_is_reported(train, validation, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LpelError, match="cannot write"):
        train_decoder(train, validation, RECIPE, checkpoint=tmp_path / "file" / "training.npz")


# --- data that cannot be trained on ---------------------------------------------------------------


def spoilt(value):
    faces = face_set(3)
    embeddings = faces.embeddings.copy()
    embeddings[17, 2] = value
    return FaceSet(embeddings, faces.targets, faces.identities)


@pytest.mark.parametrize(
    ("faces", "complaint"),
    [
        (face_set(3, n=DIMENSION), "8 images are too few.* without noise.* more than 8"),
        (face_set(3, n=1), "1 images are too few"),
        (spoilt(np.nan), "NaN or infinity"),
        (spoilt(np.inf), "NaN or infinity"),
    ],
    ids=["as many faces as features", "one face", "NaN", "infinity"],
)
def test_faces_that_cannot_be_trained_on_are_refused(faces, complaint, validation):
    with pytest.raises(TrainingDataError, match=complaint) as caught:
        train_decoder(faces, validation, replace(RECIPE, noise=0))
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)


def test_with_noise_fewer_faces_than_features_have_one_best_decoder(validation):
    few, recipe = face_set(3, n=DIMENSION - 2), replace(RECIPE, noise=0.1)
    trained = train_decoder(few, validation, recipe)
    kernel, bias = ridge_oracle(few, recipe.noise_on(few.embeddings))
    solved = solve(few, recipe.noise_on(few.embeddings))
    np.testing.assert_allclose(solved.kernel, kernel, atol=1e-6)
    np.testing.assert_allclose(solved.bias, bias, atol=1e-6)
    assert np.isfinite(trained.decoder.kernel).all()
    one = face_set(3, n=1)
    with pytest.raises(TrainingDataError, match=r"1 images are too few .* more than 1, thousands"):
        train_decoder(one, validation, recipe)


@pytest.mark.parametrize(
    "faces",
    [spoilt(np.nan), face_set(4, n=60).select(np.zeros(60, bool))],
    ids=["NaN", "nobody"],
)
def test_faces_that_cannot_be_validated_on_are_refused(faces, train):
    with pytest.raises(TrainingDataError):
        train_decoder(train, faces, RECIPE)


def test_one_face_more_than_features_is_enough(validation):
    trained = train_decoder(face_set(3, n=DIMENSION + 1), validation, Recipe(epochs=1))
    assert isinstance(trained.decoder, LinearDecoder)
