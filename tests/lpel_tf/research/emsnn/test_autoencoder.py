import hashlib
from contextlib import contextmanager
from dataclasses import replace

import keras
import numpy as np
import pytest

from lpel_export.conversion.keras_to_onnx import export_decoder
from lpel_export.conversion.parity import check_parity
from lpel_serving.bundle.manifest import EMBEDDING, RECONSTRUCTION
from lpel_serving.engine.session import open_session
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.image_shape import square
from lpel_tf.data.dataset import FaceSet
from lpel_tf.decoders.decoder import to_keras
from lpel_tf.decoders.least_squares import LinearDecoder
from lpel_tf.research.emsnn.autoencoder import (
    BALANCES,
    Autoencoder,
    AutoencoderRecipe,
    LinearEncoder,
    build_autoencoder,
    losses,
    match_reconstruction,
    train_autoencoder,
)
from lpel_tf.support.errors import TrainingDataError

DIMENSION = 4
SIDE = 6
PIXELS = SIDE * SIDE * 3


def face_set(seed, n=240):
    """Faces of six causes, of which the embeddings encode four, mixed and with noise."""
    rng = np.random.default_rng(seed)
    causes = rng.normal(size=(n, 6)) * np.array([1.0, 0.9, 0.8, 0.7, 1.1, 0.6])
    mixing = np.random.default_rng(1).normal(0, 0.3, size=(4, DIMENSION))
    h = causes[:, :4] @ mixing + 0.2 + rng.normal(0, 0.01, size=(n, DIMENSION))
    pictures = np.random.default_rng(2).normal(0, 0.07, size=(6, PIXELS))
    x = causes @ pictures + 0.5 + rng.normal(0, 0.02, size=(n, PIXELS))
    targets = np.clip(np.rint(x * 255), 0, 255).astype(np.uint8).reshape(n, SIDE, SIDE, 3)
    return FaceSet(h.astype(np.float32), targets, tuple(f"p{i % 30}" for i in range(n)))


@pytest.fixture(scope="module")
def train():
    return face_set(3)


@pytest.fixture(scope="module")
def validation():
    return face_set(4, n=60)


def some_autoencoder(seed=5, recipe=None):
    """One with weights from nowhere."""
    rng = np.random.default_rng(seed)

    def drawn(*shape):
        return rng.normal(0, 0.1, shape).astype(np.float32)

    encoder = LinearEncoder(drawn(PIXELS, DIMENSION), drawn(DIMENSION))
    decoder = LinearDecoder(drawn(DIMENSION, PIXELS), drawn(PIXELS), square(SIDE))
    return Autoencoder(encoder, decoder, recipe or AutoencoderRecipe(), ())


def fingerprint(autoencoder):
    """What two trainings have in common when they end with the same bytes."""
    digest = hashlib.sha256()
    for part in (autoencoder.encoder, autoencoder.decoder):
        digest.update(part.kernel.tobytes() + part.bias.tobytes())
    return digest.hexdigest(), autoencoder.history, autoencoder.recipe


# --- the oracle -----------------------------------------------------------------------------------


def dense(vector, layer):
    """A linear layer on one vector, sum by sum."""
    made = []
    for j in range(len(layer.bias)):
        total = float(layer.bias[j])
        for i in range(len(vector)):
            total += vector[i] * float(layer.kernel[i, j])
        made.append(total)
    return made


def squared_distance(a, b):
    return sum((float(one) - float(other)) ** 2 for one, other in zip(a, b, strict=True))


def terms_oracle(autoencoder, faces):
    """The three terms of Eq. 3.1, L_recon_a, L_close and R, as sums over these faces."""
    recon = close = 0.0
    for h, target in zip(faces.embeddings, faces.targets, strict=True):
        x = [int(byte) / 255 for byte in target.ravel()]
        h_made = dense(x, autoencoder.encoder)
        recon += squared_distance(x, dense(h_made, autoencoder.decoder))
        close += squared_distance(h, h_made)
    squares = 0.0
    for layer in (autoencoder.encoder, autoencoder.decoder):
        for weight in layer.kernel.ravel():
            squares += float(weight) ** 2
    return recon, close, squares


def loss_oracle(autoencoder, faces, gamma, mu, lam):
    """Eq. 3.1, its two sums divided by how many numbers they add."""
    recon, close, squares = terms_oracle(autoencoder, faces)
    n = len(faces)
    return gamma * recon / (n * PIXELS) + mu * close / (n * DIMENSION) + lam * squares


