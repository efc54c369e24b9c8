"""Folders of face photographs, with the person in each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lpel_serving.images.datasets.identity_file import read_identities
from lpel_serving.images.datasets.image_folder import find_images
from lpel_serving.images.datasets.labelled import Labelled
from lpel_serving.images.datasets.passed_over import PassedOver, in_words
from lpel_serving.images.held import Photograph
from lpel_serving.support.errors import PairsError

One = TypeVar("One", bound=Labelled)


@dataclass(frozen=True)
class Face:
    """A photograph and who is in it."""

    path: Path
    identity: str

    @property
    def source(self) -> Photograph:
        """Where its bytes come from: the file."""
        return self.path


@dataclass(frozen=True)
class ListedFaces:
    """The photographs found in a folder, and what was skipped.

    Attributes
    ----------
    faces
        The photographs that are used.
    passed_over
        Skipped: all else that the folder, or its identity file, names.
    """

    faces: tuple[Face, ...]
    passed_over: tuple[PassedOver, ...]


def find_faces(folder: Path, identities: Path | None = None) -> ListedFaces:
    """List the photographs of a folder, and what is skipped.

    Parameters
    ----------
    folder
        Either ``identity/image.jpg`` folders, as in LFW, or one flat folder. Files are recognised
        as images by content; one that is only named as an image fails when it is read.
    identities
        For a flat folder, a text file of lines ``000001.jpg 2880``, as in CelebA.

    Returns
    -------
    ListedFaces
        The faces in order of path, or of the identity file.

    Raises
    ------
    PairsError
        If the folder is missing or holds no photographs, or the identity file cannot be used.
    """
    if not folder.is_dir():
        raise PairsError(f"{folder} is not a folder of face photographs.")
    try:
        found = _in_folders(folder) if identities is None else _listed(folder, identities)
    except OSError as error:
        raise PairsError(f"{folder} cannot be read: {error.strerror or error}.") from error
    if not found.faces:
        passed = in_words(found.passed_over)
        raise PairsError(
            f"{folder} holds no photographs: expected identity/image.jpg folders, "
            "or a flat folder together with an identity file."
            + (f" Skipped: {passed}." if passed else "")
        )
    return found


def list_faces(folder: Path, identities: Path | None = None) -> tuple[Face, ...]:
    """List the photographs alone; see `find_faces`."""
    return find_faces(folder, identities).faces


def leave_out(faces: tuple[One, ...], people: Sequence[str]) -> tuple[One, ...]:
    """Leave people out.

    Raises
    ------
    PairsError
        If nobody has that name: it may be misspelt.
    """
    unknown = set(people) - {face.identity for face in faces}
    if unknown:
        raise PairsError(f"there is nobody called {', '.join(sorted(unknown))} to leave out.")
    return tuple(face for face in faces if face.identity not in people)


def _in_folders(folder: Path) -> ListedFaces:
    found = find_images(folder)
    faces = [Face(path, path.parent.name) for path in found.images if path.parent.parent == folder]
    misplaced = [path for path in found.images if path.parent.parent != folder]
    strays = [PassedOver(str(path), "misplaced") for path in misplaced]
    return ListedFaces(tuple(faces), (*found.passed_over, *strays))


def _listed(folder: Path, identities: Path) -> ListedFaces:
    found = read_identities(folder, identities)
    return ListedFaces(tuple(Face(path, who) for path, who in found.photographs), found.passed_over)
