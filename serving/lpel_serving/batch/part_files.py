"""Lists in Parquet: one file, or a folder of part files as Spark, Ray and others write it."""

from pathlib import Path

from lpel_serving.image_folder import SUFFIXES as PHOTOGRAPHS

SUFFIXES = (".parquet", ".pq", ".parq")


def is_parquet(path: Path) -> bool:
    """Whether a list is in Parquet, by its name or by those of the files in the folder."""
    return bool(part_files(path)) if path.is_dir() else path.suffix.lower() in SUFFIXES


def part_files(path: Path) -> tuple[Path, ...]:
    """Find the files of a list, in the order of their names.

    Those of a folder lie in it or in folders named ``key=value``. As everywhere, names that begin
    with ``_`` or ``.`` are passed over: ``_SUCCESS``, checksums, what is not complete. A folder of
    photographs is no list in Parquet, whatever else is in it.
    """
    if not path.is_dir():
        return (path,)
    found: list[Path] = []
    for one in sorted(path.iterdir()):
        if one.name.startswith(("_", ".")):
            continue
        if one.is_dir():
            found += part_files(one) if "=" in one.name else ()
        elif one.suffix.lower() in PHOTOGRAPHS:
            return ()
        elif one.suffix.lower() in SUFFIXES:
            found.append(one)
    return tuple(found)
