"""What holds of the equations, of reading and of the bundle for any input."""

import contextlib
import io
import json

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from lpel_serving.bundle.manifest import (
    DecoderRecord,
    EmbedderRecord,
    FileRecord,
    Manifest,
    ThresholdRecord,
    parse_manifest,
)
from lpel_serving.bundle.safety.external_data import refuse_external_data
from lpel_serving.equations.agreement import intersection_over_union, spearman
from lpel_serving.equations.mask import mask
from lpel_serving.equations.normalisation import min_max
from lpel_serving.equations.relevance import feature_distance, relevance
from lpel_serving.equations.similarity import cosine_similarity
from lpel_serving.images.crops import LEAST_SHARE, LEAST_SIDE, CentreCrop
from lpel_serving.images.datasets.pairs_list import read_pairs
from lpel_serving.images.reading import read_pixels
from lpel_serving.methods.lpel import explain_embeddings
from lpel_serving.report.figures import highlight
from lpel_serving.support.errors import BundleError, ImageError, PairsError
from support import tiny
from support.images import pixels

pytestmark = pytest.mark.property

few = settings(max_examples=60, deadline=None, derandomize=True)

numbers = st.floats(-1e6, 1e6, width=32)
seeds = st.integers(0, 2**32 - 1)


def vectors(count: int) -> st.SearchStrategy[np.ndarray]:
    """Float32, shape (count, D)."""
    shapes = st.integers(1, 12).map(lambda dimension: (count, dimension))
    return arrays.arrays(np.float32, shapes, elements=numbers)


maps = arrays.arrays(
    np.float32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=numbers
)


@few
@given(vectors(2), st.booleans())
def test_relevance_lies_in_0_to_1_and_keeps_when_roles_change(h, similar):
    r = relevance(h[0], h[1], similar)
    assert r.dtype == np.float32
    assert r.shape == h[0].shape
    assert r.min() >= 0
    assert r.max() <= 1
    np.testing.assert_array_equal(r, relevance(h[1], h[0], similar))


@few
@given(vectors(2))
def test_relevances_of_both_decisions_sum_to_1(h):
    distances = feature_distance(h[0], h[1])
    assume(distances.max() > distances.min())
    similar, dissimilar = (relevance(h[0], h[1], decision) for decision in (True, False))
    np.testing.assert_allclose(similar + dissimilar, 1, rtol=1e-6)
    for r in (similar, dissimilar):
        assert r.min() == 0
        assert r.max() == 1


@few
@given(maps)
def test_min_max_lies_in_0_to_1_and_is_idempotent(values):
    once = min_max(values, axes=(-2, -1))
    assert once.dtype == np.float32
    assert once.min() == 0
    assert once.max() in {0, 1}
    np.testing.assert_array_equal(min_max(once, axes=(-2, -1)), once)


@few
@given(maps, st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_a_mask_shrinks_as_epsilon_grows(heat_map, first, second):
    wide, narrow = (mask(heat_map, epsilon) for epsilon in sorted((first, second)))
    assert wide.shape == heat_map.shape
    assert not np.any(narrow & ~wide)


@few
@given(seeds, st.floats(0.05, 5), st.booleans())
def test_with_a_linear_decoder_p_does_not_change_the_normalised_heat_map(seed, p, similar):
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(6, 4 * 4 * 3)).astype(np.float32)
    h = rng.normal(size=(2, 1, 6)).astype(np.float32)

    def decode(embeddings: np.ndarray) -> np.ndarray:
        return (embeddings @ kernel + np.float32(0.5)).reshape(-1, 4, 4, 3)

    (one,), (other,) = (
        explain_embeddings(decode, h[0], h[1], np.array([similar]), p=magnitude)
        for magnitude in (0.3, p)
    )
    np.testing.assert_allclose(one.normalised_heat_map, other.normalised_heat_map, atol=2e-4)


