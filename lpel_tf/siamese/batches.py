"""Batches of drawn images, as `model.fit` takes them."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from lpel_serving.support.errors import ParameterError
from lpel_serving.support.extras import require
from lpel_tf.siamese.drawing import Drawn, Places


def as_batches(
    images: NDArray[Any],
    draw: Callable[[int], Drawn],
    batch_size: int = 128,
    *,
    labelled: bool = False,
    first_epoch: int = 0,
) -> Any:
    """Make a Keras data set that draws anew in each epoch.

    Parameters
    ----------
    images
        As the network takes them, shape (N, H, W, C).
    draw
        Called with the number of an epoch, for its pairs, triplets or single images: the functions
        of `lpel_tf.siamese.drawing`, with what they need. Every epoch has as many.
    batch_size
        Pairs, triplets or images in a step.
    labelled
        Give the targets to the model as well, after the images, as centers of classes need them.
    first_epoch
        The number of the first epoch, from 0: that at which a training goes on.

    Returns
    -------
    keras.utils.PyDataset
        Its batches are (inputs, targets): images of each place, shape (batch, H, W, C), and the
        targets, shape (batch,).

    Raises
    ------
    ParameterError
        If the batch size is below 1, or nothing is drawn.
    """
    if batch_size < 1:
        raise ParameterError(f"a batch has 1 image or more; received {batch_size}.")
    first = draw(first_epoch)
    steps = -(-len(first.places) // batch_size)
    if not steps:
        raise ParameterError("nothing was drawn to train on: give more images.")
    keras = require("keras", "train")

    class Batches(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__()  # pyright: ignore[reportUnknownMemberType]
            self._begun, self._drawn = 0, first

        def __len__(self) -> int:
            return steps

        def __getitem__(self, step: int) -> tuple[Any, Any]:
            chosen = slice(step * batch_size, (step + 1) * batch_size)
            return _batch(images, self._drawn, chosen, labelled=labelled)

        def on_epoch_begin(self) -> None:
            # Not at the end of an epoch: Keras announces one before the first, too.
            if self._begun:
                self._drawn = draw(first_epoch + self._begun)
            self._begun += 1

    return Batches()


def _batch(
    images: NDArray[Any], drawn: Drawn, chosen: slice, *, labelled: bool
) -> tuple[Any, Places]:
    targets = drawn.targets[chosen]
    inputs = [images[column] for column in drawn.places[chosen].T]
    if labelled:
        return (*inputs, targets), targets
    return (tuple(inputs) if len(inputs) > 1 else inputs[0]), targets
