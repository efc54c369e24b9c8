"""Any manifest is read as it was written, and any text is parsed or refused."""

import contextlib
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lpel_serving.bundle.manifest import (
    DecoderRecord,
    EmbedderRecord,
    FileRecord,
    Manifest,
    ResponseRecord,
    ThresholdRecord,
)
from lpel_serving.bundle.manifest_reading import parse_manifest
from lpel_serving.support.errors import BundleError
from lpel_serving.support.image_shape import ImageShape, square
from support.strategies import few

pytestmark = pytest.mark.property


letters = "abcXYZ019"

names = st.text(letters, min_size=1, max_size=4).map(lambda name: f"{name}-1.on_nx")

texts = st.text(max_size=8)

shapes = st.builds(
    ImageShape, st.integers(1, 4096), st.integers(1, 4096), st.sampled_from([1, 3])
) | st.builds(square, st.integers(1, 4096))

sizes = st.integers(1, 65536)

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)

notes = st.dictionaries(texts, scalars | texts | st.lists(scalars, max_size=2), max_size=2)

hashes = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")

file_records = st.builds(FileRecord, hashes, st.integers(0, 2**40))

responses = st.builds(ResponseRecord, st.integers(1, 64), notes)

decoders = st.builds(DecoderRecord, shapes, notes)

explaining = st.tuples(decoders, st.none() | responses) | st.tuples(st.none(), responses)
"""A decoder, a response decoder, or both."""


def manifest_of(networks, **fields):
    return Manifest(decoder=networks[0], responses=networks[1], **fields)


manifests = st.builds(
    manifest_of,
    explaining,
    files=st.dictionaries(names, file_records, max_size=3),
    embedder=st.builds(EmbedderRecord, texts, shapes, sizes, texts),
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


@few
@given(manifests)
def test_a_manifest_of_square_rgb_images_alone_is_of_the_first_schema(manifest):
    written = json.loads(manifest.to_json())
    records = {"embedder": manifest.embedder, "decoder": manifest.decoder}
    networks = {name: one for name, one in records.items() if one is not None}
    for name, network in networks.items():
        shape = network.shape
        plain = shape.height == shape.width and shape.channels == 3
        assert ("image_size" in written[name]) == plain
        assert written[name].get("image_shape") == (None if plain else list(shape))
    is_new = "decoder" not in written or any("image_shape" in written[one] for one in networks)
    assert written["schema"] == (2 if is_new else 1)


@pytest.mark.parametrize(
    "shape", [[12, 20], [12, 20, 2], [12, 20, 4], [0, 20, 1], [12, 20.0, 1], [12, 4097, 3], 12]
)
def test_a_shape_of_no_image_is_refused(shape):
    fields = {**valid, "schema": 2}
    fields["embedder"] = {**fields["embedder"], "image_shape": shape}
    with pytest.raises(BundleError, match=r"manifest\.embedder\.image_shape"):
        parse_manifest(json.dumps(fields))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)

valid = json.loads(
    Manifest(
        files={"embedder.onnx": FileRecord("0" * 64, 1)},
        embedder=EmbedderRecord("tiny", square(16), 6, "unit"),
        decoder=DecoderRecord(square(8), {}),
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
