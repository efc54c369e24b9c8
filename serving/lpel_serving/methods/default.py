"""The method that explains unless another is asked for."""

from lpel_serving.methods.lpel import Lpel
from lpel_serving.methods.method import Method
from lpel_serving.methods.responses import Responses

LPEL, RESPONSES = "lpel", "responses"


def default_name(*, responds: bool) -> str:
    """Name the best method that a bundle can do.

    The measurements behind that order stand in ``docs/faithfulness.md``.

    Parameters
    ----------
    responds
        Whether the bundle has a response decoder.
    """
    return RESPONSES if responds else LPEL


def default_method(*, responds: bool) -> Method:
    """Make the method of `default_name`."""
    return {RESPONSES: Responses, LPEL: Lpel}[default_name(responds=responds)]()
