"""The side of the square images that a network takes."""

import contextlib
import operator

from lpel_serving.support.errors import ParameterError


def whole_side(image_size: int) -> int:
    """Return the side of images, in pixels, as Python's own whole number.

    Raises
    ------
    ParameterError
        If it is not a whole number, 1 at least.
    """
    with contextlib.suppress(TypeError):
        side = operator.index(image_size)
        if side >= 1:
            return side
    raise ParameterError(
        f"image_size is a whole number of pixels, 1 at least; received {image_size!r}."
    )
