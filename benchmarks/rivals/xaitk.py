"""xaitk-saliency 0.15.0 itself: sliding windows scored by similarity, with its defaults.

    .rivals/xaitk/bin/python benchmarks/rivals/xaitk.py PAIRS.npz MAPS.npz --embedder embedder.onnx

Its "reference" is the image that is occluded, which is our test; its query is our reference.
Windows of 50 pixels at steps of 20 are filled with black. Distances are Euclidean. Where hiding a
window brings the two closer, `SimilarityScoring` clips to 0: its maps know only what speaks for
likeness. Negated for a dissimilar pair, such a map says only what speaks against the decision.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from harness import Counted, Pair, arguments, run
from smqtk_descriptors.interfaces.image_descriptor_generator import ImageDescriptorGenerator
from xaitk_saliency.impls.gen_image_similarity_blackbox_sal.sbsm import SBSMStack

BATCH = 32


class Descriptors(ImageDescriptorGenerator):
    """The embedder as xaitk-saliency asks for it."""

    def __init__(self, embed: Counted) -> None:
        self.embed = embed

    def generate_arrays_from_images(
        self,
        img_mat_iter: Iterable[np.ndarray],
    ) -> Iterator[np.ndarray]:
        """Embed in batches."""
        images = list(img_mat_iter)
        for start in range(0, len(images), BATCH):
            yield from self.embed(np.stack(images[start : start + BATCH]))

    def get_config(self) -> dict[str, Any]:
        """Nothing: it is asked for by an abstract base alone."""
        return {}


def main() -> None:
    options = arguments(__doc__, ["xaitk-sbsm"])
    embed = Counted(options.embedder, options.threads)
    sbsm, descriptors = SBSMStack(), Descriptors(embed)

    def explain(pair: Pair, _seed: int) -> np.ndarray:
        return sbsm.generate(pair.test, [pair.reference], descriptors)[0]

    run(options, {"xaitk-sbsm": explain}, embed)


if __name__ == "__main__":
    main()
