"""The sizes of the experiments: numbers of pairs, photographs and repeats."""

from dataclasses import dataclass

import numpy as np

from lpel_serving.images.datasets.labelled import Labelled
from lpel_serving.images.datasets.pairs import group_by_identity
from lpel_tf.data.sides import SplitBy, by_itself


@dataclass(frozen=True)
class Sizes:
    """Numbers of pairs and the like.

    Attributes
    ----------
    photographs
        At most so many are used; None for all.
    comparisons
        Of section 5.2.2.
    pairs
        For the curves and the comparisons of maps; 100 in the thesis.
    every, every_costly
        Superpixels between two measurements, for similar pairs and for the other curves.
    draws, draws_costly
        Random orders for each pair, likewise.
    ablation_pairs, ablation_steps
        For each setting of an ablation: pairs, and about so many measurements in a curve.
    game_pairs
        Pairs of each kind for the deletion and insertion of verification accuracy.
    game_levels
        Percentages of pixels there.
    probes
        Photographs or pairs for fidelity, sanity and stability.
    decoder_epochs, decoder_batch
        Of the training as the thesis has it.
    autoencoder_epochs, autoencoder_batch, autoencoder_steps
        Of each training of the autoencoder, and how many there are in the search for its balance.
    """

    photographs: int | None
    comparisons: int
    pairs: int
    every: int
    every_costly: int
    draws: int
    draws_costly: int
    ablation_pairs: int
    ablation_steps: int
    game_pairs: int
    game_levels: tuple[int, ...]
    probes: int
    decoder_epochs: int
    decoder_batch: int
    autoencoder_epochs: int
    autoencoder_batch: int
    autoencoder_steps: int


FULL = Sizes(
    photographs=None,
    comparisons=70_000,
    pairs=100,
    every=4,
    every_costly=8,
    draws=8,
    draws_costly=3,
    ablation_pairs=16,
    ablation_steps=8,
    game_pairs=50,
    game_levels=tuple(range(0, 101, 10)),
    probes=40,
    decoder_epochs=60,
    decoder_batch=64,
    autoencoder_epochs=20,
    autoencoder_batch=32,
    autoencoder_steps=5,
)
"""The thesis's sizes where time allows: under an hour on two cores."""

QUICK = Sizes(
    photographs=1200,
    comparisons=4000,
    pairs=10,
    every=8,
    every_costly=16,
    draws=3,
    draws_costly=2,
    ablation_pairs=6,
    ablation_steps=4,
    game_pairs=6,
    game_levels=(0, 20, 40, 60, 80, 100),
    probes=6,
    decoder_epochs=60,
    decoder_batch=32,
    autoencoder_epochs=20,
    autoencoder_batch=32,
    autoencoder_steps=3,
)
"""About five minutes on two cores; every figure is real, and every interval wide."""


def some_people(
    faces: tuple[Labelled, ...],
    photographs: int | None,
    rng: np.random.Generator,
    by: SplitBy | None = None,
) -> tuple[Labelled, ...]:
    """Keep whole people, drawn at random, until there are so many photographs; in order of path.

    Of few people, whose images are divided, as many images of each are kept as make up the number;
    so too where `by` says that images are divided.
    """
    if photographs is None or len(faces) <= photographs:
        return faces
    groups = group_by_identity([face.identity for face in faces])
    names = list(groups)
    kept: list[int] = []
    if (by or by_itself(names)) == "image":
        for group in groups.values():
            kept += rng.permutation(group)[: -(-photographs // len(groups))].tolist()
        return tuple(faces[i] for i in sorted(kept))
    for place in rng.permutation(len(names)):
        if len(kept) >= photographs:
            break
        kept += groups[names[place]]
    return tuple(faces[i] for i in sorted(kept))
