"""The deletion curves of a bundle's own methods, as `lpel assess --keep` measures them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lpel_serving.support.errors import BundleError
from lpel_serving.support.typed_json import Reader

OUTCOMES = ("better", "undecided", "worse")
"""Of a comparison: see `lpel_serving.faithfulness.judgement.Comparison`."""
CURVES = ("similar", "dissimilar", "transplant", "transplant-similar")
"""Those of `lpel assess`, by name."""
_OF_DECISION: Mapping[str, tuple[str, ...]] = {
    "similar": ("similar", "transplant-similar"),
    "dissimilar": ("transplant", "dissimilar"),
}
"""The curves on pairs with a decision, the more telling first."""


@dataclass(frozen=True)
class MeasuredCurve:
    """A method's deletion curve, compared with those of its controls.

    Attributes
    ----------
    pairs
        The number of pairs that it was measured on.
    crop
        How they were cut out, in the manifest's format.
    how
        How superpixels were replaced, in words.
    area
        Under the method's normalised curve.
    against
        By control or rival, what came out: one of `OUTCOMES`.
    """

    pairs: int
    crop: str
    how: str
    area: float
    against: Mapping[str, str]


@dataclass(frozen=True)
class AssessmentRecord:
    """The manifest's record of deletion curves.

    Attributes
    ----------
    methods
        By method, with the parameters that it has by default, and by curve: `MeasuredCurve` as
        JSON-serialisable values.
    """

    methods: Mapping[str, Mapping[str, Any]]

    def of(self, method: str, decision: str, crop: str) -> MeasuredCurve | None:
        """Look up what was measured of maps such as a pair's; None if nothing was.

        With crop `none`, pictures are assumed to be cropped already, as the measured ones were.
        """
        known = self.methods.get(method, {})
        curves = (MeasuredCurve(**known[name]) for name in _OF_DECISION[decision] if name in known)
        return next((one for one in curves if crop in (one.crop, "none")), None)

    def with_curves(self, method: str, curves: Mapping[str, MeasuredCurve]) -> "AssessmentRecord":
        """Add curves of a method, in place of older ones of the same names."""
        new = {name: asdict(curve) for name, curve in curves.items()}
        return AssessmentRecord({**self.methods, method: {**self.methods.get(method, {}), **new}})


def read_assessment(reader: Reader) -> AssessmentRecord:
    """Read and check the manifest's record of deletion curves.

    Raises
    ------
    BundleError
        If a field is missing, of the wrong type or out of its range; it is named.
    """
    methods = reader.inner("methods")
    found: dict[str, dict[str, Any]] = {}
    for method in methods.fields:
        of_method = methods.inner(method)
        for curve in of_method.fields:
            _check_one_of(curve, CURVES, of_method.where)
        found[method] = {
            name: asdict(_read_curve(of_method.inner(name))) for name in of_method.fields
        }
    return AssessmentRecord(found)


def _read_curve(reader: Reader) -> MeasuredCurve:
    against = reader.inner("against")
    for name in against.fields:
        _check_one_of(against.take(name, str), OUTCOMES, against.where)
    return MeasuredCurve(
        reader.count("pairs", 2),
        reader.take("crop", str),
        reader.take("how", str),
        reader.number("area"),
        against.fields,
    )


def _check_one_of(received: str, expected: tuple[str, ...], where: str) -> None:
    if received not in expected:
        raise BundleError(
            f"{where}: expected {', '.join(expected)}; received {received[:40]!a}: run "
            "`lpel assess --keep` again."
        )
