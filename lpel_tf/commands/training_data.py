"""What `--faces` of a training names: a folder of photographs, or one archive of arrays."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from lpel_serving.commands.shared.applies import check_applies
from lpel_serving.images.datasets.labelled import Labelled
from lpel_serving.images.datasets.passed_over import PassedOver

DataOption = Annotated[
    Path,
    typer.Option(
        "--faces",
        help="Photographs, as identity/image.jpg or flat with --identities; or a NumPy archive "
        "(.npz) with the arrays images and labels, or x_train and y_train as in Keras' mnist.npz.",
        show_default=False,
    ),
]
_ARCHIVE = ".npz"


@dataclass(frozen=True)
class GivenData:
    """The images that a command is given, with their classes, and what was skipped."""

    images: tuple[Labelled, ...]
    passed_over: tuple[PassedOver, ...]


def given_data(context: typer.Context, faces: Path, identities: Path | None) -> GivenData:
    """List the photographs of a folder, or read an archive; refuse what does nothing for it.

    Raises
    ------
    PairsError, ArchiveError
        If there are none, or they cannot be read.
    ParameterError
        If options name photographs of a folder, and an archive is given.
    """
    from lpel_serving.images.datasets.archive import read_archive
    from lpel_serving.images.datasets.faces import find_faces

    is_archive = faces.is_file() or (faces.suffix.lower() == _ARCHIVE and not faces.is_dir())
    how = "goes with a folder of photographs, not with an archive"
    check_applies(context, not is_archive, how, "--identities", "--pairs")
    if is_archive:
        return GivenData(read_archive(faces), ())
    found = find_faces(faces, identities)
    return GivenData(found.faces, found.passed_over)
