"""A Keras dtype policy of float32 for our own networks, regardless of the user's global policy."""

import contextlib
from collections.abc import Generator

from lpel_serving.support.extras import require


@contextlib.contextmanager
def float32_layers() -> Generator[None]:
    """Let Keras make layers of float32, as in a process that never chose a dtype policy."""
    config = require("keras", "train").config
    chosen = config.dtype_policy()
    config.set_dtype_policy("float32")
    try:
        yield
    finally:
        config.set_dtype_policy(chosen)
