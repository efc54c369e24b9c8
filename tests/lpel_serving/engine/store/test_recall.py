"""What is known of photographs is looked up; what is not is computed once, and stored."""

import numpy as np
import pytest

from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.photographs import embed_photographs
from lpel_serving.engine.store.memory import MemoryStore
from lpel_serving.engine.store.recall import recall
from lpel_serving.equations.comparison import COSINE
from lpel_serving.images.datasets.passed_over import Unusable
from lpel_serving.support.errors import ImageError
from support.images import write_people


@pytest.fixture
def paths(tmp_path):
    """Three photographs, and a copy of the first under another name."""
    paths = sorted(write_people(tmp_path / "people", 3, 1).glob("*/*"))
    copy = tmp_path / "copy.png"
    copy.write_bytes(paths[0].read_bytes())
    return [*paths, copy]


@pytest.fixture
def sums():
    """What computes the sum of a crop's pixels, and the numbers of crops that it was asked for."""
    asked: list[int] = []

    def compute(crops):
        asked.append(len(crops))
        return {key: int(cut.pixels.sum()) for key, cut in crops.items()}

    return compute, asked


def test_equal_photographs_are_computed_once(tiny_explainer, paths, sums):
    compute, asked = sums
    found = recall(tiny_explainer.embedder, paths, MemoryStore(0, lambda one: 1), compute)
    assert found[0] == found[3]
    assert asked == [3]


def test_what_is_stored_is_neither_cut_nor_computed(tiny_explainer, paths, sums, monkeypatch):
    compute, asked = sums
    store = MemoryStore(10, lambda one: 1)
    first = recall(tiny_explainer.embedder, paths, store, compute)
    monkeypatch.setattr(Embedder, "cut", None)
    assert recall(tiny_explainer.embedder, paths[::-1], store, compute) == first[::-1]
    assert asked == [3]


def test_what_cannot_be_used_is_named_or_gathered(tiny_explainer, paths, sums):
    compute, _ = sums
    paths[1].write_bytes(b"no image")
    store = MemoryStore(0, lambda one: 1)
    with pytest.raises(ImageError, match=paths[1].name):
        recall(tiny_explainer.embedder, paths, store, compute)
    unusable = Unusable()
    found = recall(tiny_explainer.embedder, paths, store, compute, unusable=unusable)
    assert [one is None for one in found] == [False, True, False, False]
    assert paths[1] in unusable


def test_photographs_are_embedded_once_whatever_their_names(tiny_explainer, paths, monkeypatch):
    embedder = tiny_explainer.embedder
    expected = embedder.embed([embedder.read(path) for path in paths])
    counted: list[int] = []
    embed = Embedder.embed

    def counting(self, crops, *arguments):
        counted.append(len(crops))
        return embed(self, crops, *arguments)

    monkeypatch.setattr(Embedder, "embed", counting)
    again = embed_photographs(embedder, COSINE, paths * 3, batch_size=2)
    np.testing.assert_array_equal(again, np.concatenate([expected] * 3))
    assert sum(counted) == 3
