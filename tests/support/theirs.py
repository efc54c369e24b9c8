"""A method of another package: one file and one entry point, and nothing else."""

from pathlib import Path

SOURCE = '''"""Marks what is darker than the other picture."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from lpel_serving.methods.catalogue.parameter import Range


@dataclass(frozen=True)
class Shade:
    title: ClassVar[str] = "What is darker"
    paper: ClassVar[str] = "On shade, 2026"
    caveat: ClassVar[str] = "Shade is no reason."
    needs: ClassVar[tuple[str, ...]] = ("images",)
    depth: Annotated[int, Range("How often it is measured.", 1, 9, served=5)] = 2
    soft: bool = False

    def __call__(self, pair, networks, rng):
        networks.embed(np.stack([pair.test // (n + 2) for n in range(self.depth)]))
        darker = pair.reference.mean(axis=-1) - pair.test.mean(axis=-1)
        return (darker * self.depth).astype(np.float32)
'''


def install(folder: Path) -> Path:
    """Write the package and its metadata into a folder, which is to come onto the path."""
    (folder / "shade_of_others.py").write_text(SOURCE)
    metadata = folder / "shade_of_others-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: shade-of-others\nVersion: 1.0\n"
    )
    entry = "[lpel.methods]\nshade = shade_of_others:Shade\n"
    (metadata / "entry_points.txt").write_text(entry)
    return folder
