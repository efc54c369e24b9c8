"""The columns of the results; `docs/batch.md` describes them for their readers."""

import json
from dataclasses import dataclass
from typing import Any

from lpel_serving.batch.folder.arrow import pa
from lpel_serving.equations.regions import REGIONS

FORMAT = 1
"""Rises when a column changes its meaning or goes; new ones may come without."""

OK = "ok"
"""The status of a row that was explained; others are in the column ``code``."""
ERROR = "error"
CODED = ["status", "code", "method", "model_sha256", "config_sha256", "engine_version"]
"""Columns of few different texts."""
SOUGHT = ["pair_id", "similarity", "margin", "confidence"]
"""Columns by which rows are looked for."""


@dataclass(frozen=True)
class Stamp:
    """What every row says of where it comes from.

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


def result_schema(map_shape: tuple[int, int], *, curves: bool, search: bool, about: Any) -> Any:
    """Make the schema of a job's results.

    Parameters
    ----------
    map_shape
        Of the maps.
    curves, search
        Whether there are columns of curves, or of ranks.
    about
        What the file says of itself, in JSON's types.
    """
    text, real = pa.string(), pa.float32()
    named = pa.dictionary(pa.int32(), text)
    heat_map = pa.fixed_shape_tensor(real, map_shape)
    shares = pa.list_(real, len(REGIONS))
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
                (f"{role}_regions_for", shares),
                (f"{role}_regions_against", shares),
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
            for role in ("reference", "test")
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
    metadata = {"lpel": json.dumps({"format": FORMAT, "regions": REGIONS, **about})}
    return pa.schema(fields, metadata=metadata)


def as_begun(schema: Any, columns: tuple[str, ...] | None) -> Any:
    """Leave the columns out of a schema that a job of an earlier version began without.

    So all shards of a folder have one schema, which is what most programs that read them need.
    """
    if columns is None:
        return schema
    fields = [schema.field(name) for name in columns if name in schema.names]
    return pa.schema(fields, metadata=schema.metadata)
