"""Import of TensorFlow without its messages on standard error."""

import os
import sys
import threading

from lpel_serving.support.extras import require
from lpel_serving.support.quiet import silenced

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
        with silenced():
            require("tensorflow", "train")
            require("keras_facenet", "train")
