"""Exchange with rivals that run in separate environments: writes pairs, reads maps."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lpel_serving.methods.method import FacePair
from lpel_serving.support.files import write_atomically
from lpel_tf.research.comparison.maps import Maps, key


def write_pairs(pairs: Sequence[FacePair], path: Path) -> None:
    """Write PAIRS.npz for the scripts in ``benchmarks/rivals``."""
    chosen, buffer = list(pairs), io.BytesIO()
    np.savez_compressed(
        buffer,
        reference=np.stack([pair.reference for pair in chosen]),
        test=np.stack([pair.test for pair in chosen]),
        h_r=np.stack([pair.h_r for pair in chosen]),
        h_t=np.stack([pair.h_t for pair in chosen]),
        similar=np.array([pair.similar for pair in chosen]),
    )
    write_atomically(path, buffer.getvalue())


def maps_of_files(paths: Sequence[Path], pairs: Sequence[FacePair]) -> dict[str, Maps]:
    """Read the maps that the scripts in ``benchmarks/rivals`` made of PAIRS.npz."""
    found: dict[str, Maps] = {}
    for path in paths:
        with np.load(path) as file:
            for name in file.files:
                if "." in name or len(file[name]) < len(pairs):
                    continue
                values = {key(pairs[i]): file[name][i] for i in range(len(pairs))}
                found[name] = Maps(values, float(file[f"{name}.embeddings"].mean()))
    return found
