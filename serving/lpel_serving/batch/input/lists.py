"""Reads the lists of a job as rows, computes their digest, and lists what they skip."""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from lpel_serving.batch.input.parquet import beside_parts, is_parquet, part_files, read_parquet
from lpel_serving.batch.input.rows import (
    IDENTIFIERS,
    LISTED,
    PAIR,
    Column,
    Rows,
    face_column,
    face_columns,
    legible,
    of_paths,
    read_faces,
    require_columns,
    unreadable,
)
from lpel_serving.images.datasets.image_folder import find_images
from lpel_serving.images.datasets.pairs_list import Listed, is_with_itself, parse_lines
from lpel_serving.images.datasets.passed_over import PassedOver
from lpel_serving.images.datasets.person_photographs import photograph_finder
from lpel_serving.support.arrow import pa
from lpel_serving.support.errors import PairsError
from lpel_serving.support.urls import scheme_of


@dataclass(frozen=True)
class Lists:
    """The lists of a job.

    Attributes
    ----------
    rows
        Pairs, or the probes of a search: see `read_rows`.
    gallery
        The images that are searched; None where pairs are listed.
    images
        The base of relative paths.
    """

    rows: Path
    gallery: Path | None = None
    images: Path | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the list that hold images."""
        return PAIR if self.gallery is None else LISTED


def read_rows(
    path: Path, columns: tuple[str, ...], images: Path | None, most: int
) -> Iterator[Rows]:
    """Read a list, `most` rows at a time, or fewer, which add up to that, where they hold files.

    Parameters
    ----------
    path
        Parquet, known by its name, or a folder of such files, whose columns hold paths, the bytes
        of image files, both (as Hugging Face writes images) or embeddings; CSV of paths with a line
        of names; pairs in LFW's format; or, where single images are listed, a folder of them.
        In CSV and Parquet each column of images may have another beside it that says which of their
        faces are meant, such as `test_face`.
    columns
        `PAIR` or `LISTED`.
    images
        Where relative paths begin; beside the list when None.
    most
        Rows at a time.

    Raises
    ------
    PairsError
        If it cannot be read, lacks a column, is empty, or names images by URLs: that is raised
        once, at the end; rows before the first URL are yielded.
    """
    begin = (images or path.parent).absolute()  # a job may resume in another working folder
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
        for some in _all_here(path, rows):
            empty = False
            yield some
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        raise unreadable(path, error) from error
    if empty:
        raise PairsError(f"{path} lists nothing.")


def list_digest(path: Path, columns: tuple[str, ...]) -> str:
    """SHA-256 of a list, or of the names in a folder; the images' content is digested separately.

    Raises
    ------
    PairsError
        If it cannot be read.
    """
    whole = hashlib.sha256()
    if path.is_dir() and (parts := part_files(path)):
        for part in parts:
            whole.update(f"{part.relative_to(path)}\0{list_digest(part, columns)}\0".encode())
        return whole.hexdigest()
    if columns == LISTED and path.is_dir():
        for some in read_rows(path, LISTED, None, 10_000):
            whole.update("\0".join([*some.identifiers, ""]).encode())
        return whole.hexdigest()
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PairsError(f"{path} cannot be read: {error.strerror or error}.") from error


def passed_over(lists: Lists) -> tuple[PassedOver, ...] | None:
    """List what `read_rows` skips; None where no list is a folder or in LFW's format.

    In folders that is what is not an image or not a part of a list; in LFW's format, a photograph
    paired with itself.
    """
    given = [one for one in (lists.rows, lists.gallery) if one is not None and one.is_dir()]
    passed = [one for folder in dict.fromkeys(given) for one in _beside(folder)]
    if _is_lfw(lists):
        begin = lists.images or lists.rows.parent
        with lists.rows.open(encoding="utf-8-sig") as file:
            _, listed = parse_lines(enumerate(file, start=1), lists.rows, begin)
            find = photograph_finder(begin)
            alike = (pair for pair in listed if is_with_itself(pair, find))
            return tuple(
                PassedOver(f"{lists.rows}, line {one.line}", "with_itself") for one in alike
            )
    return tuple(passed) if given else None


def header_of(lists: Lists) -> str | None:
    """The line that `read_rows` takes as the header of pairs in LFW's format, if any."""
    if not _is_lfw(lists):
        return None
    path = lists.rows
    with path.open(encoding="utf-8-sig") as file:
        return parse_lines(enumerate(file, start=1), path, lists.images or path.parent)[0]


