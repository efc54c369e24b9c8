"""Explains images by the nearest prototype, by EMSNN and LPEL, and draws what they mark."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving import Explainer
from lpel_serving.equations.decision import Decision, decide
from lpel_serving.methods.decoded.emsnn import DEFAULT_DRAWS
from lpel_serving.support.arrays import Pixels
from lpel_tf.research.emsnn.by_prototype import (
    EMSNN,
    LPEL,
    ByPrototype,
    explain_by_prototype,
    methods,
)
from lpel_tf.research.figures import isolated_figure, row_by_prototype
from lpel_tf.research.prototypes.classes import Classes

NEXT = "next class"
SHOWN = 30
"""Images that the figure has at most: a picture of many more cannot be looked at, or drawn."""
_LONGEST = 18
"""Characters of a class's name that fit beside a row."""


@dataclass(frozen=True, eq=False)
class Nearest:
    """A test image with the classes that it is nearest to, and its maps.

    Attributes
    ----------
    crop, embedding
        What was embedded, uint8, and the embedding, float32, shape (D,).
    name, next_name
        The nearest class and the one after it.
    decision
        On the image and the nearest prototype: the maps say why they are similar even where the
        network does not call them so.
    maps
        By the nearest prototype, and by the next one's as the control.
    """

    crop: Pixels
    embedding: NDArray[np.float32]
    name: str
    next_name: str
    decision: Decision
    maps: ByPrototype


def explain_by_nearest(
    explainer: Explainer,
    classes: Classes,
    crops: Sequence[Pixels],
    *,
    k: int,
    draws: int = DEFAULT_DRAWS,
    seed: int = 0,
) -> list[Nearest]:
    """Explain test images, each by itself: the same image gives the same maps among any others.

    Parameters
    ----------
    explainer
        The network with its decoder.
    classes
        See `lpel_tf.research.prototypes.classes.learn_classes`.
    crops
        The images as `Embedder.read` cuts them out.
    k
        Features that EMSNN perturbs: see `lpel_tf.research.emsnn.by_prototype`.
    draws
        How often it does.
    seed
        Of the perturbations.

    Raises
    ------
    ParameterError
        If `k` or `draws` is below 1.
    """
    chosen = methods(classes.decoder.decode, k, draws)
    comparison, threshold = explainer.comparison, explainer.manifest.threshold.value
    found: list[Nearest] = []
    for crop in crops:
        h = explainer.embed(crop[np.newaxis])[0]
        similarities = comparison.similarity(
            np.broadcast_to(h, classes.prototypes.shape), classes.prototypes
        )
        order: list[int] = np.argsort(-similarities, kind="stable").tolist()
        first, second = order[:2]
        own, another = classes.prototypes[first], classes.prototypes[second]
        maps = explain_by_prototype(explainer, chosen, (crop, h), own, another, (seed,))
        decision = decide(comparison, own, h, threshold)
        found.append(Nearest(crop, h, classes.names[first], classes.names[second], decision, maps))
    return found


def shortened(name: str) -> str:
    """Cut a name off where it would run into the next row's."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def nearest_figure(explainer: Explainer, classes: Classes, found: Sequence[Nearest]) -> Any:
    """Draw the first test images in the layout of EMSNN's own figure, a row each.

    Returns
    -------
    matplotlib.figure.Figure
    """
    by = {LPEL: explainer.decode, EMSNN: classes.decoder.decode}
    rows = [
        row_by_prototype(
            one.crop,
            one.embedding,
            one.maps,
            by,
            NEXT,
            f"{shortened(one.name)}\nnext {shortened(one.next_name)}",
        )
        for one in found[:SHOWN]
    ]
    return isolated_figure(rows)
