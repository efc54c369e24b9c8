"""Images held in memory, which are read as the files would be that hold their pixels."""

from dataclasses import dataclass
from pathlib import Path

from lpel_serving.images.reading import read_bytes
from lpel_serving.support.arrays import Pixels


@dataclass(frozen=True, eq=False)
class HeldImage:
    """An image in memory.

    Attributes
    ----------
    pixels
        uint8, shape (H, W), grey, or (H, W, 3), RGB.
    name
        What messages call it.
    """

    pixels: Pixels
    name: str

    def __str__(self) -> str:
        return self.name

    @property
    def content(self) -> bytes:
        """Its pixels as a file: a header of PGM or PPM, and nothing but the pixels after it."""
        height, width = self.pixels.shape[:2]
        kind = "P5" if self.pixels.ndim == 2 else "P6"
        return f"{kind} {width} {height} 255\n".encode() + self.pixels.tobytes()


Photograph = Path | HeldImage
"""Where an image's bytes come from: a file, or memory."""


def as_image(photograph: Photograph) -> Path | Pixels:
    """Take a photograph as what reads images takes: the path of its file, or its pixels."""
    return photograph.pixels if isinstance(photograph, HeldImage) else photograph


def content_of(photograph: Photograph) -> bytes:
    """Read the bytes of an image's file, or make those of the file that would hold it.

    Raises
    ------
    ImageError
        If there is no such file, it may not be read, or it is too large.
    """
    return photograph.content if isinstance(photograph, HeldImage) else read_bytes(photograph)
