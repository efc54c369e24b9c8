"""What a crop does, in words for a reader."""

from lpel_serving.images.crops import CentreCrop, Crop, Pad, Stretch, WholeImage
from lpel_serving.support.image_shape import ImageShape


def crop_title(name: str, crop: Crop, shape: ImageShape) -> str:
    """Describe a crop, which makes images of a shape out of pictures, as a choice in a list."""
    match crop:
        case WholeImage():
            return "the whole picture"
        case Pad():
            return "the whole picture, with margins"
        case Stretch():
            return "the whole picture, stretched"
        case CentreCrop():
            return (
                largest(shape) if crop.fraction == 1 else f"its middle, {100 * crop.fraction:.4g}%"
            )
        case _ if name == "mtcnn":
            return "find the face and align it"
        case _:
            return name


def largest(shape: ImageShape) -> str:
    """Describe the share 1, which is not the whole of a picture of other proportions."""
    box = "square" if shape.height == shape.width else "rectangle of the network's proportions"
    return f"the largest {box} in its middle"


def with_largest(name: str, shape: ImageShape) -> str:
    """Name a crop, and say what it is if it is the share 1."""
    return f"{name} ({largest(shape)})" if share_of(name) == 1 else name


def share_of(name: str) -> float | None:
    """Read the share that names a crop; None if it is named otherwise."""
    try:
        return float(name)
    except ValueError:
        return None


def called(name: str | None, own: str) -> str:
    """Name a crop as the bundle does whose own is the same, also where that is not chosen.

    >>> called("0.480", "0.48"), called("none", "0.48"), called(None, "0.48")
    ('0.48', 'none', '0.48')
    """
    share = None if name is None else share_of(name)
    return own if name is None or (share is not None and share == share_of(own)) else name
