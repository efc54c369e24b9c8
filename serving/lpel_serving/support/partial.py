"""Checkpoints of a long computation's arrays, to resume it after an interruption."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.files import write_atomically

_DIGEST_BYTES = 32


@dataclass(frozen=True)
class Partial:
    """A checkpoint file: where the results so far are kept, and what determines them.

    Attributes
    ----------
    path
        The file: an ``.npz`` followed by the SHA-256 of what comes before.
    identity
        Everything that determines the results; a checkpoint with another identity is ignored.
    """

    path: Path
    identity: str

    def load(self) -> dict[str, NDArray[Any]] | None:
        """Read the arrays; None if there are none, or they are damaged or have another identity."""
        if not self.path.is_file():
            return None
        content = self.path.read_bytes()
        data, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
        if hashlib.sha256(data).digest() != digest:
            return None
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            if file["identity"].item() != self.identity:
                return None
            return {name: file[name] for name in file.files if name != "identity"}

    def save(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Replace what is kept.

        Raises
        ------
        OutputError
            If the file cannot be written; what was kept before is untouched.
        """
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, identity=np.array(self.identity), **arrays)
        data = buffer.getvalue()
        write_atomically(self.path, data + hashlib.sha256(data).digest())