def test_the_losses_are_the_terms_of_equation_3_1_as_means():
    faces = face_set(6, n=7)
    autoencoder = some_autoencoder()
    recon, close, _ = terms_oracle(autoencoder, faces)
    found = losses(autoencoder, faces)
    assert found.reconstruction == pytest.approx(recon / (7 * PIXELS), rel=1e-5)
    assert found.closeness == pytest.approx(close / (7 * DIMENSION), rel=1e-5)
    assert found.closeness_sum == pytest.approx(close / 7, rel=1e-5)


def test_the_losses_tell_the_decoder_on_true_embeddings_and_the_mean_embedding():
    faces = face_set(6, n=7)
    autoencoder = some_autoencoder()
    decoded = mean = 0.0
    average = [sum(float(h[j]) for h in faces.embeddings) / 7 for j in range(DIMENSION)]
    for h, target in zip(faces.embeddings, faces.targets, strict=True):
        decoded += squared_distance(target.ravel() / 255, dense(h, autoencoder.decoder))
        mean += squared_distance(h, average)
    found = losses(autoencoder, faces)
    assert found.reconstruction_from_embedding == pytest.approx(decoded / (7 * PIXELS), rel=1e-5)
    assert found.closeness_of_mean == pytest.approx(mean / (7 * DIMENSION), rel=1e-5)


@pytest.mark.parametrize(("gamma", "mu", "lam"), [(1, 1, 0), (0.5, 3, 0.01), (0, 2, 0), (2, 0, 1)])
def test_what_is_minimised_is_equation_3_1(gamma, mu, lam):
    faces = face_set(6, n=9)
    start = some_autoencoder()
    still = AutoencoderRecipe(gamma, mu, lam, epochs=1, batch_size=4, learning_rate=1e-12)
    reported = train_autoencoder(faces, still, start=start).history
    assert reported == pytest.approx([loss_oracle(start, faces, gamma, mu, lam)], rel=1e-5)


def test_a_step_of_adamax_goes_down_the_slope_of_equation_3_1():
    """Its first step moves each weight by the learning rate, against the sign of the slope."""
    faces, recipe = face_set(6, n=5), AutoencoderRecipe(0.7, 1.3, 0.05, epochs=1, batch_size=5)
    start = some_autoencoder()
    ended = train_autoencoder(faces, recipe, start=start)
    for part in ("encoder", "decoder"):
        for field, place in (("kernel", (3, 2)), ("kernel", (1, 1)), ("bias", (2,))):
            slope = difference_quotient(start, faces, recipe, part, field, place)
            before, after = (getattr(getattr(a, part), field)[place] for a in (start, ended))
            assert after - before == pytest.approx(-1e-3 * np.sign(slope), rel=1e-2), (part, field)


def difference_quotient(autoencoder, faces, recipe, part, field, place):
    found = []
    for by in (-0.01, 0.01):
        layer = getattr(autoencoder, part)
        moved = getattr(layer, field).copy()
        moved[place] += by
        other = replace(autoencoder, **{part: replace(layer, **{field: moved})})
        found.append(loss_oracle(other, faces, recipe.gamma, recipe.mu, recipe.lam))
    return found[1] - found[0]


# --- the network ----------------------------------------------------------------------------------


def test_the_network_is_that_of_table_5_2():
    model = build_autoencoder(512, square(40))
    layers = [(type(layer).__name__, tuple(layer.output.shape[1:])) for layer in model.layers]
    assert layers == [
        ("InputLayer", (40, 40, 3)),
        ("Flatten", (4800,)),
        ("Dense", (512,)),
        ("Dense", (4800,)),
        ("Reshape", (40, 40, 3)),
    ]
    assert {model.layers[i].activation.__name__ for i in (2, 3)} == {"linear"}
    assert {name: tuple(tensor.shape) for name, tensor in model.output.items()} == {
        "bottleneck": (None, 512),
        "reconstruction": (None, 40, 40, 3),
    }


def test_the_trained_halves_do_what_the_network_does(train):
    autoencoder = train_autoencoder(train, AutoencoderRecipe(epochs=1))
    model = build_autoencoder(DIMENSION, square(SIDE))
    for name, part in (("bottleneck", autoencoder.encoder), ("pixels", autoencoder.decoder)):
        model.get_layer(name).set_weights([part.kernel, part.bias])
    made = model.predict_on_batch(train.targets / np.float32(255))
    vectors = autoencoder.bottleneck(train.targets)
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(train), DIMENSION))
    np.testing.assert_allclose(vectors, made["bottleneck"], atol=1e-5)
    np.testing.assert_allclose(autoencoder.decoder(vectors), made["reconstruction"], atol=1e-5)


