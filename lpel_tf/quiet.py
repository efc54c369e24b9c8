"""Loading TensorFlow without its chatter, where people read standard error."""

import os
import sys
import threading

from lpel_serving.extras import require

_LOADING = threading.Lock()


def load_tensorflow() -> None:
    """Import TensorFlow and keep what its C++ side prints meanwhile off the screen.

    Until it has started, TensorFlow writes to the file descriptor itself and heeds no setting. An
    import that fails still raises.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _LOADING:
        if "tensorflow" in sys.modules and "keras_facenet" in sys.modules:
            return
        try:
            screen = os.dup(2)
        except OSError:  # standard error is closed
            screen = None
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            if screen is not None:
                os.dup2(nowhere, 2)
            require("tensorflow", "train")
            require("keras_facenet", "train")
        finally:
            if screen is not None:
                os.dup2(screen, 2)
                os.close(screen)
            os.close(nowhere)
