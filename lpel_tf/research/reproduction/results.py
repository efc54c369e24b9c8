"""Finished sections on disk, from which an interrupted report resumes."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lpel_serving.report.array_file import npz
from lpel_serving.support.files import write_atomically
from lpel_tf.research.reproduction.section import Finding, Picture, Section, Table


def save_section(section: Section, folder: Path, identity: str) -> None:
    """Write a section's figures, arrays and numbers, and last what says that it is whole.

    Parameters
    ----------
    section
        To be written, as ``key.json``, ``key.npz`` and ``name.png``.
    folder
        Of the data behind the report.
    identity
        What the section is a result of.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    for picture in section.pictures:
        write_atomically(folder / f"{picture.name}.png", picture.png)
    if section.arrays:
        write_atomically(folder / f"{section.key}.npz", npz(section.arrays))
    document = {
        "identity": identity,
        "key": section.key,
        "title": section.title,
        "counterpart": section.counterpart,
        "findings": [asdict(finding) for finding in section.findings],
        "tables": [asdict(table) for table in section.tables],
        "pictures": [{"name": p.name, "caption": p.caption} for p in section.pictures],
        "notes": list(section.notes),
        "data": section.data,
        "arrays": sorted(section.arrays),
    }
    text = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    write_atomically(folder / f"{section.key}.json", text.encode())


def load_section(folder: Path, key: str, identity: str) -> Section | None:
    """Read a section without its arrays, or None if it is not there, whole and of this run."""
    try:
        document: dict[str, Any] = json.loads((folder / f"{key}.json").read_bytes())
        lost = document["arrays"] and not (folder / f"{key}.npz").is_file()
        if document["identity"] != identity or lost:
            return None
        return Section(
            key=document["key"],
            title=document["title"],
            counterpart=document["counterpart"],
            findings=tuple(Finding(**finding) for finding in document["findings"]),
            tables=tuple(_table(table) for table in document["tables"]),
            pictures=tuple(
                Picture(p["name"], p["caption"], (folder / f"{p['name']}.png").read_bytes())
                for p in document["pictures"]
            ),
            notes=tuple(document["notes"]),
            data=document["data"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _table(fields: dict[str, Any]) -> Table:
    rows = tuple(tuple(row) for row in fields["rows"])
    return Table(fields["caption"], tuple(fields["header"]), rows)
