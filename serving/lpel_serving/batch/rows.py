"""Reading what a job is about: pairs, or the probes and the gallery of a search."""

import csv
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from lpel_serving.batch.arrow import pa
from lpel_serving.batch.listed import (
    IDENTIFIERS,
    LISTED,
    PAIR,
    Column,
    Rows,
    legible,
    of_paths,
    require_columns,
)
from lpel_serving.batch.parquet_rows import read_parquet
from lpel_serving.batch.part_files import is_parquet
from lpel_serving.batch.urls import all_here
from lpel_serving.errors import PairsError
from lpel_serving.faces import SUFFIXES
from lpel_serving.pairs import parse_names


def read_rows(
    path: Path, columns: tuple[str, ...], images: Path | None, most: int
) -> Iterator[Rows]:
    """Read a list, so many rows at a time; fewer, which add up to that, where they hold files.

    Parameters
    ----------
    path
        Parquet, known by its name, or a folder of such files, whose columns hold paths, the bytes
        of image files, both (as Hugging Face writes images) or embeddings; CSV of paths with a line
        of names; pairs in LFW's format; or, where single images are listed, a folder of them.
    columns
        `PAIR` or `LISTED`.
    images
        Where relative paths begin; beside the list when None.
    most
        Rows at a time.

    Raises
    ------
    PairsError
        If it cannot be read, lacks a column, is empty, or names images by URLs: then when all of
        it was read, and once; what comes before the first of them is brought.
    """
    begin = (images or path.parent).absolute()  # a job may go on in another working folder
    try:
        if is_parquet(path):
            rows = read_parquet(path, columns, begin, most)
        elif path.is_dir() and columns == LISTED:
            rows = _from_folder(path, most)
        elif path.suffix.lower() == ".csv":
            rows = _from_csv(path, columns, begin, most)
        elif columns == PAIR:
            rows = _from_lfw(path, begin, most)
        else:
            raise PairsError(f"{path} is neither a folder nor a list: expected .csv or .parquet.")
        empty = True
        for some in all_here(path, rows):
            empty = False
            yield some
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        reason = str(getattr(error, "strerror", None) or error).rstrip(".")
        raise PairsError(f"{path} cannot be read: {reason}.") from error
    if empty:
        raise PairsError(f"{path} lists nothing.")


def _from_csv(path: Path, columns: tuple[str, ...], begin: Path, most: int) -> Iterator[Rows]:
    identifier = IDENTIFIERS[columns]
    with path.open(newline="", encoding="utf-8-sig") as file:
        header = next(csv.reader(file), list[str]())
        # Who writes blanks around the commas does so in every line; others' names may have some.
        is_spaced = any(name != name.strip() for name in header)
        names = [name.strip() for name in header]
        require_columns(path, columns, names)
        reader = csv.DictReader(file, names, skipinitialspace=is_spaced)
        for some in _chunks(enumerate(reader), most):
            lines = [(number, _unspaced(line) if is_spaced else line) for number, line in some]
            ids = [line.get(identifier) or str(number) for number, line in lines]
            of = {name: of_paths([line[name] for _, line in lines], begin) for name in columns}
            yield Rows(ids, of)


def _unspaced(line: dict[Any, Any]) -> dict[Any, Any]:
    return {key: one.strip() if isinstance(one, str) else one for key, one in line.items()}


def _from_lfw(path: Path, begin: Path, most: int) -> Iterator[Rows]:
    with path.open(encoding="utf-8-sig") as file:
        lines = enumerate(fields for line in file if (fields := line.split()))
        # The first line may tell how many there are.
        listed = (some for number, some in lines if number or not all(map(str.isdecimal, some)))
        for some in _chunks(listed, most):
            pairs = [_names(path, fields) for fields in some]
            of = {name: of_paths([pair[i] for pair in pairs], begin) for i, name in enumerate(PAIR)}
            yield Rows([" ".join(fields) for fields in some], of)


def _names(path: Path, fields: list[str]) -> tuple[str, str]:
    try:
        return parse_names(fields)
    except ValueError as error:  # also numbers beyond all measure
        raise PairsError(f"{path}: {str(error).rstrip('.')}.") from error


def _from_folder(path: Path, most: int) -> Iterator[Rows]:
    found = sorted(
        str(one.relative_to(path))
        for one in path.rglob("*")
        if one.suffix.lower() in SUFFIXES and not one.is_dir()
    )
    for some in _chunks((name for name in found if not _is_hidden(name)), most):
        names = [legible(name) for name in some]
        yield Rows(names, {"image": Column(names, [path.absolute() / name for name in some])})


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in Path(name).parts)


def _chunks(items: Iterable[Any], most: int) -> Iterator[list[Any]]:
    left = iter(items)
    return iter(lambda: list(islice(left, most)), [])
