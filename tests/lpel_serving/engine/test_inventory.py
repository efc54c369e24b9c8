"""What is found out about the installed methods by trying them."""

import numpy as np
import pytest

from lpel_serving import Explainer
from lpel_serving.engine.inventory import take_inventory
from lpel_serving.equations.decision import DECISIONS
from lpel_serving.equations.fill import FILLS
from lpel_serving.methods import FacePair, find_method, methods
from lpel_serving.methods.both_ways import explain_both_ways
from lpel_serving.methods.controls.derived import AnotherPair, Shifted
from lpel_serving.methods.each_once import EachOnce
from lpel_serving.methods.method import is_control
from lpel_serving.report.document import document
from lpel_tf.research.measures.cost import CountingNetworks
from support import compared, tiny
from support.images import pixels

COSTLY = ("coalitions", "corrrise", "occlusion")


@pytest.fixture(scope="module")
def inventory(simulating_explainer):
    return {entry.name: entry for entry in take_inventory(simulating_explainer)}


def test_every_installed_method_is_listed_with_a_summary(inventory):
    assert sorted(inventory) == methods()
    assert all(entry.description.summary.endswith(".") for entry in inventory.values())


@pytest.mark.parametrize("name", COSTLY)
@pytest.mark.parametrize("similar", [True, False])
def test_it_costs_what_is_said(name, similar, inventory, simulating_explainer):
    crops = np.stack([pixels(seed, tiny.IMAGE_SIZE) for seed in (0, 1)])
    pair = FacePair(*crops, *simulating_explainer.embed(crops), similar)
    decision, method = DECISIONS[similar], find_method(name)
    counted = CountingNetworks(simulating_explainer)
    explain_both_ways(method, pair, counted, np.random.default_rng(0))
    assert counted.embedded == inventory[name].images[decision] <= inventory[name].embeddings
    counted.embedded = 0
    method(pair, EachOnce(counted), np.random.default_rng(0))
    assert counted.embedded == inventory[name].one_way[decision]


def test_what_asks_the_decoders_alone_costs_nothing(inventory):
    free = ("surrogate", "surrogate-order", "responses", "lpel", "lpel-mended", "centre", "random")
    assert [inventory[name].embeddings for name in free] == [0] * len(free)


def test_signs_and_decisions_are_found_out(inventory):
    assert not inventory["lpel"].signed
    assert inventory["responses"].signed
    assert inventory["emsnn"].decisions == ("similar",)
    assert inventory["lpel"].decisions == ("similar", "dissimilar")


def test_controls_say_that_they_are_and_stand_after_all_others(inventory):
    controls = [name for name, entry in inventory.items() if entry.description.control]
    assert controls == ["centre", "constant-relevance", "random"]
    assert list(inventory)[-3:] == controls


class Edges:
    """A method of somebody else's package, which declares nothing."""

    def __call__(self, pair, networks, rng):
        return pair.test[:, :, 0].astype(np.float32)


class Corners(Edges):
    """A control of theirs."""

    control = True


def test_methods_of_others_are_no_controls_unless_they_say_so():
    assert not is_control(Edges())
    assert is_control(Corners())
    assert not is_control(Shifted(Edges()))
    assert is_control(AnotherPair(Edges(), None))


def test_a_control_of_others_is_marked_on_what_it_makes(tiny_explainer):
    ours, theirs = (
        tiny_explainer.explain(pixels(0), pixels(1), method=method)
        for method in (Edges(), Corners())
    )
    assert (ours.control, theirs.control) == (False, True)
    assert document(theirs)["method"]["control"]


def test_without_a_response_decoder_what_needs_one_explains_nothing(tiny_explainer):
    entries = {entry.name: entry for entry in take_inventory(tiny_explainer)}
    assert entries["responses"].decisions == entries["hybrid"].decisions == ()
    assert entries["surrogate"].decisions == entries["surrogate-order"].decisions == ()
    assert entries["lpel"].decisions == ("similar", "dissimilar")


def test_parameters_are_the_methods_own(inventory):
    assert inventory["lpel"].parameters == {"p": 0.3}
    assert inventory["responses"].parameters == {"size": 40}


class Asked:
    """Networks that note what is asked of them."""

    def __init__(self, networks):
        self.networks, self.needs = networks, set()

    @property
    def comparison(self):
        return self.networks.comparison

    @property
    def simulated_fills(self):
        return self.networks.simulated_fills

    def embed(self, crops):
        self.needs.add("images")
        return self.networks.embed(crops)

    @property
    def decodes(self):
        return self.networks.decodes

    def decode(self, embeddings):
        self.needs.add("decoder")
        return self.networks.decode(embeddings)

    def respond(self, embeddings):
        self.needs.add("responses")
        return self.networks.respond(embeddings)

    def features(self, crops):
        self.needs.add("surrogate")
        return self.networks.features(crops)

    def simulate(self, images, fill, donors=None):
        self.needs.add("surrogate")
        return self.networks.simulate(images, fill, donors)


@pytest.mark.parametrize("name", methods())
def test_a_method_needs_explains_and_signs_what_it_says(name, inventory, simulating_explainer):
    entry, asked = inventory[name], Asked(simulating_explainer)
    crops = np.stack([pixels(seed, tiny.IMAGE_SIZE) for seed in (0, 1)])
    h_r, h_t = simulating_explainer.embed(crops)
    find_method(name)(FacePair(*crops, h_r, h_t, True), asked, np.random.default_rng(0))
    best = getattr(find_method(name), "any_of", ())[:1]
    assert asked.needs == {*entry.description.needs, *best}
    assert entry.decisions == entry.description.decisions
    assert entry.signed == entry.description.signed


def test_what_simulates_offers_the_fills_of_this_surrogate_alone(inventory, simulating_explainer):
    for name in ("surrogate", "surrogate-order"):
        offered = {one.name: one for one in inventory[name].description.parameters}["fill"]
        assert sorted(offered.range.choices) == sorted(simulating_explainer.simulated_fills)
        assert offered.allowed == f"one of {', '.join(offered.range.choices)}"
    measured = {one.name: one for one in inventory["coalitions"].description.parameters}["fill"]
    assert set(measured.range.choices) == set(FILLS)


def test_what_divides_a_cosine_is_not_offered_where_there_is_none(tmp_path):
    explainer = Explainer.load(compared.write_bundle(tmp_path / "bundle", "euclidean"))
    entries = {entry.name: entry for entry in take_inventory(explainer)}
    for name in ("lpel-mended", "xface"):
        assert entries[name].decisions == ()
        assert "compares by" in entries[name].reason
    assert entries["lpel"].decisions == ("similar", "dissimilar")
