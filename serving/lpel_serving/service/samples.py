"""Sample pairs of faces, which the page offers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from lpel_serving.images.reading import read_bytes
from lpel_serving.support.errors import ParameterError
from lpel_serving.support.strict_json import read_json

LIST = "samples.json"


@dataclass(frozen=True, eq=False)
class SampleFace:
    """One face of a sample: its name, and the bytes of a PNG or JPEG file."""

    name: str
    data: bytes


@dataclass(frozen=True, eq=False)
class Sample:
    """A pair that the page offers.

    Attributes
    ----------
    title
        What it shows.
    crop
        How its faces are cut out.
    reference, test
        The faces.
    same_person
        Whether both faces are one person's; None where that is not known.
    """

    title: str
    crop: str
    reference: SampleFace
    test: SampleFace
    same_person: bool | None = None


def read_samples(folder: Path) -> tuple[Sample, ...]:
    """Read the samples of a folder, as `lpel demo` writes them: `samples.json`, and images.

    Raises
    ------
    ParameterError
        If the list cannot be read, or names a file that lies elsewhere.
    ImageError
        If an image cannot be read.
    """
    try:
        entries = read_json((folder / LIST).read_text(encoding="utf-8"))
        return tuple(_sample(folder, entry) for entry in entries)
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(
            f"{folder} holds no samples: its {LIST} cannot be read ({error}). `lpel demo` writes "
            "some."
        ) from error


def _sample(folder: Path, entry: Any) -> Sample:
    reference, test = (_face(folder, entry[role]) for role in ("reference", "test"))
    same_person = entry.get("same_person")  # missing from lists of version 0.1
    if not isinstance(same_person, bool | None):
        raise TypeError(f"same_person is true, false or null, not {same_person!r:.40}")
    return Sample(_text(entry["title"]), _text(entry["crop"]), reference, test, same_person)


def _face(folder: Path, entry: Any) -> SampleFace:
    record = cast("dict[str, Any]", entry)
    file = str(record["file"])
    if Path(file).name != file:
        raise ParameterError(f"the samples of {folder} name {file[:60]!a}, which is no plain name.")
    return SampleFace(_text(record["name"]), read_bytes(folder / file))


def _text(value: Any) -> str:
    """Check that text can be encoded: JSON may escape half a character."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    value.encode("utf-8")
    return value
