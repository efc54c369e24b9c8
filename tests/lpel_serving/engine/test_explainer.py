"""The engine on the tiny bundle, whose every weight is known."""

import dataclasses
import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lpel_serving import CentreCrop, Explainer, explain_embeddings
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.decoded.responses import Responses
from lpel_serving.report.array_file import arrays
from lpel_serving.report.document import document
from lpel_serving.support.cores import cores
from lpel_serving.support.errors import EmbeddingError, ImageError, LpelError, ParameterError
from lpel_serving.support.image_shape import ImageShape
from support import tiny
from support.images import pixels

PAIRS = [
    (pixels(a), pixels(b)) for a, b in [(0, 1), (2, 3), (1, 0), (4, 4), (0, 5), (3, 1), (6, 2)]
]


def png(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels(seed)).save(buffer, format="PNG")
    return buffer.getvalue()


def same_bytes(one, other) -> None:
    """Compare two explanations of a pair bit by bit."""
    assert document(one) == document(other)
    second = arrays(other)
    for name, first in arrays(one).items():
        assert first.dtype == second[name].dtype, name
        assert first.tobytes() == second[name].tobytes(), name


def at_threshold(tmp_path, value: float) -> Explainer:
    threshold = tiny.ThresholdRecord(value, {})
    return Explainer.load(tiny.write_bundle(tmp_path / str(value), threshold=threshold))


def by_hand(h_r, h_t, similar, p, epsilon):
    """The method in numpy, with the tiny decoder."""
    d = np.abs(h_r - h_t)
    d = (d - d.min()) / (d.max() - d.min())
    r = 1 - d if similar else d
    x, x_p = tiny.decode(np.stack([h_t, h_t + p * r]))
    heat = np.abs(x - x_p).mean(axis=-1)
    return r, x, x_p, heat, (heat - heat.min()) / (heat.max() - heat.min()) > epsilon


@pytest.mark.parametrize("threshold", [-0.9, 0.9999])
@pytest.mark.parametrize(("p", "epsilon"), [(0.3, 0.7), (0.05, 0.2), (4.0, 0.0)])
def test_explain_does_what_numpy_does(tmp_path, threshold, p, epsilon):
    explainer = at_threshold(tmp_path, threshold)
    pair = explainer.explain(pixels(0), pixels(1), method=Lpel(p), epsilon=epsilon)
    h = tiny.embed(np.stack([pixels(0), pixels(1)]))
    cosine = h[0] @ h[1] / np.linalg.norm(h[0]) / np.linalg.norm(h[1])
    assert pair.similarity == pytest.approx(cosine, abs=1e-5)
    assert pair.threshold == threshold
    assert pair.similar is (threshold < 0)
    np.testing.assert_array_equal(pair.reference_crop, pixels(0))
    np.testing.assert_array_equal(pair.test_crop, pixels(1))
    np.testing.assert_allclose(pair.reference_embedding, h[0], atol=1e-5)
    np.testing.assert_allclose(pair.test_embedding, h[1], atol=1e-5)
    for explanation, reference, test in ((pair.forward, h[0], h[1]), (pair.swapped, h[1], h[0])):
        r, x, x_p, heat, mask = by_hand(reference, test, pair.similar, p, epsilon)
        np.testing.assert_allclose(explanation.relevance, r, atol=1e-4)
        np.testing.assert_allclose(explanation.reconstruction, x, atol=1e-4)
        np.testing.assert_allclose(explanation.perturbed_reconstruction, x_p, atol=1e-3)
        np.testing.assert_allclose(explanation.heat_map, heat, atol=1e-3)
        np.testing.assert_array_equal(explanation.mask, mask)
        normalised = explanation.normalised_heat_map
        assert (normalised.min(), normalised.max()) == (0, 1)
        np.testing.assert_array_equal(explanation.mask, normalised > np.float32(epsilon))


def test_the_explanation_of_a_pair_has_the_documented_shapes_and_types(tiny_explainer):
    received = arrays(tiny_explainer.explain(pixels(0), pixels(1)))
    for role in ("reference", "test"):
        assert received[f"{role}_crop"].shape == (16, 16, 3)
        assert received[f"{role}_crop"].dtype == np.uint8
        assert received[f"{role}_mask"].shape == (8, 8)
        assert received[f"{role}_mask"].dtype == np.bool_
        for name, shape in {
            "embedding": (6,),
            "relevance": (6,),
            "reconstruction": (8, 8, 3),
            "perturbed_reconstruction": (8, 8, 3),
            "heat_map": (8, 8),
        }.items():
            assert received[f"{role}_{name}"].shape == shape
            assert received[f"{role}_{name}"].dtype == np.float32


