"""Folders of face photographs, with the person in each."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lpel_serving.errors import PairsError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".pgm"}


@dataclass(frozen=True)
class Face:
    """A photograph and who is in it."""

    path: Path
    identity: str


def list_faces(folder: Path, identities: Path | None = None) -> tuple[Face, ...]:
    """List the photographs of a folder.

    Parameters
    ----------
    folder
        Either ``identity/image.jpg`` folders, as LFW has them, or one flat folder.
    identities
        For a flat folder, a text file of lines ``000001.jpg 2880``, as CelebA has it.

    Returns
    -------
    tuple[Face, ...]
        In order of path. Hidden files, and files whose names are not those of images, are left out.

    Raises
    ------
    PairsError
        If the folder is missing or holds no photographs, or the identity file cannot be used.
    """
    if not folder.is_dir():
        raise PairsError(f"{folder} is not a folder of face photographs.")
    if identities is not None:
        faces = _listed(folder, identities)
    else:
        faces = [
            Face(path, path.parent.name) for path in sorted(folder.glob("*/*")) if _shown(path)
        ]
    if not faces:
        raise PairsError(
            f"{folder} holds no photographs: expected identity/image.jpg folders, "
            "or a flat folder together with an identity file."
        )
    return tuple(faces)


def leave_out(faces: tuple[Face, ...], people: Sequence[str]) -> tuple[Face, ...]:
    """Leave people out.

    Raises
    ------
    PairsError
        If a name is nobody's: a misspelt one must not go unnoticed.
    """
    unknown = set(people) - {face.identity for face in faces}
    if unknown:
        raise PairsError(f"there is nobody called {', '.join(sorted(unknown))} to leave out.")
    return tuple(face for face in faces if face.identity not in people)


def _shown(path: Path) -> bool:
    hidden = path.name.startswith(".") or path.parent.name.startswith(".")
    return path.suffix.lower() in SUFFIXES and not hidden and path.is_file()


def _listed(folder: Path, identities: Path) -> list[Face]:
    try:
        lines = identities.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PairsError(f"the identity file {identities} cannot be read: {error}.") from error
    faces: list[Face] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name, _, identity = line.strip().partition(" ")
        if not identity or Path(name).name != name:
            raise PairsError(
                f"{identities}, line {number}: expected `image.jpg identity`, received {line!r}."
            )
        if os.path.isfile(folder / name):  # noqa: PTH113 (a name too long for a file is just absent)
            faces.append(Face(folder / name, identity.strip()))
    return faces
