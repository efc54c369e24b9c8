"""The result table of a shard: its schema, which `docs/batch.md` describes, and its rows."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.batch.stages.explaining import ROLES, Explained
from lpel_serving.batch.stages.maps import CURVE_COLUMNS
from lpel_serving.batch.stages.pair_table import PairTable
from lpel_serving.batch.store.by_number import Lookup
from lpel_serving.equations.regions import REGIONS
from lpel_serving.images.found import FaceNumbers
from lpel_serving.support.arrow import Table, pa

FORMAT = 1
"""Increased when a column changes its meaning or is removed; not for new columns."""

OK = "ok"
"""The status of a row that was explained; others are in the column ``code``."""
ERROR = "error"
CODED = ["status", "code", "method", "model_sha256", "config_sha256", "engine_version"]
"""Columns of few different texts."""
SOUGHT = ["pair_id", "similarity", "margin", "confidence"]
"""Columns by which rows are searched."""
OF_DECISION = (
    "similarity",
    "margin",
    "similar",
    "confidence",
    "reference_plausible",
    "test_plausible",
)
"""Columns of a pair's list entry, known before it is explained."""


@dataclass(frozen=True)
class Stamp:
    """The provenance that every row carries.

    Attributes
    ----------
    engine_version
        Of lpel-tf.
    method
        What explained.
    model_sha256
        Of the bundle's manifest, which has those of all its files.
    config_sha256
        Of the settings, the crop and the provider.
    """

    engine_version: str
    method: str
    model_sha256: str
    config_sha256: str


def result_schema(
    map_shape: tuple[int, int],
    *,
    curves: bool,
    search: bool,
    about: Any,
    regions: Sequence[str] = REGIONS,
    faces: bool = True,
) -> Any:
    """Make the schema of a job's results.

    Parameters
    ----------
    map_shape
        Of the maps.
    curves, search
        Whether there are columns of curves, or of ranks.
    about
        Metadata of the file, as JSON-serialisable values.
    regions
        Those of the subject; where there are none, there are no columns of them.
    faces
        Whether there are columns of the faces that were found.
    """
    text, real = pa.string(), pa.float32()
    named = pa.dictionary(pa.int32(), text)
    heat_map = pa.fixed_shape_tensor(real, map_shape)
    shares = pa.list_(real, len(regions))
    curve = pa.list_(pa.float64())
    fields = [
        ("pair_id", text),
        *([("rank", pa.int32())] if search else []),
        ("reference", text),
        ("test", text),
        ("status", named),
        ("code", named),
        ("message", text),
        ("similarity", real),
        ("margin", real),
        ("similar", pa.bool_()),
        ("confidence", real),
        ("reference_plausible", pa.bool_()),
        ("test_plausible", pa.bool_()),
        *[
            column
            for role in ("reference", "test")
            for column in (
                (f"{role}_map", heat_map),
                *(
                    ((f"{role}_regions_for", shares), (f"{role}_regions_against", shares))
                    if regions
                    else ()
                ),
            )
        ],
        *(
            [
                ("curve_own", curve),
                ("curve_random", curve),
                ("curve_area", pa.float64()),
                ("curve_random_areas", curve),
                ("curve_note", text),
            ]
            if curves
            else []
        ),
        ("reference_sha256", pa.binary(32)),
        ("test_sha256", pa.binary(32)),
        *[
            column
            for role in (("reference", "test") if faces else ())
            for column in (
                (f"{role}_faces", pa.int32()),
                (f"{role}_face", pa.int32()),
                (f"{role}_box", pa.list_(pa.int32(), 4)),
            )
        ],
        ("method", named),
        ("model_sha256", named),
        ("config_sha256", named),
        ("engine_version", named),
    ]
    known = {"format": FORMAT, **({"regions": list(regions)} if regions else {}), **about}
    metadata = {"lpel": json.dumps(known)}
    return pa.schema(fields, metadata=metadata)


def as_begun(schema: Any, columns: tuple[str, ...] | None) -> Any:
    """Drop the columns that a job begun by an earlier version does not have.

    So all shards of a folder have one schema, as most programs that read them require.
    """
    if columns is None:
        return schema
    fields = [schema.field(name) for name in columns if name in schema.names]
    return pa.schema(fields, metadata=schema.metadata)


def result_table(
    pairs: PairTable, explained: Explained, lookup: Lookup, schema: Any, stamp: Stamp
) -> Table:
    """Make the table, a row for each pair in the order of the list.

    Parameters
    ----------
    pairs
        All pairs of the shard.
    explained
        The results for those that are usable.
    lookup
        Digests of the images.
    schema
        See `result_schema`.
    stamp
        The provenance of the rows.
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
    names = set(schema.names)
    for name in set(OF_DECISION) & names:
        columns[name] = _with_nulls(explained.columns.get(name), decided, schema.field(name).type)
    for role in ROLES:
        for name, values, present in (
            (f"{role}_map", explained.maps[role], has_maps),
            (f"{role}_regions_for", explained.for_[role], has_regions),
            (f"{role}_regions_against", explained.against[role], has_regions),
        ):
            if name in names:
                columns[name] = _lists(values, decided, present, schema.field(name).type)
    for role, numbers in zip(ROLES, (pairs.references, pairs.tests), strict=True):
        columns |= _of_faces(role, lookup.found(numbers))
    by_row = {int(row_of[place]): curve for place, curve in explained.curves.items()}
    for name in CURVE_COLUMNS:
        columns[name] = [by_row.get(row, {}).get(name) for row in range(len(decided))]
    arrays = [_array(columns[one.name], one.type) for one in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _of_faces(role: str, found: FaceNumbers) -> dict[str, Any]:
    """Make the columns of the faces that were found, with nulls where nothing is known."""
    unknown = found[:, 0] < 1
    boxes = pa.array(np.ascontiguousarray(found[:, 2:]).reshape(-1))
    box = pa.FixedSizeListArray.from_arrays(boxes, 4, mask=pa.array(unknown))
    return {
        f"{role}_faces": pa.array(found[:, 0], mask=unknown),
        f"{role}_face": pa.array(found[:, 1], mask=unknown),
        f"{role}_box": box,
    }


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
