"""Descriptions of methods: title, summary, parameters, networks needed, decisions explained."""

import sys
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from typing import Any, cast, get_args

from lpel_serving.bundle.manifest import Manifest
from lpel_serving.bundle.origin import MEASURED, is_measured
from lpel_serving.equations.decision import DECISIONS
from lpel_serving.images.subject import FACES, Subject
from lpel_serving.methods.catalogue.parameter import Parameter
from lpel_serving.methods.catalogue.parameters import parameters_in
from lpel_serving.methods.method import Need, is_control, title_of

NEEDS: dict[Need, str] = {
    "images": "the photographs",
    "decoder": "the decoder",
    "responses": "a response decoder",
    "surrogate": "a surrogate, and local features of the photographs",
}
"""The same in words."""

CONTROL_CAVEAT = (
    "A control's map does not show what the network decides by: it does not depend on the pair. "
    "It shows how well such a map does, and other maps have to do better."
)


@dataclass(frozen=True)
class Description:
    """The description that a method declares, in the words of a bundle.

    Attributes
    ----------
    name
        Its name for `lpel_serving.methods.catalogue.registry.find_method`.
    title
        What its maps show, in a few plain words.
    summary
        What it does, in one line.
    paper
        Where it was published; None if nowhere.
    parameters
        What can be set.
    needs
        The networks that it runs; None if it does not declare them.
    decisions
        The decisions that it can explain: ``similar``, ``dissimilar``.
    signed
        Whether its maps also show what speaks against the decision; None if it does not declare it.
    caveat
        What its maps cannot prove, whatever the pair: what was measured of them, if that was of
        this network, and `general`.
    general
        What they cannot prove whatever the network; empty if no more is to be said.
    one_file
        Whether a one-file explainer can contain it.
    control
        Whether it is a control: see `lpel_serving.methods.method.is_control`.
    any_of
        Networks of which any one is enough, the best first: see `missing_needs`.
    """

    name: str
    title: str
    summary: str
    paper: str | None
    parameters: tuple[Parameter, ...]
    needs: tuple[Need, ...] | None
    decisions: tuple[str, ...]
    signed: bool | None
    caveat: str
    one_file: bool
    control: bool
    any_of: tuple[Need, ...] = ()
    general: str = ""


def describe(
    name: str, method: Any, *, subject: Subject = FACES, embedder: str = MEASURED
) -> Description:
    """Read a method's description from its class and module.

    Parameters
    ----------
    name
        Its name.
    method
        The method. Its class may have any of ``title``, ``paper``, ``needs``, ``decisions``,
        ``signed``, ``caveat``, ``one_file`` and ``control`` as a ``ClassVar``, see `Description`;
        its parameters are its dataclass's fields: see `lpel_serving.methods.catalogue.parameter`.
        The summary is the first line of its module, or else of the class. A caveat that quotes a
        measurement goes with ``elsewhere``, what it says of other networks, perhaps nothing. All
        may speak of faces: they are retold for another subject.
    subject, embedder
        What the bundle compares, and its name of the network.
    """
    control = is_control(method)
    return Description(
        name,
        subject.retell(title_of(method, name)),
        subject.retell(_summary(cast("type[Any]", type(method)))),
        getattr(method, "paper", None),
        parameters_in(cast("Any", type(method))),
        needs_of(method),
        _known(getattr(method, "decisions", None), DECISIONS.values()) or tuple(DECISIONS.values()),
        getattr(method, "signed", None),
        CONTROL_CAVEAT if control else subject.retell(_caveat(name, method, embedder)),
        bool(getattr(method, "one_file", False)),
        control,
        any_of(method),
        CONTROL_CAVEAT if control else subject.retell(_general(method)),
    )


def _caveat(name: str, method: Any, embedder: str) -> str:
    caveat = getattr(method, "caveat", unmeasured(name))
    if is_measured(embedder) or not hasattr(method, "elsewhere"):
        return caveat
    return f"{unmeasured(name)} {method.elsewhere}".strip()


def _general(method: Any) -> str:
    return getattr(method, "elsewhere", getattr(method, "caveat", ""))


def needs_of(method: Any) -> tuple[Need, ...] | None:
    """Return the networks that a method declares to run; None if it does not declare them."""
    return _known(getattr(method, "needs", None), get_args(Need))


def networks_in(manifest: Manifest) -> frozenset[Need]:
    """Return the networks that a bundle has for methods to run."""
    found: set[Need] = {"images"}
    if manifest.decoder is not None:
        found.add("decoder")
    if manifest.responses is not None:
        found.add("responses")
    if manifest.surrogate is not None:
        found.add("surrogate")
    return frozenset(found)


def missing_needs(method: Any, there: Collection[Need]) -> tuple[Need, ...]:
    """Return the networks that a method lacks to run; empty if it can, or declares none.

    Parameters
    ----------
    method
        The method. Where any one of several networks is enough for it, its class has them, the best
        first, as ``any_of: ClassVar[tuple[Need, ...]]``; all of them lack if none is there.
    there
        The networks that there are.
    """
    either = any_of(method)
    lacking = either if either and not set(either) & set(there) else ()
    return (*(one for one in needs_of(method) or () if one not in there), *lacking)


def asks(method: Any, need: Need) -> bool:
    """Whether a method runs a network where there is one: it needs it, or one of several."""
    return need in (*(needs_of(method) or ()), *any_of(method))


def any_of(method: Any) -> tuple[Need, ...]:
    """Return the networks of which any one is enough for a method; none if it declares none."""
    words = get_args(Need)
    return tuple(one for one in getattr(method, "any_of", ()) if one in words)


def _known(declared: Any, words: Iterable[str]) -> Any:
    """Keep the words that are known of what a class declares; None if it declares no list."""
    if not isinstance(declared, tuple | list | set | frozenset):
        return None
    return tuple(one for one in words if one in declared)


def unknown(name: str) -> Description:
    """Describe a method that cannot be created."""
    return Description(name, name, "", None, (), None, (), None, unmeasured(name), False, False)


def unmeasured(name: str) -> str:
    """The caveat of a method that declares none."""
    return (
        f"Whether maps by {name} show what the network decides by was not measured here; "
        f"`lpel assess --method {name}` measures it."
    )


def as_record(description: Description, *, served: bool = False) -> dict[str, Any]:
    """Return a description as JSON-serialisable values, without what any one is enough of.

    Parameters
    ----------
    description
        Of a method.
    served
        Whether to use the narrower ranges of a server.
    """
    parameters = [one.as_served if served else one for one in description.parameters]
    known = {name: getattr(description, name) for name in description.__dataclass_fields__}
    for of_bundle in ("any_of", "general"):  # a bundle's own list and verdicts say it
        del known[of_bundle]
    return {**known, "parameters": [_parameter_record(one) for one in parameters]}


def _parameter_record(parameter: Parameter) -> dict[str, Any]:
    of = asdict(parameter.range)
    return {
        "name": parameter.name,
        "meaning": of["meaning"],
        "kind": parameter.kind,
        "default": parameter.default,
        "optional": parameter.optional,
        **{bound: of[bound] for bound in ("least", "most", "above")},
        "choices": of["choices"],
        "allowed": parameter.allowed,
    }


def _summary(kind: type[Any]) -> str:
    """The first line of the docstring of a method's module, or else of its class."""
    module = sys.modules.get(kind.__module__)
    text = (module.__doc__ if module is not None else None) or kind.__doc__ or ""
    return text.strip().partition("\n")[0]
