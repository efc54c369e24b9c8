"""`lpel`, with the tiny network where `lpel train` would fetch and export a FaceNet.

    PYTHONPATH=tests python -m support.tiny_training train --faces ...

All else is as people run it: the options, the training, the files, the errors. With LPEL_TINY set
to "layers", the tiny network has layers that local features can be made of.
"""

import os
import subprocess
from unittest.mock import patch

from lpel_serving.commands.main import main
from lpel_tf.networks import embedders
from support import reproduction, tiny_layers
from support.command import lpel


def _tiny(*_: object, **__: object) -> embedders.ExportedEmbedder:
    return tiny_layers.embedder() if os.environ.get("LPEL_TINY") else reproduction.embedder()


def lpel_tiny(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run it to its end in this process, as `support.command.lpel` does."""
    with patch.object(embedders, "from_facenet", _tiny):
        return lpel(*arguments, **environment)


if __name__ == "__main__":
    embedders.from_facenet = _tiny
    main()
