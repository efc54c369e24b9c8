"""Lists in Parquet: one file, or a folder of part files as Spark, Ray and others write it."""

from pathlib import Path

from lpel_serving.images.datasets.image_folder import SUFFIXES as PHOTOGRAPHS
from lpel_serving.images.datasets.passed_over import PassedOver

SUFFIXES = (".parquet", ".pq", ".parq")


def is_parquet(path: Path) -> bool:
    """Whether a list is in Parquet, by its name or by those of the files in the folder."""
    return bool(part_files(path)) if path.is_dir() else path.suffix.lower() in SUFFIXES


def part_files(path: Path) -> tuple[Path, ...]:
    """Find the files of a list, in the order of their names.

    Those of a folder lie in it or in folders named ``key=value``. As everywhere, names that begin
    with ``_`` or ``.`` are passed over: ``_SUCCESS``, checksums, what is not complete. A folder of
    photographs is no list in Parquet, whatever else is in it; one picture among the parts of a
    folder ``key=value`` is none of the list's files.
    """
    if not path.is_dir():
        return (path,)
    if any(_is_photograph(one) for one in path.iterdir()):
        return ()
    return _look(path)[0]


def beside_parts(path: Path) -> tuple[PassedOver, ...]:
    """Name what lies in a folder of part files and is none: a folder once, whatever is in it."""
    return _look(path)[1]


def _look(folder: Path) -> tuple[tuple[Path, ...], tuple[PassedOver, ...]]:
    found: list[Path] = []
    others: list[PassedOver] = []
    for one in sorted(folder.iterdir()):
        if one.name.startswith(("_", ".")):
            others.append(PassedOver(str(one), "hidden"))
        elif one.is_dir() and "=" in one.name:
            within = _look(one)
            found += within[0]
            others += within[1]
        elif one.suffix.lower() in SUFFIXES and not one.is_dir():
            found.append(one)
        else:
            others.append(PassedOver(str(one), "no_part"))
    return tuple(found), tuple(others)


def _is_photograph(path: Path) -> bool:
    hidden = path.name.startswith(("_", "."))
    return not hidden and path.suffix.lower() in PHOTOGRAPHS and not path.is_dir()
