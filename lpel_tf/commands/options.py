"""Options that the commands of this package share."""

from pathlib import Path
from typing import Annotated

import typer

CacheOption = Annotated[
    Path | None,
    typer.Option(help="Where downloads, exports and embeddings are kept.", show_default=False),
]
MirrorOption = Annotated[
    str | None,
    typer.Option(
        help="Address of a folder with the weights' file, for the keys that keras-facenet "
        "downloads. The pinned hash holds all the same.",
        show_default=False,
    ),
]
