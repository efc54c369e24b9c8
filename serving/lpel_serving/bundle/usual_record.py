"""The usual shares of a bundle's maps, and their common part: fields of the manifest."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lpel_serving.equations.regions import REGIONS
from lpel_serving.images.subject import FACES, Subject
from lpel_serving.support.errors import BundleError
from lpel_serving.support.typed_json import Reader

_DECISIONS = ("similar", "dissimilar")
ALIKE = 0.02
"""Tolerance: usual shares hold for another crop too if no mean share differs by more."""
_SUM_OFF = 0.001
"""Tolerance of the sum of mean shares, which is 1 but for rounding."""


@dataclass(frozen=True)
class UsualShare:
    """The share of a map that lies in one region, over many pairs.

    Attributes
    ----------
    mean
        Over the maps of all pairs, in [0, 1].
    low, high
        The 10th and the 90th percentile, in [0, 1].
    """

    mean: float
    low: float
    high: float

    def side(self, share: float) -> int:
        """Compare a share: 1 if above the 90th percentile, -1 if below the 10th, else 0."""
        return int(share > self.high) - int(share < self.low)


Shares = Mapping[str, UsualShare]
"""By region; empty where pictures have none."""


@dataclass(frozen=True)
class UsualMaps:
    """Usual shares of the maps of one method, for one decision.

    Attributes
    ----------
    pairs
        The number of pairs measured.
    common
        The common part: the mean correlation of the maps of two pairs that have no person in
        common, in [-1, 1].
    for_
        Shares of all that speaks for the decision.
    against
        Shares of all that speaks against it; None where hardly any map has negative values.
    """

    pairs: int
    common: float
    for_: Shares
    against: Shares | None


@dataclass(frozen=True)
class UsualRecord:
    """The manifest's record of usual shares.

    Attributes
    ----------
    measured
        ``how``, a sentence; ``crop``, how the faces were cut out; ``photographs`` and ``people``,
        or ``classes`` (see `Subject.group_key`), their numbers. Optionally ``alike``: other crops
        for which it holds too, by name, with the largest difference of a mean share.
    methods
        By method and decision, `UsualMaps` as JSON-serialisable values.
    """

    measured: Mapping[str, Any]
    methods: Mapping[str, Any]

    @property
    def crops(self) -> tuple[str, ...]:
        """The names of the crops for which it holds."""
        return str(self.measured["crop"]), *self.measured.get("alike", {})

    def of(self, method: str, decision: str) -> UsualMaps | None:
        """Look up what was measured; None if it was not."""
        methods = Reader(self.methods, "usual.methods")
        if method not in self.methods or decision not in self.methods[method]:
            return None
        maps = methods.inner(method).inner(decision)
        return _read_maps(maps, REGIONS if maps.mapping("for") else ())


def as_record(maps: UsualMaps) -> dict[str, Any]:
    """Return `UsualMaps` as JSON-serialisable values, in the manifest's format."""

    def shares(some: Shares) -> dict[str, Any]:
        return {name: asdict(share) for name, share in some.items()}

    return {
        "pairs": maps.pairs,
        "common": maps.common,
        "for": shares(maps.for_),
        "against": None if maps.against is None else shares(maps.against),
    }


def read_usual(reader: Reader, subject: Subject = FACES) -> UsualRecord:
    """Read and check the manifest's record of usual shares, for the regions of its subject.

    Raises
    ------
    BundleError
        If a field is missing, of the wrong type or out of its range; it is named.
    """
    measured = reader.inner("measured")
    for text in ("how", "crop"):
        measured.take(text, str)
    for kind in ("photographs", subject.group_key):
        measured.count(kind, 1)
    if "alike" in measured.fields:
        alike = measured.inner("alike")
        for name in alike.fields:
            alike.number(name, 0, ALIKE)
    methods = reader.inner("methods")
    for name in methods.fields:
        of_method = methods.inner(name)
        for decision in of_method.fields:
            if decision not in _DECISIONS:
                raise BundleError(
                    f"{of_method.where}: expected {' or '.join(_DECISIONS)}, "
                    f"received {decision[:40]!a}."
                )
            _read_maps(of_method.inner(decision), regions_of(subject))
    return UsualRecord(measured.fields, methods.fields)


def _read_maps(reader: Reader, regions: tuple[str, ...]) -> UsualMaps:
    return UsualMaps(
        pairs=reader.count("pairs", 1),
        common=reader.number("common", -1, 1),
        for_=_read_shares(reader.inner("for"), regions),
        against=None
        if reader.fields.get("against") is None
        else _read_shares(reader.inner("against"), regions),
    )


def regions_of(subject: Subject) -> tuple[str, ...]:
    """The names of the regions of a subject's pictures; none where they have none."""
    return REGIONS if subject.of_faces else ()


def _read_shares(reader: Reader, regions: tuple[str, ...]) -> Shares:
    if set(reader.fields) != set(regions):
        raise BundleError(
            f"{reader.where}: expected shares of {', '.join(regions) or 'nothing'}; received those "
            f"of {', '.join(sorted(ascii(name)[:40] for name in reader.fields)[:8]) or 'nothing'}."
        )
    if not regions:
        return {}
    shares = {name: _read_share(reader.inner(name)) for name in regions}
    total = sum(share.mean for share in shares.values())
    if abs(total - 1) > _SUM_OFF:
        raise BundleError(
            f"{reader.where}: expected means that sum to 1, received a sum of {total:.4g}: run "
            "`lpel calibrate` again."
        )
    return shares


def _read_share(reader: Reader) -> UsualShare:
    mean, low, high = (reader.number(name, 0, 1) for name in ("mean", "low", "high"))
    if low > high:
        raise BundleError(
            f"{reader.where}: expected low at most high, received {low:g} and {high:g}: run "
            "`lpel calibrate` again."
        )
    return UsualShare(mean, low, high)
