"""Types of the arrays that the whole engine uses."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
"""Embeddings, maps and reconstructions: all that is computed is float32."""
Pixels = NDArray[np.uint8]
"""An image as it was read or embedded: 0 to 255, shape (H, W, 3) in RGB, or (H, W, 1) in grey."""
SignedMap = NDArray[np.float32]
"""Shape (H, W), of any size: positive where a pixel speaks for the network's decision."""
Coalitions = NDArray[np.bool_]
"""Which superpixels are replaced together, shape (N, K)."""
Memberships = NDArray[np.bool_ | np.float32]
"""How far superpixels are replaced together, 0 to 1, shape (N, K) or (N, M, K): coalitions, or what
lies between them, which only a surrogate knows."""