def _is_lfw(lists: Lists) -> bool:
    path = lists.rows
    is_table = path.suffix.lower() == ".csv" or is_parquet(path)
    return lists.columns == PAIR and not is_table and path.is_file()


def _beside(folder: Path) -> tuple[PassedOver, ...]:
    return beside_parts(folder) if is_parquet(folder) else find_images(folder).passed_over


def _all_here(path: Path, rows: Iterator[Rows]) -> Iterator[Rows]:
    """Yield rows up to the first that names an image by a URL; count those and raise at the end.

    Raises
    ------
    PairsError
        If there were any.
    """
    found: Counter[str] = Counter()
    for some in rows:
        found.update(scheme for column in some.columns.values() for scheme in _schemes(column))
        if not found:
            yield some
    if found:
        kinds = ", ".join(f"{number:,} by {scheme}:" for scheme, number in found.most_common())
        raise PairsError(
            f"{path} names {found.total():,} images by URLs ({kinds}), and lpel reads files of "
            "this machine alone: download them first, and list the paths of the files."
        )


def _schemes(column: Column) -> Iterator[str]:
    """The schemes of a column's URLs; beside the bytes of a file, its name is no URL."""
    for name, image in zip(column.names, column.images, strict=False):  # embeddings: no images
        if isinstance(image, Path) and name and (scheme := scheme_of(name)):
            yield scheme


def _from_csv(path: Path, columns: tuple[str, ...], begin: Path, most: int) -> Iterator[Rows]:
    identifier = IDENTIFIERS[columns]
    with path.open(newline="", encoding="utf-8-sig") as file:
        header = next(csv.reader(file), list[str]())
        # Blanks around the commas are stripped only if every line has them: names may contain some.
        is_spaced = any(name != name.strip() for name in header)
        if is_spaced:  # and quotes after them
            file.seek(0)
            header = next(csv.reader(file, skipinitialspace=True))
        names = [name.strip() for name in header]
        require_columns(path, columns, names)
        asking = face_columns(path, columns, names)
        reader = csv.DictReader(file, names, skipinitialspace=is_spaced)
        for some in _chunks(enumerate(reader), most):
            lines = [(number, _unspaced(line) if is_spaced else line) for number, line in some]
            ids = [line.get(identifier) or str(number) for number, line in lines]
            of = {name: of_paths([line[name] for _, line in lines], begin) for name in columns}
            asked = {name: [line[face_column(name)] for _, line in lines] for name in asking}
            yield Rows(ids, of, read_faces(path, asked, lines[0][0]))


def _unspaced(line: dict[Any, Any]) -> dict[Any, Any]:
    return {key: one.strip() if isinstance(one, str) else one for key, one in line.items()}


def _from_lfw(path: Path, begin: Path, most: int) -> Iterator[Rows]:
    with path.open(encoding="utf-8-sig") as file:
        _, listed = parse_lines(enumerate(file, start=1), path, begin)
        find = photograph_finder(begin)
        others = (pair for pair in listed if not is_with_itself(pair, find))
        for some in _chunks(others, most):
            pairs: list[Listed] = some
            found = {
                "reference": [find(*pair.reference).name for pair in pairs],
                "test": [find(*pair.test).name for pair in pairs],
            }
            of = {name: of_paths(texts, begin) for name, texts in found.items()}
            yield Rows([" ".join(pair.fields) for pair in pairs], of)


def _from_folder(path: Path, most: int) -> Iterator[Rows]:
    found = sorted(str(one.relative_to(path)) for one in find_images(path).images)
    for some in _chunks(found, most):
        names = [legible(name) for name in some]
        yield Rows(names, {"image": Column(names, [path.absolute() / name for name in some])})


def _chunks(items: Iterable[Any], most: int) -> Iterator[list[Any]]:
    left = iter(items)
    return iter(lambda: list(islice(left, most)), [])
