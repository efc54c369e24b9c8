"""Lists of pairs in LFW's format, and its usual variants."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from lpel_serving.images.datasets.identity_file import read_lines
from lpel_serving.images.datasets.image_folder import plain_name
from lpel_serving.images.datasets.pairs import Pair
from lpel_serving.images.datasets.passed_over import PassedOver, Unusable
from lpel_serving.images.datasets.person_photographs import Finder, photograph_finder
from lpel_serving.images.held import Photograph
from lpel_serving.support.errors import PairsError, UnreadableImageError


@dataclass(frozen=True)
class Listed:
    """A line of a list: two photographs by name and number, and whether one name is given."""

    line: int
    fields: tuple[str, ...]
    reference: tuple[str, int]
    test: tuple[str, int]
    same: bool


@dataclass(frozen=True)
class FoundPairs:
    """The pairs read from a list, and what was skipped.

    Attributes
    ----------
    pairs
        Those that can be used.
    photographs
        All that the list names, whether they exist or not.
    header
        The first line, if it was recognised as the header of counts.
    passed_over
        Skipped: pairs of a photograph with itself.
    left_out
        The number of pairs left out, because a photograph is absent or both are the same.
    """

    pairs: tuple[Pair, ...]
    photographs: tuple[Photograph, ...]
    header: str | None
    passed_over: tuple[PassedOver, ...]
    left_out: int


def read_pairs(path: Path, folder: Path) -> tuple[Pair, ...]:
    """Read a list of pairs all of whose photographs have to exist; see `find_pairs`."""
    return find_pairs(path, folder).pairs


def find_pairs(path: Path, folder: Path, unusable: Unusable | None = None) -> FoundPairs:
    """Read a list of pairs in LFW's format.

    Parameters
    ----------
    path
        Lines ``name 1 2`` (two photographs of one person) and ``name 1 other 3`` (of two people),
        separated by tabs, or by blanks if no name contains any. A first line of counts is the
        header: see `parse_lines`.
    folder
        Where the photographs lie, as ``name/name_0001.jpg``, or of another type of image: see
        `photograph_finder`.
    unusable
        Collects absent photographs, whose pairs are then left out.

    Raises
    ------
    PairsError
        If the file cannot be read, a line has another form or gives one name for two people, or no
        pair can be used; without `unusable` also if a photograph is absent.
    PhotographsError
        If too many of the photographs are absent.
    """
    lines = enumerate(read_lines(path, "pairs file"), start=1)
    header, listed = parse_lines(lines, path, folder)
    find = photograph_finder(folder)
    pairs: list[Pair] = []
    passed: list[PassedOver] = []
    photographs: dict[Photograph, None] = {}
    left_out = 0
    for one in listed:
        pair, absent = _pair(one, path, folder, find)
        photographs |= dict.fromkeys((pair.reference, pair.test))
        for missing in absent:
            _note_absent(missing, f"{path}, line {one.line}", unusable)
        left_out += bool(absent) or pair.reference == pair.test
        if pair.reference == pair.test:
            passed.append(PassedOver(f"{path}, line {one.line}", "with_itself"))
        elif not absent:
            pairs.append(pair)
    if unusable is not None:
        unusable.check(tuple(photographs))
    if not pairs:
        raise PairsError(f"{path} lists no pairs{' of two photographs' if passed else ''}.")
    return FoundPairs(tuple(pairs), tuple(photographs), header, tuple(passed), left_out)


def parse_lines(
    lines: Iterable[tuple[int, str]], path: Path, folder: Path
) -> tuple[str | None, Iterator[Listed]]:
    """Separate the header of a list in LFW's format, if it has one, from its pairs.

    A first line of numbers alone, such as ``10 300`` or ``1100``, is the header; but where people
    or classes are named by numbers, ``3 1 2`` may be a pair. It is one if the folder has ``3``, or
    if the next line consists of numbers too.

    Parameters
    ----------
    lines
        The lines with their numbers; read lazily, with the pairs.
    path
        Name of the list in error messages.
    folder
        Where the photographs lie.

    Returns
    -------
    tuple
        The header, and an iterator over the pairs, which raises `PairsError` at a malformed line.
    """
    filled = ((number, line) for number, line in lines if line.strip())
    first = list(islice(filled, 2))
    header = None
    if first and _is_header([line for _, line in first], folder):
        header = first.pop(0)[1].strip()
    return header, (_parse(number, line, path) for number, line in chain(first, filled))


def is_with_itself(listed: Listed, find: Finder) -> bool:
    """Whether both photographs of a line are the same one, which is no pair."""
    (person, first), (other, second) = listed.reference, listed.test
    if first != second or plain_name(person) != plain_name(other):
        return False  # without a look at the disk
    return find(*listed.reference).name == find(*listed.test).name


def _is_header(lines: Sequence[str], folder: Path) -> bool:
    fields = lines[0].split()
    if not _all_numbers(fields):
        return False
    if len(fields) not in (3, 4):
        return True
    people = fields[:1] if len(fields) == 3 else fields[::2]
    if all(os.path.isdir(folder / name) for name in people):  # noqa: PTH112 (a name too long is just absent)
        return False
    return not (len(lines) > 1 and _all_numbers(lines[1].split()))


def _all_numbers(fields: Sequence[str]) -> bool:
    return all(field.isdecimal() for field in fields)


def _parse(number: int, line: str, path: Path) -> Listed:
    by_tabs = [field.strip() for field in line.strip().split("\t") if field.strip()]
    for fields in (by_tabs, line.split()):
        try:
            match fields:
                case [name, first, second] if _all_numbers([first, second]):
                    photographs = (name, int(first)), (name, int(second))
                case [name, first, other, second] if _all_numbers([first, second]):
                    photographs = (name, int(first)), (other, int(second))
                case _:
                    continue
        except ValueError as error:  # a number beyond all measure
            raise PairsError(f"{path}, line {number}: {str(error).rstrip('.')}.") from error
        return Listed(number, tuple(fields), *photographs, same=len(fields) == 3)
    raise PairsError(
        f"{path}, line {number}: expected `name 1 2` or `name 1 other 3`, received "
        f"{' '.join(line.split())!r}."
    )


def _pair(listed: Listed, path: Path, folder: Path, find: Finder) -> tuple[Pair, list[Path]]:
    """Return the pair of a line, and those of its photographs that are absent."""
    if not listed.same and plain_name(listed.reference[0]) == plain_name(listed.test[0]):
        raise PairsError(
            f"{path}, line {listed.line}: {listed.fields[0]} is given for both of two people; "
            "a pair of one person is `name 1 2`."
        )
    found = [find(*listed.reference), find(*listed.test)]
    reference, test = (folder / one.name for one in found)
    return Pair(reference, test, listed.same), [folder / one.name for one in found if not one.there]


def _note_absent(path: Path, where: str, unusable: Unusable | None) -> None:
    message = f"{where}: there is no {path}."
    if unusable is None:
        raise PairsError(message)
    unusable.add(path, UnreadableImageError(message), "absent")