def test_the_decoder_exports_to_onnx_and_agrees(train):
    autoencoder = train_autoencoder(train, AutoencoderRecipe(epochs=2, learning_rate=0.01))
    exported = export_decoder(to_keras(autoencoder.decoder), {"lpel": "decoder"})
    h = autoencoder.bottleneck(train.targets[:9])
    names = {"input_name": EMBEDDING, "output_name": RECONSTRUCTION}
    check_parity(exported, h, **names, inputs="9 bottlenecks")
    onnx_s = open_session(exported.model, **names).run(h)
    np.testing.assert_allclose(onnx_s, autoencoder.decoder(h), atol=1e-5)


# --- what training arrives at ---------------------------------------------------------------------

LONG = AutoencoderRecipe(epochs=1500, batch_size=240, learning_rate=0.05)


@pytest.fixture(scope="module")
def only_reconstruction(train):
    return train_autoencoder(train, replace(LONG, mu=0.0))


@pytest.fixture(scope="module")
def mostly_closeness(train):
    return train_autoencoder(train, replace(LONG, mu=1000.0))


def of_pca(faces):
    """The least error of any reconstruction from n features that are linear in the pixels."""
    x = faces.targets.reshape(len(faces), -1) / 255
    singular = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    return float(np.sum(singular[DIMENSION:] ** 2)) / x.size


def of_the_best_linear_map(faces):
    """The least closeness of any linear map from pixels to embeddings."""
    x = np.column_stack([faces.targets.reshape(len(faces), -1) / 255, np.ones(len(faces))])
    h = faces.embeddings.astype(np.float64)
    return float(np.mean((x @ np.linalg.lstsq(x, h, rcond=None)[0] - h) ** 2))


def test_for_reconstruction_alone_it_comes_near_pca(only_reconstruction, train):
    found, best = losses(only_reconstruction, train), of_pca(train)
    assert best * 0.999 < found.reconstruction < best * 1.05
    assert found.closeness > found.closeness_of_mean, "nothing draws it to the embeddings"


def test_for_closeness_above_all_it_comes_near_the_best_linear_map(mostly_closeness, train):
    found, best = losses(mostly_closeness, train), of_the_best_linear_map(train)
    assert best * 0.999 < found.closeness < best + 0.02 * found.closeness_of_mean
    assert best < 0.02 * found.closeness_of_mean, "the pixels must determine the embeddings"


def test_closeness_costs_reconstruction_and_serves_the_true_embeddings(
    only_reconstruction, mostly_closeness, validation
):
    free, close = (losses(a, validation) for a in (only_reconstruction, mostly_closeness))
    assert free.reconstruction < close.reconstruction / 1.5
    assert free.reconstruction_from_embedding > 2 * close.reconstruction_from_embedding


def test_the_history_falls_and_has_an_entry_for_each_epoch(only_reconstruction):
    history = only_reconstruction.history
    assert len(history) == LONG.epochs
    assert history[-1] < history[50] < history[0]


def test_lambda_shrinks_the_weights(train):
    recipe = AutoencoderRecipe(epochs=40, batch_size=60, learning_rate=0.01)
    sums = []
    for lam in (0.0, 1e-3, 0.1):
        trained = train_autoencoder(train, replace(recipe, lam=lam))
        kernels = (trained.encoder.kernel, trained.decoder.kernel)
        sums.append(sum(float(np.sum(kernel**2)) for kernel in kernels))
    assert sums[0] > 1.2 * sums[1] > 1.5 * sums[2]


def test_lambda_leaves_the_biases_alone(train):
    recipe = AutoencoderRecipe(lam=100.0, epochs=300, batch_size=240, learning_rate=0.01)
    trained = train_autoencoder(train, recipe)
    assert np.abs(trained.encoder.kernel).max() < 0.05
    mean = train.targets.reshape(len(train), -1).mean(axis=0) / 255
    np.testing.assert_allclose(trained.decoder.bias, mean, atol=0.05)


# --- determinism ----------------------------------------------------------------------------------

SHORT = AutoencoderRecipe(epochs=2, batch_size=50)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(train):
    first = train_autoencoder(train, SHORT)
    keras.utils.set_random_seed(99)
    assert fingerprint(train_autoencoder(train, SHORT)) == fingerprint(first)
    other = train_autoencoder(train, replace(SHORT, seed=1))
    assert fingerprint(other)[0] != fingerprint(first)[0]


def test_it_starts_from_the_autoencoder_that_is_given(train):
    start = some_autoencoder()
    before = fingerprint(start)
    ended = train_autoencoder(train, replace(SHORT, learning_rate=1e-6), start=start)
    assert fingerprint(start) == before, "what is given stays"
    for part in ("encoder", "decoder"):
        moved = getattr(ended, part).kernel - getattr(start, part).kernel
        assert 0 < np.abs(moved).max() < 1e-4