@few
@given(vectors(2), st.floats(0.001, 1000))
def test_cosine_similarity_is_bounded_symmetric_and_ignores_scale(h, scale):
    cosine = cosine_similarity(h[0], h[1])
    assert -1 <= cosine <= 1
    assert cosine == cosine_similarity(h[1], h[0])
    scaled = h[0] * np.float32(scale)
    assume(np.linalg.norm(scaled.astype(np.float64)) > 1e-30 or not h[0].any())
    assert cosine_similarity(scaled, h[1]) == pytest.approx(cosine, abs=1e-5)


@few
@given(vectors(1))
def test_a_vector_is_as_similar_as_can_be_to_itself_and_the_opposite_of_its_negative(h):
    assume(h.any())
    assert cosine_similarity(h[0], h[0]) == pytest.approx(1)
    assert cosine_similarity(h[0], -h[0]) == pytest.approx(-1)


@settings(few, max_examples=200)
@given(vectors(2))
def test_spearman_is_bounded_symmetric_and_ignores_rising_changes(values):
    first, second = values
    rho = spearman(first, second)
    assert -1 <= rho <= 1
    assert rho == spearman(second, first)
    assert spearman(first, first) == pytest.approx(1 if np.ptp(first) else 0)
    ranks = np.searchsorted(np.unique(first), first).astype(np.float32)
    assert spearman(ranks, second) == rho


@few
@given(arrays.arrays(np.bool_, (2, 4, 5)))
def test_iou_is_bounded_and_symmetric(masks):
    iou = intersection_over_union(masks[0], masks[1])
    assert 0 <= iou <= 1
    assert iou == intersection_over_union(masks[1], masks[0])
    assert intersection_over_union(masks[0], masks[0]) == 1


@few
@given(seeds, st.integers(1, 20), st.integers(1, 20), st.integers(1, 9), st.integers(1, 9))
def test_highlight_keeps_the_shape_of_the_image(seed, height, width, rows, columns):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    received = highlight(image, rng.random((rows, columns)) < 0.5)
    assert received.shape == image.shape
    assert received.dtype == np.uint8


@few
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.floats(LEAST_SHARE, 1),
    st.integers(1, 64),
)
def test_a_centred_crop_is_always_the_square_that_was_asked_for(height, width, fraction, size):
    assume(fraction == 1 or round(min(height, width) * fraction) >= LEAST_SIDE)
    picture = np.full((height, width, 3), 9, np.uint8)
    received = CentreCrop(fraction)(picture, size)
    assert received.shape == (size, size, 3)
    assert received.dtype == np.uint8
    np.testing.assert_array_equal(received, 9)


letters = "abcXYZ019"
names = st.text(letters, min_size=1, max_size=4).map(lambda name: f"{name}-1.on_nx")
texts = st.text(max_size=8)
sides = st.integers(1, 4096)
sizes = st.integers(1, 65536)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
notes = st.dictionaries(texts, scalars | texts | st.lists(scalars, max_size=2), max_size=2)
hashes = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")
file_records = st.builds(FileRecord, hashes, st.integers(0, 2**40))
manifests = st.builds(
    Manifest,
    files=st.dictionaries(names, file_records, max_size=3),
    embedder=st.builds(EmbedderRecord, texts, sides, sizes, texts),
    decoder=st.builds(DecoderRecord, sides, notes),
    crop=texts,
    threshold=st.builds(ThresholdRecord, st.floats(-1, 1), notes),
    parity=notes,
    created_by=texts,
)


@few
@given(manifests)
def test_a_manifest_survives_being_written_and_read(manifest):
    text = manifest.to_json()
    assert parse_manifest(text) == manifest
    assert parse_manifest(text).to_json() == text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
valid = json.loads(
    Manifest(
        files={"embedder.onnx": FileRecord("0" * 64, 1)},
        embedder=EmbedderRecord("tiny", 16, 6, "unit"),
        decoder=DecoderRecord(8, {}),
        crop="none",
        threshold=ThresholdRecord(0.25, {}),
    ).to_json()
)
places = [
    (*outer, key)
    for outer, inner in [
        ((), valid),
        (("embedder",), valid["embedder"]),
        (("decoder",), valid["decoder"]),
        (("threshold",), valid["threshold"]),
        (("files",), valid["files"]),
        (("files", "embedder.onnx"), valid["files"]["embedder.onnx"]),
    ]
    for key in inner
]


