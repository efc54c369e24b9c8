"""Options that the commands of this package share."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lpel_serving.commands.shared.applies import check_applies

if TYPE_CHECKING:
    from lpel_tf.data.sides import SplitBy
    from lpel_tf.networks.zoo.keys import Published

CacheOption = Annotated[
    Path | None,
    typer.Option(help="Where downloads, exports and embeddings are kept.", show_default=False),
]


class SplitChoice(StrEnum):
    """What is on one side of a split alone."""

    identity = "identity"
    image = "image"


def split_by(choice: "SplitChoice | None") -> "SplitBy | None":
    """Return what `lpel_tf.data.split` calls a choice."""
    return None if choice is None else "image" if choice is SplitChoice.image else "identity"


SplitOption = Annotated[
    SplitChoice | None,
    typer.Option(
        help="What is held out of training: whole identities, or images of each. By image where "
        "there are fewer than 20 identities, by default.",
        show_default=False,
    ),
]
ComparisonOption = Annotated[
    str | None,
    typer.Option(
        help="How the network compares two embeddings: cosine, euclidean (their distance), or a "
        "learned head of two embeddings in a file of Keras or ONNX. Its own way by default where "
        "the network is published, else cosine.",
        show_default=False,
    ),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(
        help="A threshold of your own, on the scale that the network compares by: a cosine, a "
        "distance or a head's score; the most accurate by default.",
        show_default=False,
    ),
]
SubjectOption = Annotated[
    str,
    typer.Option(
        help="What is compared, in whose words bundles and reports speak: faces, digits, "
        "signatures, products, images, or own words, such as 'a stamp, stamps, one issue, two "
        "issues'."
    ),
]
MirrorOption = Annotated[
    str | None,
    typer.Option(
        help="Address of a folder with the weights' file, for the keys that keras-facenet "
        "downloads. The pinned hash holds all the same.",
        show_default=False,
    ),
]


def check_mirror(context: typer.Context, network: "Published") -> None:
    """Raise `ParameterError` if a mirror is given of what is not downloaded by its address."""
    how = "goes with weights that keras-facenet downloads; these come from the package registry"
    check_applies(context, network.route == "download", how, "--mirror")