def counting():
    """A `Progress` and what was reported to it."""
    reported = []

    @contextmanager
    def progress(what, total):
        reported.append((what, total, []))
        yield reported[-1][2].append

    return progress, reported


def test_each_epoch_is_told(train):
    progress, reported = counting()
    train_autoencoder(train, SHORT, progress=progress)
    assert reported == [("training the autoencoder (epochs)", 2, [1, 1])]


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 0},
        {"batch_size": 0},
        {"seed": -1},
        {"gamma": -1.0},
        {"mu": -0.1},
        {"lam": -1e-9},
        {"gamma": np.nan},
        {"mu": np.inf},
        {"lam": np.nan},
        {"gamma": 0.0, "mu": 0.0},
        {"learning_rate": 0.0},
        {"learning_rate": np.inf},
        {"learning_rate": np.nan},
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(change):
    with pytest.raises(ParameterError, match="received"):
        AutoencoderRecipe(**change)


def spoilt(value):
    faces = face_set(3)
    embeddings = faces.embeddings.copy()
    embeddings[17, 2] = value
    return FaceSet(embeddings, faces.targets, faces.identities)


@pytest.mark.parametrize(
    ("faces", "complaint"),
    [
        (face_set(3, n=DIMENSION), "4 images are too few"),
        (face_set(3).select(np.zeros(240, bool)), "0 images are too few"),
        (spoilt(np.nan), "NaN or infinity"),
        (spoilt(np.inf), "NaN or infinity"),
    ],
    ids=["as many faces as features", "nobody", "NaN", "infinity"],
)
def test_faces_that_cannot_be_trained_on_are_refused(faces, complaint, validation):
    with pytest.raises(TrainingDataError, match=complaint):
        train_autoencoder(faces, SHORT)
    with pytest.raises(TrainingDataError, match=complaint):
        match_reconstruction(faces, validation, 0.01, SHORT)


def test_faces_that_cannot_be_matched_on_are_refused(train):
    nobody = face_set(4).select(np.zeros(240, bool))
    with pytest.raises(TrainingDataError, match="validation"):
        match_reconstruction(train, nobody, 0.01, SHORT)


@pytest.mark.parametrize(
    ("wanted", "steps", "gamma"),
    [(0.0, 6, 1.0), (-1.0, 6, 1.0), (np.nan, 6, 1.0), (np.inf, 6, 1.0), (0.1, 0, 1.0), (0.1, 6, 0)],
)
def test_a_search_that_cannot_be_made_is_refused(wanted, steps, gamma, train, validation):
    recipe = AutoencoderRecipe(gamma=gamma)
    with pytest.raises(ParameterError, match="received"):
        match_reconstruction(train, validation, wanted, recipe, steps=steps)


# --- the search of section 5.5.1 ------------------------------------------------------------------

SEARCH = AutoencoderRecipe(gamma=2.0, epochs=120, batch_size=120, learning_rate=0.02)


def test_the_search_finds_the_balance_that_gives_the_wanted_reconstruction(train, validation):
    balance = 0.02
    wanted = losses(train_autoencoder(train, replace(SEARCH, mu=2 * balance)), validation)
    progress, reported = counting()
    found = match_reconstruction(
        train, validation, wanted.reconstruction, SEARCH, steps=7, progress=progress
    )
    assert reported == [("matching the reconstruction (trainings)", 7, [1] * 7)]
    assert losses(found, validation).reconstruction == pytest.approx(
        wanted.reconstruction, rel=0.03
    )
    assert found.recipe == replace(SEARCH, mu=found.recipe.mu)
    assert found.recipe.mu / 2 == pytest.approx(balance, rel=0.5)
    assert fingerprint(train_autoencoder(train, found.recipe)) == fingerprint(found)


@pytest.mark.parametrize(("wanted", "end"), [(1e-9, 0), (1e9, 1)])
def test_a_search_beyond_reach_goes_towards_the_end_and_returns_the_nearest(
    wanted, end, train, validation
):
    recipe = replace(SEARCH, epochs=60)
    found = match_reconstruction(train, validation, wanted, recipe, steps=3)
    low, high = np.log(BALANCES)
    tried = [low + (high - low) * (1 - part if end else part) for part in (1 / 2, 1 / 4, 1 / 8)]
    recipes = [replace(recipe, mu=2 * float(np.exp(balance))) for balance in tried]
    all_losses = [
        losses(train_autoencoder(train, one), validation).reconstruction for one in recipes
    ]
    nearest = min(all_losses, key=lambda loss: abs(loss - wanted))
    assert losses(found, validation).reconstruction == pytest.approx(nearest, rel=1e-4)
