"""Loading TensorFlow without its chatter, where people read standard error."""

import os
import sys

from lpel_serving.extras import require


def load_tensorflow() -> None:
    """Import TensorFlow and keep what its C++ side prints meanwhile off the screen.

    Until it has started, TensorFlow writes to the file descriptor itself and heeds no setting. An
    import that fails still raises.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    screen = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        require("tensorflow", "train")
        require("keras_facenet", "train")
    finally:
        os.dup2(screen, 2)
        os.close(screen)
        os.close(nowhere)
