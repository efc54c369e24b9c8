"""Explains many pairs from simulations of their photographs that were made once and kept.

A pair then costs a dot product for each coalition and sums of those, and no network is run.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lpel_serving.equations.aumann_shapley import Design
from lpel_serving.equations.comparison import Comparison
from lpel_serving.equations.fill import TRANSPLANT
from lpel_serving.methods.decoded.responses import enlarge
from lpel_serving.methods.many import Decisions, Maps, Places
from lpel_serving.methods.networks import ImageFeatures, Networks
from lpel_serving.methods.simulated.design import fixed_design
from lpel_serving.methods.simulated.game import for_the_decision, on_grid
from lpel_serving.methods.simulated.simulation import simulation_of
from lpel_serving.methods.simulated.surrogate_attribution import SurrogateAttribution
from lpel_serving.support.arrays import Floats
from lpel_serving.support.errors import ParameterError

_AT_ONCE = 64
"""Images that are simulated together: what hiding does to each is kept until it was asked."""


@dataclass(frozen=True, eq=False)
class SimulatedImages:
    """What a surrogate predicts of N images under a fixed design.

    Attributes
    ----------
    design
        M coalitions.
    comparison
        How the network compares.
    scaled
        Scaled embeddings, float32, shape (N, D).
    masked
        Finds an image's predicted embeddings, a column for each coalition of the design, by its
        position: float32, shape (D, M). All of them may be more than memory holds.
    """

    design: Design
    comparison: Comparison
    scaled: Floats
    masked: Callable[[int], Floats]


def simulate_images(
    method: SurrogateAttribution, networks: Networks, images: ImageFeatures
) -> Floats:
    """Simulate a method's coalitions on images, once for any number of pairs of them.

    Returns
    -------
    NDArray[np.float32]
        Predicted embeddings, shape (N, D, M), of the coalitions of the method's `fixed_design`:
        sums over D are fastest so.

    Raises
    ------
    ParameterError
        If there is no surrogate, or the method's fill is transplants, which hang on the other
        image.
    EmbeddingError
        If the surrogate gives something else than finite embeddings.
    """
    if not is_of_one_image(method):
        raise ParameterError(
            "transplants cannot be simulated for one image alone: choose another fill, such as "
            "mean, or explain each pair by itself."
        )
    design = fixed_design(method.steps, images.local.shape[1])
    blocks = range(0, max(1, len(images.embeddings)), _AT_ONCE)
    masked = [
        simulation_of(networks, images[start : start + _AT_ONCE], method.fill)(design.coalitions)
        for start in blocks
    ]
    return np.ascontiguousarray(np.concatenate(masked).swapaxes(1, 2))


def is_of_one_image(method: SurrogateAttribution) -> bool:
    """Whether what a method simulates of an image does not hang on the other one."""
    return method.fill != TRANSPLANT


def explain_from_simulated(
    images: SimulatedImages, references: Places, tests: Places, similar: Decisions, size: int
) -> Maps:
    """Explain N pairs both ways; the maps equal those of single calls of the method.

    Parameters
    ----------
    images
        See `simulate_images`.
    references, tests
        The images of the pairs, indices, shape (N,).
    similar
        The decisions, shape (N,).
    size
        Side of the maps, as the method's.

    Returns
    -------
    tuple[NDArray[np.float32], NDArray[np.float32]]
        Maps of the tests and of the references, shape (N, size, size).
    """
    of_scaled, scaled = images.comparison.of_scaled, images.scaled
    changes = np.empty((2, len(tests), len(images.design.coalitions)), np.float32)
    pairs = zip(references.tolist(), tests.tolist(), similar.tolist(), strict=True)
    for i, (r, t, alike) in enumerate(pairs):  # one by one: a photograph's simulation is not copied
        of_reference, of_test = images.masked(r), images.masked(t)
        if alike:
            known = scaled[[r, t], :, np.newaxis]
            both = [of_scaled(known[0], of_test, 0), of_scaled(known[1], of_reference, 0)]
            after = np.stack(both)
        else:
            after = of_scaled(of_reference, of_test, 0)[np.newaxis]
        before = of_scaled(scaled[[r]], scaled[[t]])
        changes[:, i] = for_the_decision(before, after, similar=alike)
    forward, swapped = enlarge(on_grid(images.design.attributions(changes)), size)
    return forward, swapped
