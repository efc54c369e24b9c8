"""Finds a person's photographs by number, of any image type."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lpel_serving.images.datasets.image_folder import SUFFIXES, plain_name
from lpel_serving.images.reading import is_image
from lpel_serving.support.errors import PairsError, UnreadableImageError


@dataclass(frozen=True)
class Numbered:
    """A photograph within a folder.

    Attributes
    ----------
    name
        Its path within the folder; if it is absent, that of the JPEG that was looked for.
    there
        Whether the file exists.
    """

    name: str
    there: bool


Finder = Callable[[str, int], Numbered]
"""Finds photographs by person and number."""


def photograph_finder(folder: Path) -> Finder:
    """Return a finder of photographs stored as ``name/name_0001.jpg`` in a folder.

    Where there is no such JPEG, an image of any other type or suffix is taken; names match whether
    accents are composed or decomposed. Each folder is listed once.

    Returns
    -------
    Finder
        Raises `PairsError` where two files match, and none is the JPEG itself.
    """
    root = os.fspath(folder)

    @cache
    def people() -> dict[str, list[str]]:
        return _by_stem(root)

    @cache
    def photographs(person: str) -> dict[str, list[str]]:
        return _by_stem(os.path.join(root, person))  # noqa: PTH118

    def is_there(name: str, is_kind: Callable[[str], bool]) -> bool:
        return is_kind(os.path.join(root, name))  # noqa: PTH118 (false, no error, for a name too long)

    def find(person: str, number: int) -> Numbered:
        stem = f"{person}_{number:04d}"
        usual = f"{person}/{stem}.jpg"
        if is_there(usual, os.path.isfile):
            return Numbered(usual, there=True)
        home = person if is_there(person, os.path.isdir) else _same(person, people())
        if home is None:
            return Numbered(usual, there=False)
        found = _only_image(folder / home, photographs(home).get(plain_name(stem), []))
        return Numbered(f"{home}/{found}" if found else usual, there=found is not None)

    return find


def _same(person: str, people: Mapping[str, Sequence[str]]) -> str | None:
    """The folder whose name differs from the person's only in how accents are encoded, if any."""
    plain = plain_name(person)
    return next((name for name in people.get(plain, ()) if plain_name(name) == plain), None)


def _by_stem(folder: str) -> dict[str, list[str]]:
    """The names in a folder, with and without their suffixes; none if it is unreadable."""
    found: dict[str, list[str]] = {}
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 (its order is not enough)
    except (OSError, ValueError):  # ValueError: a name with a null byte
        return found
    for name in names:
        for stem in {name, os.path.splitext(name)[0]}:  # noqa: PTH122
            found.setdefault(plain_name(stem), []).append(name)
    return found


def _only_image(folder: Path, names: list[str]) -> str | None:
    """The image among files that differ in their suffix alone."""
    files = [name for name in names if (folder / name).is_file()]
    promising = [name for name in files if os.path.splitext(name)[1].lower() in SUFFIXES]  # noqa: PTH122
    images = [name for name in files if _is_image(folder / name)]
    usual = [name for name in images if name.endswith(".jpg")]
    candidates = usual or images or promising
    if len(candidates) > 1:
        raise PairsError(
            f"{' and '.join(str(folder / name) for name in candidates)} could both be meant: "
            "keep one of them, or name it .jpg."
        )
    return candidates[0] if candidates else None


def _is_image(path: Path) -> bool:
    try:
        return is_image(path)
    except UnreadableImageError:
        return False
