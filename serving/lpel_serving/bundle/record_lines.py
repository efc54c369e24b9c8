"""Records of a manifest in lines of text: long lists by their length, deeper levels left out."""

from collections.abc import Iterator, Mapping
from typing import Any, cast


def record_lines(record: Mapping[str, Any]) -> Iterator[str]:
    """Write a record, a line for each of its entries."""
    for key, value in record.items():
        yield f"  {key}: {short(value)}"


def short(value: Any) -> str:
    """Write a value in one line."""
    if isinstance(value, dict):
        inner = cast("dict[str, Any]", value)
        return ", ".join(f"{key} {_leaf(item)}" for key, item in inner.items()) or "nothing"
    return _leaf(value)


def _leaf(value: Any) -> str:
    if isinstance(value, list):
        items = cast("list[Any]", value)
        if items and all(isinstance(item, int | float | str) for item in items):
            return "[" + ", ".join(_leaf(item) for item in items) + "]"
        return f"({len(items)} entries)"
    if isinstance(value, dict):
        return "{…}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
