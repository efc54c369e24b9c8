"""Images for tests, made from seeds."""

from pathlib import Path

import numpy as np
from PIL import Image


def pixels(seed: int, size: int = 16) -> np.ndarray:
    """Random RGB pixels, uint8, shape (size, size, 3)."""
    shape = (size, size, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write_people(folder: Path, people: int, each: int, size: int = 16) -> Path:
    """Write a folder of identities with a few pictures each: a base picture and noise on it."""
    for person in range(people):
        base = pixels(person, size).astype(np.int16)
        home = folder / f"Person_{person:02d}"
        home.mkdir(parents=True)
        for number in range(1, each + 1):
            noise = np.random.default_rng((person, number)).integers(-20, 21, base.shape)
            picture = np.clip(base + noise, 0, 255).astype(np.uint8)
            Image.fromarray(picture).save(home / f"{home.name}_{number:04d}.png")
    return folder


def touch(folder: Path, *names: str) -> None:
    """Make empty files of such names, which may lie in folders."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
