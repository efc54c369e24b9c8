"""distance-explainer 0.6.0 (dianna-ai) itself: one image against a point in the embedded space.

    .rivals/distance/bin/python benchmarks/rivals/distance.py PAIRS.npz MAPS.npz --embedder E.onnx

With its defaults: 1,000 random masks of 8x8 cells, half of them kept, black where nothing is kept;
the mean of the tenth of the masks that leave the image nearest to the reference, less the mean of
the tenth that leave it farthest. So the map is signed. dianna draws the masks from numpy's global
generator, which is why that one is seeded.
"""

import numpy as np
from distance_explainer import DistanceExplainer
from harness import Counted, Pair, arguments, run


def main() -> None:
    options = arguments(__doc__, ["distance-explainer"])
    embed = Counted(options.embedder, options.threads)

    def explain(pair: Pair, seed: int) -> np.ndarray:
        np.random.seed(seed)  # noqa: NPY002
        explainer = DistanceExplainer(axis_labels={2: "channels"})
        pixels = pair.test.astype(np.float32)
        return np.squeeze(explainer.explain_image_distance(embed, pixels, pair.h_r))

    run(options, {"distance-explainer": explain}, embed)


if __name__ == "__main__":
    main()
