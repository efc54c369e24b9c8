"""Prepares to ask a surrogate about coalitions, and checks what it answers."""

import numpy as np

from lpel_serving.methods.networks import ImageFeatures, Simulates, Simulation
from lpel_serving.support.arrays import Floats, Memberships
from lpel_serving.support.errors import EmbeddingError


def simulation_of(
    networks: Simulates, images: ImageFeatures, fill: str, donors: ImageFeatures | None = None
) -> Simulation:
    """Prepare to ask the surrogate: see `lpel_serving.methods.networks.Networks.simulate`.

    Returns
    -------
    Simulation
        It raises `EmbeddingError` if an answer is not finite, or of another shape than (N, M, D).
    """
    simulation = networks.simulate(images, fill, donors)
    count, dimension = images.embeddings.shape

    def checked(coalitions: Memberships, /) -> Floats:
        masked = simulation(coalitions)
        expected = (count, coalitions.shape[-2], dimension)
        if masked.shape != expected:
            raise EmbeddingError(
                f"expected predicted embeddings of shape {expected} from the surrogate, received "
                f"{masked.shape}: the surrogate is of another network; train one for this."
            )
        if not np.isfinite(masked).all():
            raise EmbeddingError(
                "a predicted embedding holds NaN or infinity: the surrogate is broken."
            )
        return masked

    return checked
