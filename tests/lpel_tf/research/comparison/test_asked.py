"""Which methods take part, by name as soon as they are installed, and which of them by the fill."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

import numpy as np
import pytest

from lpel_serving.equations.fill import Fill
from lpel_serving.methods.catalogue.description import networks_in
from lpel_serving.methods.measured.replacement import Filling
from lpel_tf.research.comparison.asked import asked_about, asked_once, cheap, installed
from support import plugins

ALL = ("images", "decoder", "responses", "surrogate")


@dataclass(frozen=True)
class ByFill:
    """A method of another package that is asked about fills of its own naming."""

    needs: ClassVar[tuple[str, ...]] = ("surrogate",)
    fill: Annotated[Literal["normal", "mean", "transplant"], "as it likes"] = "mean"

    def __call__(self, pair, networks, rng):
        return np.full((8, 8), len(self.fill), np.float32)


@dataclass(frozen=True)
class ByFillObject(ByFill):
    """One whose fill is a `Fill`."""

    needs: ClassVar[tuple[str, ...]] = ()
    fill: Filling = field(default_factory=Fill)


@pytest.mark.parametrize("one", ["responses", "surrogate"])
def test_a_hybrid_takes_part_where_there_is_something_to_correct(one):
    assert "hybrid" in installed(["hybrid"], ("images", "decoder", one))
    assert "hybrid" in asked_about("mean", ("images", "decoder", one))
    assert not installed(["hybrid"], ("images", "decoder"))


class Plain:
    """One without parameters that does not say what it needs."""

    def __call__(self, pair, networks, rng):
        return np.zeros((8, 8), np.float32)


@pytest.fixture(autouse=True)
def _installed(tmp_path, monkeypatch):
    kinds = {"by-fill": "ByFill", "by-fill-object": "ByFillObject", "plain": "Plain"}
    for name in kinds.values():
        monkeypatch.setattr(plugins, name, globals()[name], raising=False)
    plugins.install(tmp_path / "plugins", monkeypatch, kinds)


def test_a_method_with_a_fill_is_asked_about_each_that_it_knows():
    assert asked_about("mean", ALL)["by-fill"].fill == "mean"
    assert asked_about("transplant", ALL)["by-fill"].fill == "transplant"
    assert asked_about("blur", ALL)["by-fill-object"].fill == Fill("blur")
    assert "by-fill" not in asked_about("blur", ALL)
    assert "by-fill-object" not in asked_about("transplant", ALL)


def test_a_method_without_one_is_asked_once():
    once = asked_once(ALL, slow=False)
    assert {"plain", "responses", "lpel"} <= set(once)
    assert not {"by-fill", "by-fill-object", "coalitions", "random", "xface"} & set(once)
    assert "xface" in asked_once(ALL, slow=True)
    assert not {"plain", "responses"} & set(asked_about("mean", ALL))


def test_what_the_bundle_has_no_network_for_does_not_take_part():
    without = ("images", "decoder")
    assert "by-fill" not in asked_about("mean", without)
    assert "responses" not in asked_once(without, slow=False)
    assert "responses" not in installed(("responses", "lpel", "nobody"), without)
    assert "plain" in asked_once(without, slow=False)


def test_altered_faces_are_explained_by_what_embeds_nothing_more():
    names = set(cheap("mean", ("images", "decoder", "responses")))
    assert names == {"responses", "lpel", "lpel-mended", "centre", "random"}


def test_a_bundle_says_what_it_has(setting, responding_explainer, tiny_explainer):
    assert networks_in(tiny_explainer.manifest) == {"images", "decoder"}
    assert networks_in(responding_explainer.manifest) == {"images", "decoder", "responses"}
    assert networks_in(setting.explainer.manifest) == set(ALL)
