"""The table of a shard's pairs, as listed or as found by a search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.store.by_number import UNUSABLE, Failure, Lookup, Numbers
from lpel_serving.equations.comparison import Comparison
from lpel_serving.support.arrow import Table, pa
from lpel_serving.support.errors import PairsError
from lpel_serving.verification.search import NOBODY, most_similar

ALONE = "alone"
"""The error code of a probe whose gallery has no other usable image."""


@dataclass(frozen=True, eq=False)
class PairTable:
    """Pairs, and which of them can be explained.

    Attributes
    ----------
    identifiers
        The pairs' names.
    reference_names, test_names
        The images' names, or None.
    references, tests
        The images' numbers, int64, shape (N,).
    codes, messages
        Why a pair cannot be explained, or None.
    ranks
        In a search, from 1; 0 where nothing was found for the probe.
    left_out
        Members of the gallery that could not be used.
    in_gallery
        Probes that are in the gallery themselves.
    """

    identifiers: Sequence[str]
    reference_names: Sequence[str | None]
    test_names: Sequence[str | None]
    references: Numbers
    tests: Numbers
    codes: Sequence[str | None]
    messages: Sequence[str | None]
    ranks: Sequence[int] | None = None
    left_out: int = 0
    in_gallery: int = 0

    def without(self, failures: Mapping[int, Failure]) -> "PairTable":
        """Mark images that turned out to be unusable, by their numbers."""
        codes, messages = list(self.codes), list(self.messages)
        for role, numbers in (("test", self.tests), ("reference", self.references)):
            for i in np.flatnonzero(self.usable & np.isin(numbers, list(failures))).tolist():
                failure = failures[int(numbers[i])]
                codes[i], messages[i] = failure.code, f"{role}: {failure.message}"
        return replace(self, codes=codes, messages=messages)

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which pairs can be explained."""
        return np.array([code is None for code in self.codes], np.bool_)

    @property
    def errors(self) -> int:
        """How many cannot."""
        return sum(code is not None for code in self.codes)


def listed_pairs(rows: Table, lookup: Lookup) -> PairTable:
    """Take the pairs of a shard as they were listed."""
    codes: list[str | None] = [None] * len(rows)
    messages: list[str | None] = [None] * len(rows)
    for role in ("test", "reference"):  # if both are unusable, the reference's error is kept
        for i, (code, message) in _failures(rows, role, lookup).items():
            codes[i], messages[i] = code, f"{role}: {message}"
    return PairTable(
        rows["identifier"].to_pylist(),
        rows["reference"].to_pylist(),
        rows["test"].to_pylist(),
        rows["reference_number"].to_numpy(),
        rows["test_number"].to_numpy(),
        codes,
        messages,
    )


def searched_pairs(
    comparison: Comparison, probes: Table, gallery: Table, lookup: Lookup, top: int, *, apart: bool
) -> PairTable:
    """Pair each probe, as test, with the most similar of a gallery, as references.

    Parameters
    ----------
    probes, gallery
        Their planned rows.
    lookup
        What became of their images.
    top
        Number of results for each probe.
    apart
        Whether a probe's own image in the gallery, under any name, is excluded.

    Raises
    ------
    PairsError
        If none of the gallery can be used.
    """
    numbers = gallery["image_number"].to_numpy()
    members = np.flatnonzero(~lookup.failed(numbers))
    if not len(members):
        raise PairsError("none of the gallery's images can be used.")
    failures = _failures(probes, "image", lookup)
    good = np.array([i for i in range(len(probes)) if i not in failures], np.int64)
    of_probes = probes["image_number"].to_numpy()[good]

    def some(of: slice) -> NDArray[np.float32]:
        return lookup.embeddings(numbers[members[of]])

    images = (of_probes, numbers[members]) if apart else None
    found = most_similar(comparison, lookup.embeddings(of_probes), len(members), some, top, images)
    rows: list[tuple[int, int | None, int]] = []
    for i, places, similarities in zip(good.tolist(), *found, strict=True):
        ranked = enumerate(members[places[similarities != NOBODY]].tolist(), 1)
        if not (of_probe := [(i, place, rank) for rank, place in ranked]):
            failures[i] = (ALONE, "the gallery holds no other image that can be used.")
        rows += of_probe
    rows = sorted([*rows, *((i, None, 0) for i in failures)], key=lambda row: (row[0], row[2]))
    paired = _paired(rows, probes, gallery, failures)
    in_gallery = int(np.isin(of_probes, numbers[members]).sum()) if apart else 0
    return replace(paired, left_out=len(numbers) - len(members), in_gallery=in_gallery)


def _paired(
    rows: list[tuple[int, int | None, int]],
    probes: Table,
    gallery: Table,
    failures: dict[int, tuple[str, str]],
) -> PairTable:
    by_probe = pa.array([probe for probe, _, _ in rows])
    by_member = pa.array([member for _, member, _ in rows], pa.int64())
    of_probes, of_gallery = probes.take(by_probe), gallery.take(by_member)
    names = of_probes["identifier"].to_pylist()
    members = of_gallery["identifier"].to_pylist()
    wrong = [failures.get(probe, (None, None)) for probe, _, _ in rows]
    return PairTable(
        names,
        members,
        [image or name for image, name in zip(of_probes["image"].to_pylist(), names, strict=True)],
        of_gallery["image_number"].fill_null(-1).to_numpy(),
        of_probes["image_number"].to_numpy(),
        [code for code, _ in wrong],
        [message for _, message in wrong],
        [rank for _, _, rank in rows],
    )


def _failures(rows: Table, role: str, lookup: Lookup) -> dict[int, tuple[str, str]]:
    """Why images of some rows cannot be used, by row."""
    numbers, planned = rows[f"{role}_number"].to_numpy(), rows[f"{role}_error"]
    found: dict[int, tuple[str, str]] = {}
    for i in np.flatnonzero(lookup.failed(numbers)).tolist():
        message: Any = planned[i].as_py()
        if message is not None:
            found[i] = (UNUSABLE, message)
        else:
            failure = lookup.failure(int(numbers[i]))
            found[i] = (failure.code, failure.message)
    return found
