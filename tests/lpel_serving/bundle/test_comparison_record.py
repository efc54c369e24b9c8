"""How a bundle says by what its network compares."""

import json

import numpy as np
import pytest

from lpel_serving.bundle.comparison_record import ComparisonRecord
from lpel_serving.bundle.loading import load_bundle
from lpel_serving.bundle.manifest import MANIFEST_FILE
from lpel_serving.bundle.manifest_reading import parse_manifest
from lpel_serving.support.errors import BundleError, ParameterError
from support import compared


@pytest.mark.parametrize("kind", compared.KINDS)
def test_a_manifest_says_it_and_only_others_than_the_cosine_are_of_the_newer_schema(kind, tmp_path):
    text = (compared.write_bundle(tmp_path / "b", kind) / MANIFEST_FILE).read_text()
    fields, manifest = json.loads(text), load_bundle(tmp_path / "b").manifest
    assert fields["schema"] == manifest.schema == (1 if kind == "cosine" else 2)
    assert ("comparison" in fields) == (kind != "cosine")
    assert parse_manifest(text) == manifest
    assert manifest.to_json() == text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"comparison": {"kind": "manhattan"}}, "expected one of cosine, euclidean, head"),
        ({"comparison": {"kind": "euclidean"}}, "spread"),
        ({"comparison": {"kind": "euclidean", "spread": 0}}, "above 0"),
        ({"comparison": {"kind": "head", "spread": 1}}, "does not list comparison.onnx"),
    ],
)
def test_a_bad_record_is_refused(changes, words, tmp_path):
    path = compared.write_bundle(tmp_path / "b", "euclidean") / MANIFEST_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(BundleError, match=words):
        load_bundle(tmp_path / "b")


def test_a_threshold_on_a_distance_is_a_similarity_and_back():
    record = ComparisonRecord("euclidean", 2.5)
    for distance in (0.02, 0.6, 3, 40):
        assert record.own_of(record.similarity_of(distance)) == pytest.approx(distance, abs=1e-7)
    with pytest.raises(ParameterError, match="too small to tell apart"):
        record.similarity_of(0.003)
    distances = [record.similarity_of(one) for one in np.linspace(0.02, 9, 50)]
    assert distances == sorted(distances, reverse=True)


@pytest.mark.parametrize(
    ("kind", "own"), [("cosine", 1.5), ("euclidean", -0.1), ("head", 2), ("euclidean", np.inf)]
)
def test_a_threshold_that_there_cannot_be_is_refused(kind, own):
    with pytest.raises(ParameterError, match="lies in"):
        compared.record(kind).similarity_of(own)
