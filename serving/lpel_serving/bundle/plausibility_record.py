"""The plausibility check of a bundle: fitted, stored in a file, and read from the manifest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lpel_serving.images.subject import FACES, Subject
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import BundleError
from lpel_serving.support.typed_json import Reader
from lpel_serving.verification.plausibility import Plausibility, expected_alarms, fit_plausibility


@dataclass(frozen=True)
class PlausibilityRecord:
    """The manifest's record of a bundle's check of plausibility.

    Attributes
    ----------
    limit
        The largest distance that is plausible, above 0.
    fitted
        ``how``, a sentence; ``photographs``, ``photographs_apart`` (held out) and ``people_apart``,
        their numbers; ``false_alarms``, the share of new photographs of faces that raise an alarm.
    """

    limit: float
    fitted: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class FittedPlausibility:
    """A check of plausibility, and how it was fitted, for the manifest."""

    check: Plausibility
    fitted: Mapping[str, Any]

    @property
    def record(self) -> PlausibilityRecord:
        """Its record for the manifest."""
        return PlausibilityRecord(self.check.limit, self.fitted)


def fit_record(
    known: Floats,
    apart: Floats,
    people_apart: Sequence[str],
    on: str,
    subject: Subject = FACES,
    *,
    each_alone: bool = False,
) -> FittedPlausibility | None:
    """Fit a check.

    Parameters
    ----------
    known, apart, people_apart
        See `lpel_serving.verification.plausibility.fit_plausibility`.
    on
        Description of these photographs, without names of files or people.
    subject
        What they show.
    each_alone
        Whether each photograph held out counts once, not each person: where the people are the same
        on both sides.
    """
    counted = [str(place) for place in range(len(apart))] if each_alone else people_apart
    check = fit_plausibility(known, apart, counted)
    if check is None:
        return None
    held_out = "photographs held out" if each_alone else f"{subject.kinds} held out"
    fitted = {
        "how": f"Mahalanobis distance of unit embeddings, on {on}, the limit on {held_out}",
        "photographs": len(known),
        "photographs_apart": len(apart),
        "people_apart": len(set(people_apart)),
        "false_alarms": expected_alarms(len(set(counted))),
    }
    return FittedPlausibility(check, fitted)


def fit_on_people(
    embeddings: Floats,
    identities: Sequence[str],
    rng: np.random.Generator,
    on: str,
    subject: Subject = FACES,
) -> FittedPlausibility | None:
    """Fit a check on one half of the people, and its limit on the other.

    Parameters
    ----------
    embeddings
        Of photographs, float32, shape (N, D), finite.
    identities
        Who is in each, N of them.
    rng
        Divides the people at random.
    on, subject
        See `fit_record`.
    """
    people, place = np.unique(np.array(identities), return_inverse=True)
    first = rng.permutation(len(people)) < len(people) // 2
    known = first[place]
    people_apart = [who for who, is_known in zip(identities, known, strict=True) if not is_known]
    return fit_record(embeddings[known], embeddings[~known], people_apart, on, subject)


def read_record(reader: Reader) -> PlausibilityRecord:
    """Read and check the manifest's record of a plausibility check.

    Raises
    ------
    BundleError
        If a field is missing, of the wrong type or out of its range; it is named.
    """
    fitted = reader.inner("fitted")
    fitted.take("how", str)
    for kind in ("photographs", "photographs_apart", "people_apart"):
        fitted.count(kind, 1)
    fitted.number("false_alarms", 0, 1)
    limits = np.finfo(np.float32)
    limit = reader.number("limit", float(limits.tiny), float(limits.max))
    return PlausibilityRecord(limit, fitted.fields)


def bytes_of(dimension: int) -> int:
    """Compute the size of a check's file in bytes, for embeddings of length D."""
    return 4 * (dimension + 1) * dimension


def to_bytes(check: Plausibility) -> bytes:
    """Write the arrays of a check as plain float32 numbers, little-endian, row by row.

    The first row is the mean, the others are the whitening. There is no header, so that nothing has
    to be parsed, in any language.
    """
    return np.vstack([check.mean, check.whitening]).astype("<f4").tobytes()


def from_bytes(data: bytes, dimension: int, limit: float) -> Plausibility:
    """Read what `to_bytes` wrote; the bytes are untrusted.

    Parameters
    ----------
    data
        The bytes of the file, `bytes_of` as many.
    dimension
        Length D of the bundle's embeddings.
    limit
        The largest distance that is plausible.

    Raises
    ------
    BundleError
        If a number is not finite.
    """
    values = np.frombuffer(data, "<f4").reshape(dimension + 1, dimension).astype(np.float32)
    if not np.isfinite(values).all():
        raise BundleError(
            "the check of plausibility holds NaN or infinity: run `lpel calibrate` again."
        )
    return Plausibility(values[0], values[1:], float(np.float32(limit)))