def test_exchanging_the_images_exchanges_the_explanations(tiny_explainer):
    there = tiny_explainer.explain(pixels(0), pixels(1))
    back = tiny_explainer.explain(pixels(1), pixels(0))
    assert back.similarity == there.similarity
    np.testing.assert_array_equal(back.forward.relevance, there.swapped.relevance)
    np.testing.assert_array_equal(there.forward.relevance, there.swapped.relevance)
    np.testing.assert_allclose(back.forward.heat_map, there.swapped.heat_map, atol=1e-5)
    np.testing.assert_allclose(back.swapped.heat_map, there.forward.heat_map, atol=1e-5)
    assert back.agreement.spearman == pytest.approx(there.agreement.spearman, abs=0.01)


def test_with_a_linear_decoder_both_ways_agree_fully(tiny_explainer):
    agreement = tiny_explainer.explain(pixels(0), pixels(1)).agreement
    assert agreement.spearman > 0.999
    assert agreement.iou > 0.8


def test_an_image_is_as_similar_as_can_be_to_itself(tiny_explainer):
    pair = tiny_explainer.explain(pixels(0), pixels(0))
    assert pair.similarity == 1
    assert pair.similar
    np.testing.assert_array_equal(pair.forward.relevance, 1)
    np.testing.assert_array_equal(pair.forward.heat_map, pair.swapped.heat_map)


def test_similar_is_strictly_above_the_threshold(tmp_path):
    similarity = at_threshold(tmp_path, 0.0).explain(pixels(0), pixels(1)).similarity
    below = float(np.nextafter(np.float32(similarity), np.float32(-1)))
    for threshold, similar in ((similarity, False), (below, True), (1.0, False), (-1.0, True)):
        pair = at_threshold(tmp_path, threshold).explain(pixels(0), pixels(1))
        assert pair.similarity == similarity
        assert pair.similar is similar


@pytest.fixture
def counted(tiny_bundle, monkeypatch):
    """An explainer, and a list of how many crops each call has embedded."""
    explainer = Explainer.load(tiny_bundle)
    counts: list[int] = []
    embed = explainer.embedder.embed

    def counting(crops, *arguments):
        counts.append(len(crops))
        return embed(crops, *arguments)

    monkeypatch.setattr(explainer.embedder, "embed", counting)
    return explainer, counts


def test_every_distinct_image_is_embedded_once(counted):
    explainer, counts = counted
    received = explainer.explain_pairs(PAIRS)
    assert len(received) == len(PAIRS)
    assert counts == [7]


def test_one_image_as_path_bytes_picture_and_pixels_is_embedded_once(counted, tmp_path):
    explainer, counts = counted
    path = tmp_path / "face.png"
    path.write_bytes(png(0))
    forms = [path, str(path), png(0), pixels(0), pixels(0).copy(), Image.open(io.BytesIO(png(0)))]
    received = explainer.explain_pairs([(form, pixels(1)) for form in forms])
    assert counts == [2]
    for pair in received[1:]:
        same_bytes(pair, received[0])


def test_a_file_is_read_once_however_often_it_appears(tiny_bundle, tmp_path):
    path = tmp_path / "face.png"
    path.write_bytes(png(0))
    seen: list[ImageShape] = []

    def crop(image: np.ndarray, shape: ImageShape) -> np.ndarray:
        seen.append(shape)
        return CentreCrop()(image, shape)

    explainer = Explainer.load(tiny_bundle, crop=crop)
    explainer.explain_pairs([(path, path), (path, pixels(1)), (pixels(1), path)])
    assert len(seen) <= 3
    assert set(seen) == {(16, 16, 3)}


def test_no_pairs_have_no_explanations(tiny_explainer):
    assert tiny_explainer.explain_pairs([]) == []


@pytest.fixture(scope="module")
def alone(tiny_bundle):
    """Each pair of PAIRS explained by itself."""
    explainer = Explainer.load(tiny_bundle)
    return [explainer.explain(*pair) for pair in PAIRS]


@pytest.mark.parametrize("threads", [1, 2, None])
@pytest.mark.parametrize("batch_size", [1, 2, 7, 100])
def test_a_pair_is_explained_the_same_alone_and_among_others(
    tiny_bundle, alone, batch_size, threads
):
    explainer = Explainer.load(tiny_bundle, threads=threads)
    together = explainer.explain_pairs(PAIRS, batch_size=batch_size)
    for one, other in zip(together, alone, strict=True):
        same_bytes(one, other)


