"""Which list a job is about, by its content."""

import hashlib
from pathlib import Path

from lpel_serving.batch.folder.listed import LISTED
from lpel_serving.batch.input.part_files import part_files
from lpel_serving.batch.input.rows import read_rows
from lpel_serving.support.errors import PairsError


def list_digest(path: Path, columns: tuple[str, ...]) -> str:
    """SHA-256 of a list, or of the names in a folder: what is in images is digested with them.

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
