"""What is said of the method that explained: its installed name and its own caveat."""

import numpy as np
import pytest

from lpel_serving.engine.inventory import count_images, take_inventory
from lpel_serving.methods.both_ways import explain_both_ways
from lpel_serving.methods.catalogue.description import describe
from lpel_serving.methods.catalogue.registry import find_method, methods
from lpel_serving.methods.measured.coalitions import Coalitions
from lpel_serving.methods.method import FacePair
from lpel_serving.methods.used import MethodUsed
from lpel_serving.support.errors import WithdrawnError
from support import tiny
from support.images import pixels

ELSEWHERE = """
import numpy as np


class Mine:
    caveat = "Mine is no reason."
    needs = ("embedder", "images")
    decisions = None

    def __call__(self, pair, networks, rng):
        return pair.test.mean(axis=-1)
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A method of another package, registered by another module than the one that defines it."""
    package = tmp_path / "package_of_others"
    package.mkdir()
    (package / "inner.py").write_text(ELSEWHERE)
    (package / "__init__.py").write_text("from package_of_others.inner import Mine as Mine\n")
    metadata = tmp_path / "package_of_others-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: package-of-others\nVersion: 1\n"
    )
    (metadata / "entry_points.txt").write_text("[lpel.methods]\nmine = package_of_others:Mine\n")
    monkeypatch.syspath_prepend(tmp_path)
    return find_method("mine")


@pytest.mark.parametrize("name", methods())
def test_ours_are_named_as_they_are_installed(name):
    used = MethodUsed(find_method(name))
    assert (used.name, used.describe()) == (name, describe(name, find_method(name)))


def test_a_method_keeps_its_name_and_caveat_whichever_module_registers_it(mine):
    assert (MethodUsed(mine).name, MethodUsed(mine).describe().caveat) == (
        "mine",
        "Mine is no reason.",
    )


def test_a_method_given_as_an_object_keeps_its_caveat():
    class Own:
        caveat = "Own is no reason."

    assert (MethodUsed(Own()).name, MethodUsed(Own()).describe().caveat) == (
        "Own",
        "Own is no reason.",
    )


def test_what_a_method_of_another_package_declares_oddly_is_left_out(mine, tiny_explainer):
    described = describe("mine", mine)
    assert described.needs == ("images",)
    assert described.decisions == ("similar", "dissimilar")
    assert "mine" in {entry.name for entry in take_inventory(tiny_explainer)}


@pytest.mark.parametrize("kind", [np.float64, np.int64, np.uint8, np.float16])
def test_maps_of_any_numbers_become_float32(kind, tiny_explainer):
    pair = FacePair(pixels(0), pixels(1), *np.eye(2, tiny.DIMENSION, dtype=np.float32), True)
    maps = np.arange(12).reshape(3, 4).astype(kind)
    found = explain_both_ways(
        lambda pair, networks, rng: maps, pair, tiny_explainer, np.random.default_rng(0)
    )
    assert found.forward.dtype == found.swapped.dtype == np.float32
    np.testing.assert_array_equal(found.forward, maps.astype(np.float32))


def test_a_count_stops_at_too_many(tiny_explainer):
    counted: list[int] = []

    def more_than(most):
        return lambda images: counted.append(images) or images > most

    def count(most, **more):
        method = Coalitions(count=64)
        return count_images(
            method, tiny_explainer, similar=True, is_too_many=more_than(most), **more
        )

    assert 60 <= count(1000, one_way=True) <= 64 < count(1000, one_way=False) <= 128
    counted.clear()
    assert count(20, one_way=False) == counted[-1] <= 20 + 64


def test_a_cancelled_count_raises_what_cancelled_it(tiny_explainer):
    def cancelled(images):
        raise WithdrawnError("the client has gone away.")

    with pytest.raises(WithdrawnError):
        count_images(
            Coalitions(), tiny_explainer, similar=False, one_way=True, is_too_many=cancelled
        )
