"""Heat-maps that are made of the regions of a face."""

import numpy as np

from lpel_serving.equations.regions import REGIONS, region_labels

_LABELS = region_labels(240)


def regional(**values: float) -> np.ndarray:
    """A map with one value in each region that is named, and 0 in the others."""
    level = np.array([values.get(name, 0) for name in REGIONS], np.float32)
    return level[_LABELS]
