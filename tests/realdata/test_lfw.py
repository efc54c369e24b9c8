"""On the photographs of Labeled Faces in the Wild: what the model card and the README say."""

import json
from pathlib import Path

import numpy as np
import pytest

from lpel_serving import Explainer
from lpel_serving.bundle.confidence_record import fit_confidence
from lpel_serving.engine.photographs import pair_similarities
from lpel_serving.equations.comparison import COSINE
from lpel_serving.images.datasets.faces import list_faces
from lpel_serving.images.datasets.pairs_list import read_pairs
from lpel_serving.support.image_shape import square
from lpel_serving.verification.accuracy import verification

pytestmark = [pytest.mark.realdata, pytest.mark.weights]

EXCLUDED = {"Elton_John", "Madonna"}


@pytest.fixture(scope="module")
def explainer(demo_folder: Path) -> Explainer:
    return Explainer.load(demo_folder / "bundle")


@pytest.fixture(scope="module")
def card() -> dict:
    folder = Path(__file__).parents[2] / "lpel_tf" / "pretrained"
    return json.loads((folder / "20170512-110547.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def measured(explainer, realdata) -> tuple[np.ndarray, np.ndarray]:
    """Similarities of the development pairs, and whether each is of one person."""
    pairs = read_pairs(realdata / "pairsDevTrain.txt", realdata / "lfw")
    similarities = pair_similarities(explainer.embedder, COSINE, pairs)
    return similarities, np.array([pair.same for pair in pairs])


def test_faces_are_verified_as_well_as_the_card_says(explainer, measured, card):
    result = verification(*measured, explainer.manifest.threshold.value)
    assert (result.pairs_same, result.pairs_different) == (1100, 1100)
    assert result.best.accuracy > 0.985
    assert result.at_threshold.total > 0.985
    accuracy = card["threshold"]["chosen"]["cross_validated_accuracy"]
    assert result.best.accuracy == pytest.approx(accuracy, abs=0.002)


def test_confidences_come_true_as_the_card_says(explainer, measured, card):
    kept, fitted = explainer.manifest.confidence, fit_confidence(*measured, "these pairs")
    assert fitted.pairs == kept.pairs == 2200
    assert kept.slope == card["confidence"]["slope"]
    assert fitted.slope == pytest.approx(kept.slope, rel=0.02)
    assert fitted.intercept == pytest.approx(kept.intercept, rel=0.02)
    now, then = fitted.reliability, kept.reliability
    assert now.calibration_error == pytest.approx(then.calibration_error, abs=0.002)
    assert now.brier_score == pytest.approx(then.brier_score, abs=0.001)
    assert now.log_loss == pytest.approx(then.log_loss, abs=0.002)


def test_the_shipped_decoder_is_as_good_on_its_test_people_as_the_card_says(
    explainer, realdata, card, tmp_path
):
    from lpel_tf.data.dataset import FaceSet, embed_faces
    from lpel_tf.data.split import split_by_identity
    from lpel_tf.decoders.decoder import mean_squared_error
    from lpel_tf.pretrained import load_pretrained

    faces = [face for face in list_faces(realdata / "lfw") if face.identity not in EXCLUDED]
    nothing = np.empty((len(faces), 0))
    everyone = FaceSet(nothing, nothing, tuple(face.identity for face in faces))
    split = split_by_identity(everyone, np.random.default_rng(card["training"]["recipe"]["seed"]))
    people = set(split.test.identities)
    assert len(people) == card["training"]["people"]["test"]
    photographs = [face for face in faces if face.identity in people]
    test = embed_faces(explainer.embedder, photographs, square(40), tmp_path / "faces.sqlite")
    assert len(test) == card["training"]["photographs"]["test"]
    decoder = load_pretrained("20170512-110547").decoder
    loss = mean_squared_error(decoder(test.embeddings), test.targets)
    assert loss == pytest.approx(card["training"]["test_loss"]["decoder"], rel=1e-3)


def test_nobody_of_the_demo_is_among_the_training_people(realdata):
    from lpel_tf.demo.photographs import PAIRS

    in_demo = {photo.person.replace(" ", "_") for pair in PAIRS for photo in pair}
    in_lfw = {face.identity for face in list_faces(realdata / "lfw")}
    assert in_demo & in_lfw == EXCLUDED


def test_detected_and_aligned_faces_are_framed_as_the_centred_crops_are(realdata, explainer):
    from lpel_tf.networks.detection import TEMPLATE, AlignedCrop

    align = AlignedCrop()
    landmarks = []
    for face in list_faces(realdata / "lfw")[::400]:
        crop = explainer.embedder.read(face.path)
        found = align.detect(crop.repeat(2, axis=0).repeat(2, axis=1))
        if found:
            largest = max(found, key=lambda detection: detection.eye_distance)
            landmarks.append(largest.landmarks / (2 * len(crop)))
    assert len(landmarks) >= 15
    np.testing.assert_allclose(np.median(landmarks, axis=0), TEMPLATE, atol=0.04)


def test_the_network_asked_about_each_superpixel_orders_them_better_than_chance(
    explainer, realdata
):
    """Otherwise the curve could not distinguish a good explanation from a bad one."""
    from lpel_serving import find_method
    from lpel_serving.faithfulness.assessment import measure_curves
    from lpel_serving.faithfulness.curve_settings import CurveSettings
    from lpel_serving.faithfulness.judgement import areas
    from lpel_serving.faithfulness.photograph_pairs import rightly_decided

    candidates = read_pairs(realdata / "pairsDevTrain.txt", realdata / "lfw")
    rng = np.random.default_rng(0)
    pairs = rightly_decided(
        explainer.embedder, COSINE, candidates, 8, threshold=0.387, same=True, rng=rng
    )
    settings = CurveSettings("test", every=16, draws=3)
    measured = measure_curves(explainer, pairs, ("LPEL", find_method("lpel")), settings, rng)
    by_order = {name: float(of_pairs.mean()) for name, of_pairs in areas(measured).items()}
    assert by_order["occlusion"] < by_order["random"] - 0.02
    assert by_order["occlusion"] < by_order["LPEL"] - 0.02


def test_responses_order_superpixels_better_than_chance_and_lpel_on_people_held_apart(
    explainer, realdata, card
):
    """What makes them the default; `benchmarks/faithfulness.py` measures it in earnest."""
    from lpel_serving import find_method
    from lpel_serving.faithfulness.assessment import measure_curves
    from lpel_serving.faithfulness.curve_settings import CurveSettings
    from lpel_serving.faithfulness.judgement import areas
    from lpel_serving.faithfulness.photograph_pairs import rightly_decided
    from lpel_tf.data.dataset import FaceSet
    from lpel_tf.data.split import split_by_identity

    faces = [face for face in list_faces(realdata / "lfw") if face.identity not in EXCLUDED]
    nothing = np.empty((len(faces), 0))
    everyone = FaceSet(nothing, nothing, tuple(face.identity for face in faces))
    split = split_by_identity(everyone, np.random.default_rng(card["training"]["recipe"]["seed"]))
    apart = set(split.test.identities)
    drawn = read_pairs(realdata / "pairsDevTrain.txt", realdata / "lfw")
    candidates = [
        pair for pair in drawn if {pair.reference.parent.name, pair.test.parent.name} <= apart
    ]
    lpel = {"LPEL": find_method("lpel")}
    for same, kind, sign in ((True, "test", -1), (False, "transplant", 1)):
        rng = np.random.default_rng(0)
        pairs = rightly_decided(
            explainer.embedder, COSINE, candidates, 8, threshold=0.387, same=same, rng=rng
        )
        subject = ("responses", find_method("responses"))
        settings = CurveSettings(kind, every=16, draws=3)
        measured = measure_curves(explainer, pairs, subject, settings, rng, rivals=lpel)
        by_order = {name: float(of_pairs.mean()) for name, of_pairs in areas(measured).items()}
        for control in ("random", "LPEL", "shifted", "reverse"):
            assert sign * (by_order["responses"] - by_order[control]) > 0.05, (kind, control)
