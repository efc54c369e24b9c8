"""Identity files in CelebA's format, lines ``000001.jpg 2880``, for a flat folder."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lpel_serving.images.datasets.image_folder import SUFFIXES, plain_name
from lpel_serving.images.datasets.passed_over import PassedOver
from lpel_serving.support.errors import PairsError


@dataclass(frozen=True)
class Identified:
    """Photographs of a flat folder.

    Attributes
    ----------
    photographs
        Each with who is in it, in the order of the file.
    passed_over
        Skipped: lines without a file or listed before, and files without a line.
    """

    photographs: tuple[tuple[Path, str], ...]
    passed_over: tuple[PassedOver, ...]


def read_identities(folder: Path, path: Path) -> Identified:
    """Read who is in the photographs of a flat folder.

    Parameters
    ----------
    folder
        Where the photographs lie.
    path
        Lines of a file name and an identity, either of which may contain blanks. If there is a tab,
        it separates them; otherwise the file name is the longest beginning of the line that is a
        file of the folder. Names match whether accents are composed or decomposed.

    Raises
    ------
    PairsError
        If the file cannot be read, a line has another form, or a photograph has two identities.
    """
    there = _files(folder)
    taken: dict[str, tuple[int, str]] = {}
    passed: list[PassedOver] = []
    for number, line in enumerate(read_lines(path, "identity file"), start=1):
        if not line.strip():
            continue
        name, identity = _parse(line, there, f"{path}, line {number}")
        if name not in there:
            passed.append(PassedOver(name, "absent", f"{path}, line {number}: {name} is absent."))
        elif name not in taken:
            taken[name] = (number, identity)
        elif taken[name][1] == identity:
            passed.append(PassedOver(name, "listed_twice"))
        else:
            raise PairsError(
                f"{path}, lines {taken[name][0]} and {number}: {name} is given to "
                f"{taken[name][1]!r} and to {identity!r}; a photograph shows one person."
            )
    own = plain_name(path.name) if path.parent.resolve() == folder.resolve() else None
    for name in (name for name in there if name not in taken and name != own):
        why = "hidden" if name.startswith(".") else "not_listed"
        passed.append(PassedOver(str(folder / there[name]), why))
    photographs = tuple((folder / there[name], who) for name, (_, who) in taken.items())
    return Identified(photographs, tuple(passed))


def read_lines(path: Path, what: str) -> list[str]:
    """Read the lines of a UTF-8 list, with or without a byte-order mark, ended by LF, CR or both.

    Raises
    ------
    PairsError
        If it cannot be read; it is called `what`.
    """
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PairsError(f"the {what} {path} cannot be read: {error}.") from error


def _files(folder: Path) -> dict[str, str]:
    """The files of a folder by their normalised names."""
    with os.scandir(folder) as entries:
        return {plain_name(name): name for name in sorted(e.name for e in entries if e.is_file())}


def _parse(line: str, there: Mapping[str, str], where: str) -> tuple[str, str]:
    """Split a line into a normalised file name and an identity."""
    text = plain_name(line.strip())
    if "\t" in text:
        name, _, identity = text.partition("\t")
        splits = [(name.strip(), identity.strip())]
    else:
        splits = [(text[: gap.start()], text[gap.end() :]) for gap in re.finditer(r"\s+", text)]
    if text in there or not splits:
        raise _malformed(where, line)
    likely = (split for split in reversed(splits) if split[0] in there)
    named = (split for split in splits if _promises_image(split[0]))
    name, identity = next(likely, None) or next(named, None) or splits[0]
    lacks_identity = _promises_image(text) and not (name in there or _promises_image(name))
    if not identity or lacks_identity or Path(name).name != name:
        raise _malformed(where, line)
    return name, identity


def _promises_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122 (no path, and for each blank of each line)


def _malformed(where: str, line: str) -> PairsError:
    return PairsError(f"{where}: expected `image.jpg identity`, received {line!r}.")
