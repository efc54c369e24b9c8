"""The table of a shard's results, with nulls where a pair could not be explained."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.folder.arrow import Table, pa
from lpel_serving.batch.output.columns import ERROR, OK, Stamp
from lpel_serving.batch.stages.curves import COLUMNS
from lpel_serving.batch.stages.embedding import Failure
from lpel_serving.batch.stages.lookup import Lookup
from lpel_serving.batch.stages.pair_table import PairTable
from lpel_serving.batch.store.found_columns import result_columns
from lpel_serving.equations.regions import REGIONS, share_arrays
from lpel_serving.methods.many import Maps

ROLES = ("reference", "test")
OF_DECISION = (
    "similarity",
    "margin",
    "similar",
    "confidence",
    "reference_plausible",
    "test_plausible",
)
"""Columns of what is known of a pair before it is explained."""


@dataclass(eq=False)
class Explained:
    """What was found out about the pairs that were decided.

    Attributes
    ----------
    maps
        By role, float32, shape (N, H, W).
    for_, against
        Shares of the regions by role, float32, shape (N, regions).
    plausible
        Whether both images are of the kind that the bundle knows, shape (N,); true where it knows
        none. Where they are not, there are no shares of regions.
    failures
        Why some of them have no maps, by their places.
    columns
        Numbers by the names of their columns, shape (N,); those that are masked are left out.
    curves
        By the places of the pairs, where they were asked for.
    """

    maps: dict[str, NDArray[np.float32]]
    for_: dict[str, NDArray[np.float32]]
    against: dict[str, NDArray[np.float32]]
    plausible: NDArray[np.bool_]
    failures: dict[int, Failure] = field(default_factory=dict[int, Failure])
    columns: dict[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])
    curves: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])

    @classmethod
    def empty(cls, n: int, map_shape: tuple[int, int]) -> "Explained":
        """Make room for so many pairs."""

        def room(*shape: int) -> dict[str, NDArray[np.float32]]:
            return {role: np.zeros((n, *shape), np.float32) for role in ROLES}

        plausible = np.ones(n, np.bool_)
        return cls(room(*map_shape), room(len(REGIONS)), room(len(REGIONS)), plausible)

    def put(self, first: int, found: Maps | Failure) -> int:
        """Take the maps of some pairs, tests' and references'; return how many pairs these are."""
        if isinstance(found, Failure):
            self.failures[first] = found
            return 1
        of = slice(first, first + len(found[0]))
        for role, maps in zip(("test", "reference"), found, strict=True):
            self.maps[role][of] = maps
            self.for_[role][of], self.against[role][of] = share_arrays(maps)
        return len(found[0])


def result_table(
    pairs: PairTable, explained: Explained, lookup: Lookup, schema: Any, stamp: Stamp
) -> Table:
    """Make the table, a row for each pair in the order of the list.

    Parameters
    ----------
    pairs
        All pairs of the shard.
    explained
        What was found out about those that are usable.
    lookup
        Digests of the images.
    schema
        See `lpel_serving.batch.output.columns.result_schema`.
    stamp
        Where the rows come from.
    """
    decided = pairs.usable
    row_of = np.flatnonzero(decided)
    codes, messages = list(pairs.codes), list(pairs.messages)
    has_maps = decided.copy()
    for place, failure in explained.failures.items():
        row = int(row_of[place])
        codes[row], messages[row], has_maps[row] = failure.code, failure.message, False
    columns: dict[str, Any] = {
        "pair_id": pairs.identifiers,
        "rank": pairs.ranks,
        "reference": pairs.reference_names,
        "test": pairs.test_names,
        "status": [OK if code is None else ERROR for code in codes],
        "code": codes,
        "message": messages,
        "reference_sha256": lookup.digests(pairs.references),
        "test_sha256": lookup.digests(pairs.tests),
        **{name: [value] * len(decided) for name, value in asdict(stamp).items()},
    }
    has_regions = has_maps.copy()
    has_regions[decided] &= explained.plausible
    for name in set(OF_DECISION) & set(schema.names):
        columns[name] = _with_nulls(explained.columns.get(name), decided, schema.field(name).type)
    for role in ROLES:
        for name, values, present in (
            (f"{role}_map", explained.maps[role], has_maps),
            (f"{role}_regions_for", explained.for_[role], has_regions),
            (f"{role}_regions_against", explained.against[role], has_regions),
        ):
            columns[name] = _lists(values, decided, present, schema.field(name).type)
    for role, numbers in zip(ROLES, (pairs.references, pairs.tests), strict=True):
        columns |= result_columns(role, lookup.found(numbers))
    by_row = {int(row_of[place]): curve for place, curve in explained.curves.items()}
    for name in COLUMNS:
        columns[name] = [by_row.get(row, {}).get(name) for row in range(len(decided))]
    arrays = [_array(columns[one.name], one.type) for one in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _with_nulls(values: NDArray[Any] | None, usable: NDArray[np.bool_], kind: Any) -> Any:
    if values is None:
        return pa.nulls(len(usable), kind)
    spread = np.zeros(len(usable), values.dtype)
    spread[usable] = np.ma.getdata(values)
    absent = ~usable
    absent[usable] = np.ma.getmaskarray(values)
    return pa.array(spread, kind, mask=absent)


def _lists(
    values: NDArray[np.float32], decided: NDArray[np.bool_], present: NDArray[np.bool_], kind: Any
) -> Any:
    """Make a column of lists of one length, or of tensors of one shape."""
    width = int(np.prod(values.shape[1:]))
    spread = np.zeros((len(decided), width), np.float32)
    spread[decided] = values.reshape(len(values), width)
    storage = pa.FixedSizeListArray.from_arrays(
        pa.array(spread.reshape(-1)), width, mask=pa.array(~present)
    )
    is_tensor = isinstance(kind, pa.BaseExtensionType)
    return pa.ExtensionArray.from_storage(kind, storage) if is_tensor else storage


def _array(values: Any, kind: Any) -> Any:
    if isinstance(values, pa.Array):
        return values
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode()
    return pa.array(values, kind)