def parses_or_refuses(text: str) -> None:
    with contextlib.suppress(BundleError):
        parse_manifest(text)


@few
@given(st.text())
@example("[" * 100_000)
@example('{"schema": ' + "1" * 5000 + "}")
def test_any_text_is_parsed_as_a_manifest_or_refused(text):
    parses_or_refuses(text)


@settings(few, max_examples=300)
@given(st.sampled_from(places), json_values)
def test_a_manifest_with_one_value_changed_is_parsed_or_refused(place, value):
    fields = json.loads(json.dumps(valid))
    home = fields
    for key in place[:-1]:
        home = home[key]
    home[place[-1]] = value
    parses_or_refuses(json.dumps(fields))


@few
@given(st.data())
def test_a_manifest_with_letters_changed_is_parsed_or_refused(data):
    text = json.dumps(valid)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 5)))
    parses_or_refuses(text[:start] + data.draw(st.text(max_size=3)) + text[end:])


def walks_or_refuses(model: bytes) -> None:
    with contextlib.suppress(BundleError):
        refuse_external_data(model, "model.onnx")


@settings(few, max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_walked_as_a_model_or_refused(model):
    walks_or_refuses(model)


models = st.sampled_from(
    [tiny.embedder_model().SerializeToString(), tiny.decoder_model().SerializeToString()]
)


def damaged(data: st.DataObject, whole: bytes) -> bytes:
    """Bytes with a few of them altered, and perhaps the end cut off."""
    altered = bytearray(whole)
    # Headers and graphs stand at the beginning or the end, so those are hit as often as the rest.
    edge = min(60, len(whole) - 1)
    place = (
        st.integers(0, len(whole) - 1)
        | st.integers(0, edge)
        | st.integers(len(whole) - 1 - edge, len(whole) - 1)
    )
    for at, value in data.draw(st.lists(st.tuples(place, st.integers(0, 255)), max_size=4)):
        altered[at] = value
    return bytes(altered[: data.draw(st.just(len(whole)) | st.integers(0, len(whole)))])


@settings(few, max_examples=200)
@given(models, st.data())
def test_a_damaged_model_is_walked_or_refused(model, data):
    walks_or_refuses(damaged(data, model))


def encoded(kind: str) -> bytes:
    """The bytes of a small picture."""
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels(0, 12)).save(buffer, format=kind, exif=exif)
    return buffer.getvalue()


def reads_or_refuses(data: bytes) -> None:
    try:
        received = read_pixels(data)
    except ImageError:
        return
    assert received.dtype == np.uint8
    assert received.ndim == 3
    assert received.shape[2] == 3


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@few
@given(st.binary(max_size=100))
@example(b"P5 2 1 65535\n\x00\x00\xff\xff")
@example(b"P2 2 1 0 1 1")
@example(b"Pf\n1 1\n-1.0\n\x00\x00\x00\x3f")
def test_any_bytes_are_read_as_a_picture_or_refused(data):
    reads_or_refuses(data)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow's remarks on damaged EXIF
@settings(few, max_examples=300)
@given(st.sampled_from([encoded(kind) for kind in ("JPEG", "PNG", "WEBP")]), st.data())
def test_a_damaged_picture_is_read_or_refused(picture, data):
    reads_or_refuses(damaged(data, picture))


@few
@given(st.lists(st.sampled_from(["Ann", "1", "12", "x/y", "\t", " ", "\n", "٣", "..", "²"])))
def test_any_text_is_read_as_pairs_or_refused(tmp_path_factory, parts):
    folder = tmp_path_factory.getbasetemp()
    path = folder / "any-pairs.txt"
    path.write_text("".join(parts), encoding="utf-8")
    with contextlib.suppress(PairsError):
        read_pairs(path, folder)
