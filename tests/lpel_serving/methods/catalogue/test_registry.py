"""One registry of methods: what each says of itself, its parameters, and the default."""

import pytest

from lpel_export.explainer.program import METHODS
from lpel_serving.methods.catalogue.registry import (
    default_method,
    default_name,
    describe_methods,
    file_method,
    file_name,
    find_method,
    make_method,
    methods,
    read_parameters,
)
from lpel_serving.methods.decoded.lpel import Lpel
from lpel_serving.methods.decoded.responses import Responses
from lpel_serving.methods.measured.coalitions import Coalitions
from lpel_serving.methods.simulated.surrogate_attribution import SurrogateAttribution
from lpel_serving.methods.simulated.surrogate_order import SurrogateOrder
from lpel_serving.support.errors import ParameterError


def test_the_default_is_the_best_that_the_bundle_can_do():
    assert (default_name(responds=True), default_name(responds=False)) == ("responses", "lpel")
    assert (default_method(responds=True), default_method(responds=False)) == (Responses(), Lpel())


def test_a_surrogate_has_the_best_method_of_all():
    for responds in (True, False):
        assert default_name(responds=responds, simulates=True) == "surrogate-order"
        assert default_method(responds=responds, simulates=True) == SurrogateOrder()
    assert default_name(responds=True, simulates=False) == "responses"


@pytest.mark.parametrize("responds", [True, False])
def test_a_file_has_the_best_that_needs_no_loop(responds):
    assert file_name(responds=responds, simulates=True) == "surrogate"
    assert file_method(responds=responds, simulates=True) == SurrogateAttribution()
    assert file_name(responds=responds, simulates=False) == default_name(responds=responds)
    assert file_method(responds=responds, simulates=False) == default_method(responds=responds)


def test_any_parameter_can_be_set():
    assert find_method("coalitions", count=64, size=8.0) == Coalitions(64, size=8)
    read = read_parameters("coalitions", ["count=64", "size = 8"])
    assert find_method("coalitions", **read) == Coalitions(64, size=8)


@pytest.mark.parametrize(
    ("text", "words"),
    [("count", "NAME=VALUE"), ("=3", "NAME=VALUE"), ("cuont=3", "it has count, side, fill, size"),
     ("count=0", "count takes a whole number of 1 or more; received 0")],
)  # fmt: skip
def test_what_cannot_be_set_is_refused(text, words):
    with pytest.raises(ParameterError, match=words):
        read_parameters("coalitions", [text])


def test_one_parameter_is_given_once():
    with pytest.raises(ParameterError, match="count is given twice"):
        read_parameters("coalitions", ["count=3", "count=3"])


def test_a_server_takes_less():
    with pytest.raises(ParameterError, match="from 1 to 256; received 4096"):
        make_method("responses", {"size": 4096}, served=True)
    assert make_method("responses", {"size": 4096}) == Responses(4096)
    with pytest.raises(ParameterError, match="from 1 to 8; received 9"):
        make_method("surrogate", {"steps": 9}, served=True)


def test_every_method_describes_itself_controls_last():
    described = describe_methods()
    assert sorted(one.name for one in described) == methods()
    assert [one.control for one in described] == sorted(one.control for one in described)
    for one in described:
        assert one.summary.endswith(".")
        assert one.caveat.endswith(".")
        assert one.title != one.name
        assert one.control or one.paper
        assert all(parameter.range.meaning.endswith(".") for parameter in one.parameters)


def test_those_that_a_file_can_hold_are_those_that_export_knows():
    assert {one.name for one in describe_methods() if one.one_file} == set(METHODS)
