r"""Xplique 2.0.2 itself, its operator being the sum of model(x) * h, h the reference's embedding.

    .rivals/xplique/bin/python benchmarks/rivals/xplique_maps.py PAIRS.npz MAPS.npz \
        --embedder embedder.onnx [--methods xplique-occlusion-20 ...]

That sum is the cosine, embeddings being of unit norm. Occlusion and RISE run the network in ONNX,
fed pixels, so what they hide is black and standardised with the rest. Those that need gradients ask
Keras' FaceNet, fed the standardised image: there 0 is the image's mean colour. Xplique's Grad-CAM
ends in a ReLU, so that it is never negative but for the overshoot of its bicubic resizing; RISE's
is a mean of cosines, which hardly changes its sign within one map; the others are signed. The
defaults are Xplique's own where the name has no number: patches of 3 pixels for Occlusion, 4,000
masks of 7x7 cells for RISE, 50 steps or samples for the gradients; `-20` is patches of 20 at steps
of 10, `-1000` as many masks.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from harness import Counted, Pair, arguments, run
from xplique.attributions import (
    GradCAM,
    GradientInput,
    IntegratedGradients,
    Occlusion,
    Rise,
    SmoothGrad,
)

BLACK_BOX = {
    "xplique-occlusion-20": (Occlusion, {"patch_size": 20, "patch_stride": 10}),
    "xplique-rise-1000": (Rise, {"nb_samples": 1000}),
    "xplique-occlusion": (Occlusion, {}),
    "xplique-rise": (Rise, {}),
}
WHITE_BOX = {
    "xplique-grad-cam": GradCAM,
    "xplique-gradient-input": GradientInput,
    "xplique-integrated-gradients": IntegratedGradients,
    "xplique-smooth-grad": SmoothGrad,
}


def main() -> None:
    options = arguments(__doc__, [*BLACK_BOX, *WHITE_BOX])
    embed = Counted(options.embedder, options.threads)
    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    explainers = {name: black_box(name, embed) for name in BLACK_BOX}
    wanted = [name for name in options.methods if name in WHITE_BOX]
    if wanted:
        model = facenet_model()
        explainers |= {name: white_box(name, model, embed) for name in wanted}
    run(options, explainers, embed)


def black_box(name: str, embed: Counted) -> Callable[[Pair, int], Any]:
    kind, settings = BLACK_BOX[name]
    # Without an operator, Xplique's for a callable that it does not know is the sum we want.
    explainer = kind(embed, **settings)

    def explain(pair: Pair, seed: int) -> np.ndarray:
        # Xplique draws RISE's masks in a tf.function, which keeps the seed of its first call: run
        # as a graph, every pair would get the masks of the first.
        tf.config.run_functions_eagerly(True)
        tf.random.set_seed(seed)
        maps = explainer.explain(pair.test[None].astype(np.float32), pair.h_r[None])
        tf.config.run_functions_eagerly(False)
        return np.asarray(maps)[0, ..., 0]

    return explain


def white_box(name: str, model: Any, embed: Counted) -> Callable[[Pair, int], Any]:
    kind = WHITE_BOX[name]
    explainer = kind(model)
    # Keras is not asked through `embed`; each sample passes forward and back once.
    samples = getattr(explainer, "nb_samples", getattr(explainer, "steps", 1))

    def explain(pair: Pair, _seed: int) -> np.ndarray:
        # SmoothGrad's noise is drawn in a graph, which keeps its first seed: one seed for all the
        # pairs, hence one noise, so that a run that goes on is as one that was never cut off.
        tf.random.set_seed(0)
        standardised = tf.image.per_image_standardization(pair.test[None])
        maps = np.asarray(explainer.explain(standardised, pair.h_r[None]))
        embed.images += samples
        return maps[0, ..., 0]

    return explain


def facenet_model() -> Any:
    """Keras' FaceNet of this checkout, whose packages are not installed in this environment."""
    root = Path(__file__).parents[2]
    sys.path[:0] = [str(root), str(root / "export"), str(root / "serving")]
    from lpel_tf.networks.facenet import DEFAULT_KEY, build, facenet
    from lpel_tf.networks.weights import fetch

    return build(facenet(DEFAULT_KEY), fetch(facenet(DEFAULT_KEY)))


if __name__ == "__main__":
    main()
