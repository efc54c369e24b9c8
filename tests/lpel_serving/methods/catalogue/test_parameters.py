"""A method's parameters: found in its dataclass, read as text or JSON, refused out of range."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
import pytest

from lpel_serving.equations.fill import Fill
from lpel_serving.methods.catalogue.parameter import Range
from lpel_serving.methods.catalogue.parameters import parameters_in, typed
from lpel_serving.methods.catalogue.registry import find_method
from lpel_serving.support.errors import ParameterError


@dataclass(frozen=True)
class Theirs:
    """Declares a range for some parameters, and nothing of the others."""

    count: Annotated[int, Range("Of something.", 1, 9, served=4)] = 3
    share: Annotated[float, Range(above=0, most=1)] = 0.5
    bare: int = 7
    soft: bool = False
    sides: tuple[int, ...] = (1, 2)
    mode: Literal["near", "far"] = "near"
    word: str = "any"
    some: int | None = None
    fill: Annotated[Fill, Range(choices=("grey", "black"), make=Fill)] = field(
        default_factory=lambda: Fill("grey")
    )
    unwritten: object = None
    made: int = field(init=False, default=1)


PARAMETERS = {one.name: one for one in parameters_in(Theirs)}


def test_fields_that_can_be_written_are_parameters_in_their_order():
    names = ["count", "share", "bare", "soft", "sides", "mode", "word", "some", "fill"]
    assert list(PARAMETERS) == names
    assert [PARAMETERS[name].default for name in ("count", "fill", "some")] == [3, "grey", None]
    assert parameters_in(object) == parameters_in(len) == ()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("count", " 9 ", 9), ("share", "0.25", 0.25), ("share", "1", 1.0), ("bare", "-4", -4),
     ("soft", "Yes", True), ("soft", "false", False), ("sides", "4, 5", [4, 5]),
     ("mode", "far", "far"), ("word", "a=b", "a=b"), ("some", "none", None), ("some", "2", 2),
     ("fill", "black", "black")],
)  # fmt: skip
def test_text_is_read_by_the_kind(name, text, value):
    assert PARAMETERS[name].read(text) == value


@pytest.mark.parametrize(
    ("name", "text", "range_"),
    [("count", "0", "a whole number from 1 to 9"), ("count", "10", "a whole number from 1 to 9"),
     ("count", "1.5", "a whole number from 1 to 9"), ("count", "", "a whole number"),
     ("share", "0", "a number above 0 and at most 1"), ("share", "nan", "a number above 0"),
     ("share", "inf", "a number above 0"), ("bare", "x", "a whole number"),
     ("soft", "1", "yes or no"), ("sides", "", "whole numbers, with commas between"),
     ("mode", "off", "one of near, far"), ("some", "x", "a whole number, or none"),
     ("bare", "none", "a whole number"), ("fill", "blur", "one of grey, black")],
)  # fmt: skip
def test_a_refusal_names_parameter_range_and_what_was_received(name, text, range_):
    with pytest.raises(ParameterError, match=f"^{name} takes {range_}.*received .*{text}"):
        PARAMETERS[name].read(text)


@pytest.mark.parametrize(
    ("name", "value", "made"),
    [("count", 4.0, 4), ("share", 1, 1), ("sides", [3, 4], (3, 4)), ("some", None, None),
     ("fill", "black", Fill("black")), ("fill", Fill("mean"), Fill("mean"))],
)  # fmt: skip
def test_json_becomes_what_the_method_takes(name, value, made):
    received = typed(parameters_in(Theirs), {name: value}, owner="theirs")
    assert received == {name: made}
    assert getattr(Theirs(**received), name) == made


@pytest.mark.parametrize(
    ("name", "value"),
    [("count", "4"), ("count", True), ("count", None), ("count", [4]), ("share", "x"), ("soft", 1),
     ("sides", [1] * 17), ("sides", 3), ("sides", [1, "2"]), ("mode", 1), ("word", "x" * 201),
     ("fill", 3), ("fill", None)],
)  # fmt: skip
def test_json_of_another_kind_is_refused(name, value):
    with pytest.raises(ParameterError, match=f"^{name} takes .*received"):
        typed(parameters_in(Theirs), {name: value}, owner="theirs")


def test_an_unknown_parameter_is_refused_with_those_that_exist():
    with pytest.raises(ParameterError, match="theirs has no parameter 'cuont': it has count, sh"):
        typed(parameters_in(Theirs), {"cuont": 1}, owner="theirs")
    with pytest.raises(ParameterError, match="it has none"):
        typed((), {"cuont": 1}, owner="theirs")


def test_what_a_server_takes_is_bounded():
    assert PARAMETERS["count"].as_served.allowed == "a whole number from 1 to 4"
    assert PARAMETERS["share"].as_served == PARAMETERS["share"]


def test_types_that_are_not_there_are_taken_from_the_defaults():
    @dataclass
    class Unresolved:
        count: "int | Nowhere" = 4  # noqa: F821

    (only,) = parameters_in(Unresolved)
    assert (only.kind, only.range) == ("whole number", Range())


def test_true_is_not_the_choice_1():
    with pytest.raises(ParameterError, match="variant takes"):
        find_method("xface", variant=True)
    assert find_method("xface", variant=1).variant == 1


def test_numpys_numbers_are_taken():
    assert find_method("coalitions", count=np.int64(5)).count == 5
    assert find_method("lpel", p=np.float32(0.5)).p == 0.5