def test_an_explainer_is_shared_among_threads(tiny_explainer, alone):
    with ThreadPoolExecutor(4) as pool:
        received = list(pool.map(lambda pair: tiny_explainer.explain(*pair), PAIRS * 3))
    for one, other in zip(received, alone * 3, strict=True):
        same_bytes(one, other)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_size_below_1_is_refused(tiny_explainer, batch_size):
    with pytest.raises(ParameterError):
        tiny_explainer.explain_pairs(PAIRS, batch_size=batch_size)


THREADS = """
import sys
from pathlib import Path
from lpel_serving import Explainer

explainer = Explainer.load(sys.argv[1], threads=int(sys.argv[2]))
print(len(list(Path("/proc/self/task").iterdir())))
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads, as Linux lists them")
def test_more_threads_than_there_are_cores_are_not_begun(tiny_bundle):
    begun = []
    for threads in (cores(), 1000, 2**40):
        command = [sys.executable, "-c", THREADS, str(tiny_bundle), str(threads)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        begun.append(int(done.stdout))
    assert begun[0] == begun[1] == begun[2]


@pytest.mark.parametrize("threads", [0, -1])
def test_a_number_of_threads_below_1_is_refused(tiny_bundle, threads):
    with pytest.raises(ParameterError):
        Explainer.load(tiny_bundle, threads=threads)


P = [0, 0.0, -0.3, float("inf"), float("-inf"), float("nan")]
EPSILON = [-0.01, 1, 1.0, 2, float("inf"), float("nan")]


@pytest.mark.parametrize("p", P)
def test_p_out_of_range_is_refused(tiny_explainer, p):
    with pytest.raises(ParameterError, match=f"^p takes .* received {p}"):
        tiny_explainer.explain(pixels(0), pixels(1), method=Lpel(p))


@pytest.mark.parametrize("epsilon", EPSILON)
def test_epsilon_out_of_range_is_refused(tiny_explainer, epsilon):
    with pytest.raises(ParameterError, match=f"^epsilon, .* received {epsilon}"):
        tiny_explainer.explain(pixels(0), pixels(1), epsilon=epsilon)


@pytest.mark.parametrize("p", [1e38, 1e39])
def test_a_p_that_overflows_is_refused(tiny_explainer, p):
    with pytest.raises(LpelError):
        tiny_explainer.explain(pixels(0), pixels(1), method=Lpel(p))


def test_parameters_are_checked_before_any_image_is_read(tiny_explainer):
    with pytest.raises(ParameterError):
        tiny_explainer.explain("no such file.png", "nor this.png", method=Lpel(0))
    with pytest.raises(ParameterError):
        tiny_explainer.explain("no such file.png", "nor this.png", epsilon=1)


def test_an_image_that_cannot_be_used_is_named(tiny_explainer, tmp_path):
    with pytest.raises(ImageError, match=r"no such file\.png"):
        tiny_explainer.explain(pixels(0), tmp_path / "no such file.png")


@pytest.mark.parametrize("result", ["pair", "forward", "agreement"])
def test_results_are_frozen(tiny_explainer, result):
    pair = tiny_explainer.explain(pixels(0), pixels(1))
    target = pair if result == "pair" else getattr(pair, result)
    field = dataclasses.fields(target)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(target, field, None)


@pytest.mark.parametrize("crop", ["0.5", CentreCrop(0.5)])
def test_another_crop_can_take_the_place_of_the_bundles(tiny_bundle, crop):
    pair = Explainer.load(tiny_bundle, crop=crop).explain(pixels(0, 32), pixels(1, 32))
    np.testing.assert_array_equal(pair.reference_crop, pixels(0, 32)[8:24, 8:24])


BAD_CROPS = {
    "another size": lambda image, shape: image[: shape.height - 1, : shape.width],
    "floats": lambda image, shape: image.astype(np.float32),
    "grey": lambda image, shape: image[:, :, 0],
}


@pytest.mark.parametrize("kind", BAD_CROPS)
def test_what_a_crop_gives_is_checked(tiny_bundle, kind):
    explainer = Explainer.load(tiny_bundle, crop=BAD_CROPS[kind])
    with pytest.raises(ImageError, match="the crop gave"):
        explainer.explain(pixels(0), pixels(1))


def decode(h: np.ndarray) -> np.ndarray:
    return tiny.decode(h)


def test_explain_embeddings_explains_each_pair_by_its_own_decision(rng):
    h_r, h_t = rng.normal(size=(2, 3, tiny.DIMENSION)).astype(np.float32)
    similar = np.array([True, False, True])
    received = explain_embeddings(decode, h_r, h_t, similar, p=0.4, epsilon=0.5)
    assert len(received) == 3
    for i, explanation in enumerate(received):
        r, x, x_p, heat, mask = by_hand(h_r[i], h_t[i], similar[i], 0.4, 0.5)
        np.testing.assert_allclose(explanation.relevance, r, atol=1e-5)
        np.testing.assert_allclose(explanation.reconstruction, x, atol=1e-5)
        np.testing.assert_allclose(explanation.perturbed_reconstruction, x_p, atol=1e-4)
        np.testing.assert_allclose(explanation.heat_map, heat, atol=1e-4)
        np.testing.assert_array_equal(explanation.mask, mask)


def test_explain_embeddings_of_no_pairs_is_empty():
    none = np.empty((0, tiny.DIMENSION), np.float32)
    assert explain_embeddings(decode, none, none, np.empty(0, bool)) == []


SHAPES = [((6,), (6,)), ((1, 6), (2, 6)), ((2, 6), (2, 5)), ((1, 2, 6), (1, 2, 6)), ((), ())]


@pytest.mark.parametrize("shapes", SHAPES)
def test_embeddings_of_other_shapes_are_refused(shapes):
    h_r, h_t = (np.zeros(shape, np.float32) for shape in shapes)
    with pytest.raises(EmbeddingError, match=r"shape \(N, D\)"):
        explain_embeddings(decode, h_r, h_t, np.array([True]))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("which", [0, 1])
def test_embeddings_that_are_not_finite_are_refused(which, value):
    h = np.ones((2, 1, tiny.DIMENSION), np.float32)
    h[which, 0, 3] = value
    with pytest.raises(EmbeddingError, match="NaN or infinity"):
        explain_embeddings(decode, h[0], h[1], np.array([True]))


@pytest.mark.parametrize(("p", "epsilon"), [(0, 0.5), (float("nan"), 0.5), (1, 1), (1, -0.1)])
def test_explain_embeddings_checks_its_parameters(p, epsilon):
    h = np.ones((1, tiny.DIMENSION), np.float32)
    with pytest.raises(ParameterError):
        explain_embeddings(decode, h, h, np.array([True]), p=p, epsilon=epsilon)


def test_a_result_stays_when_the_caller_uses_his_buffer_again(tiny_explainer):
    buffer = pixels(3)
    pair = tiny_explainer.explain(buffer, pixels(4))
    buffer[:] = 0
    assert (pair.reference_crop == pixels(3)).all()


def test_crops_of_another_shape_or_type_are_refused_by_name(tiny_explainer):
    for crops in ([pixels(0), pixels(1, size=15)], [pixels(0).astype(np.float32)]):
        with pytest.raises(ImageError, match="expected crops as uint8 of shape"):
            tiny_explainer.embedder.embed(crops)


# The response decoder, which a bundle may lack


def test_an_explainer_says_whether_its_bundle_has_a_response_decoder(
    tiny_explainer, responding_explainer
):
    assert not tiny_explainer.responds
    assert responding_explainer.responds
    assert responding_explainer.manifest.responses.side == tiny.SIDE


def test_a_bundle_without_a_response_decoder_says_what_to_do(tiny_explainer):
    with pytest.raises(
        ParameterError, match=r"no response decoder: train one with `lpel train .*or choose another"
    ):
        tiny_explainer.respond(np.zeros((1, tiny.DIMENSION), np.float32))


def test_a_response_decoder_changes_nothing_else(tiny_explainer, responding_explainer):
    h = tiny_explainer.embed(np.stack([pixels(0), pixels(1)]))
    np.testing.assert_array_equal(responding_explainer.embed(np.stack([pixels(0), pixels(1)])), h)
    np.testing.assert_array_equal(responding_explainer.decode(h), tiny_explainer.decode(h))


def test_a_bundle_explains_by_the_best_that_it_can_do(tiny_explainer, responding_explainer):
    assert tiny_explainer.default_method == Lpel()
    assert responding_explainer.default_method == Responses()
    explained = responding_explainer.explain(pixels(0), pixels(1))
    same_bytes(explained, responding_explainer.explain(pixels(0), pixels(1), method=Responses()))
