"""The options by which a network is chosen: a published one by its key, one's own by its file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from lpel_serving.commands.shared.applies import check_applies
from lpel_serving.support.errors import ParameterError
from lpel_tf.commands.options import check_mirror

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lpel_serving.support.image_shape import ImageShape
    from lpel_serving.support.progress import Progress
    from lpel_tf.networks.exported import ExportedEmbedder
    from lpel_tf.networks.network_file import NetworkFile
    from lpel_tf.networks.zoo.keys import Published

NetworkOption = Annotated[
    str,
    typer.Option(
        help="Key of the published network to explain: a FaceNet's, or one of the zoo's, such as "
        "dlib-resnet; `lpel weights --list` lists them."
    ),
]
EmbedderOption = Annotated[
    Path | None,
    typer.Option(
        help="A network of your own in place of a published one: a Keras file (.keras, .h5) or an "
        "ONNX file, from an image to a vector.",
        show_default=False,
    ),
]
NameOption = Annotated[
    str | None,
    typer.Option(
        help="For --embedder: what the bundle calls it; the file's name by default.",
        show_default=False,
    ),
]
StandardisationOption = Annotated[
    str | None,
    typer.Option(
        help="For --embedder, a Keras file: what happens to pixels, 0 to 255, before the model; "
        "none, unit, fixed, imagenet, caffe or 'per image'.",
        show_default=False,
    ),
]
ImageSizeOption = Annotated[
    str | None,
    typer.Option(
        help="For --embedder: of its images, in pixels: a side, HEIGHTxWIDTH, or "
        "HEIGHTxWIDTHxCHANNELS such as 28x28x1; what a Keras file declares by default.",
        show_default=False,
    ),
]
MeanOption = Annotated[
    str | None,
    typer.Option(
        help="For --embedder, an ONNX file: it takes (pixel - mean) / scale, pixels 0 to 255; one "
        "number, or three with commas between them.",
        show_default=False,
    ),
]
ScaleOption = Annotated[str | None, typer.Option(help="See --mean.", show_default=False)]
LayoutOption = Annotated[
    str, typer.Option(help="For --embedder, an ONNX file: the order of its axes, NCHW or NHWC.")
]
ChannelsOption = Annotated[
    str, typer.Option(help="For --embedder, an ONNX file: the order of its colours, RGB or BGR.")
]
OutputOption = Annotated[
    str | None,
    typer.Option(
        help="For --embedder, an ONNX file: which of several outputs is the embedding.",
        show_default=False,
    ),
]

_KERAS = ("--standardisation",)
_ONNX = ("--mean", "--scale", "--layout", "--channels", "--output")


@dataclass(frozen=True)
class ChosenNetwork:
    """The network that a command explains: a published one, or a file; see `chosen`."""

    published: "Published | None"
    file: "NetworkFile | None"
    cache: Path | None
    mirror: str | None

    @property
    def is_facenet(self) -> bool:
        """Whether it is a FaceNet, as in the thesis."""
        from lpel_tf.networks.facenet import FaceNet

        return isinstance(self.published, FaceNet)

    @property
    def compares_by(self) -> Literal["cosine", "euclidean"]:
        """How it compares when nothing is said."""
        return "cosine" if self.published is None else self.published.compares_by

    def export(
        self, crops: "Callable[[ImageShape], NDArray[np.uint8]]", progress: "Progress"
    ) -> "ExportedEmbedder":
        """Export it, its parity checked on crops of a given shape; fetched first if published."""
        if self.file is not None:
            from lpel_tf.networks.network_file import from_file

            return from_file(self.file, crops, progress=progress)
        from lpel_tf.networks.zoo.keys import from_published

        return from_published(
            cast("Published", self.published),
            crops,
            cache=self.cache,
            mirror=self.mirror,
            progress=progress,
        )


def chosen(
    context: typer.Context,
    key: str,
    embedder: Path | None,
    *,
    cache: Path | None,
    mirror: str | None,
    image_size: str | None,
    mean: str | None,
    scale: str | None,
    **of_file: Any,
) -> ChosenNetwork:
    """Choose the network by a command's options; refuse what would do nothing for it.

    Raises
    ------
    ParameterError
        If options do not go together, or one that is needed is missing.
    """
    with_file = ("--name", "--image-size", *_KERAS, *_ONNX)
    check_applies(context, embedder is not None, "goes with --embedder", *with_file)
    if embedder is None:
        from lpel_tf.networks.zoo.keys import published

        network = published(key)
        check_mirror(context, network)
        return ChosenNetwork(network, None, cache, mirror)
    from lpel_tf.networks.network_file import ONNX_SUFFIX, NetworkFile

    how = "goes with a published network, not with --embedder"
    check_applies(context, False, how, "--network", "--mirror")
    is_onnx = embedder.suffix.lower() == ONNX_SUFFIX
    check_applies(context, is_onnx, "goes with an ONNX file", *_ONNX)
    check_applies(context, not is_onnx, "goes with a Keras file", *_KERAS)
    numbers = {"mean": _numbers("--mean", mean), "scale": _numbers("--scale", scale)}
    size = size_of(image_size)
    file = NetworkFile(embedder, image_size=size, **numbers, **of_file)
    return ChosenNetwork(None, file, cache, mirror)


def size_of(text: str | None) -> tuple[int, ...] | None:
    """Read --image-size: a side, or two or three numbers with an x between them.

    Raises
    ------
    ParameterError
        If it is something else.
    """
    if text is None:
        return None
    numbers = [int(part) for part in text.split("x") if part.isascii() and part.isdecimal()]
    if len(numbers) != text.count("x") + 1 or len(numbers) > 3:
        raise ParameterError(
            "--image-size takes a side, or HEIGHTxWIDTH, or HEIGHTxWIDTHxCHANNELS, in pixels; "
            f"received {text!r}."
        )
    return tuple(numbers * 2 if len(numbers) == 1 else numbers)


def _numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    """Read one number, or three with commas between them."""
    if text is None:
        return None
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 3):
        raise ParameterError(
            f"{option} takes one number, or three with commas between them; received {text!r}."
        )
    return numbers
