"""Networks and methods so simple that every score follows by hand."""

from collections.abc import Sequence

import numpy as np

from lpel_serving.methods import AssembledNetworks, FacePair

SIDE = 20
QUARTER = SIDE // 2


def brightness(crops: np.ndarray) -> np.ndarray:
    """An embedder that sees the upper left quarter alone: its brightness m, as (m, 1 - m)."""
    m = crops[:, :QUARTER, :QUARTER].mean(axis=(1, 2, 3)) / 255
    return np.stack([m, 1 - m], axis=1).astype(np.float32)


def no_decoder(embeddings: np.ndarray) -> np.ndarray:
    raise AssertionError("the decoder was asked")


QUARTER_NETWORKS = AssembledNetworks(brightness, no_decoder)


def on_quarter(pair: FacePair, networks: AssembledNetworks, rng: np.random.Generator) -> np.ndarray:
    """The right map for `brightness`: 1 in the quarter that it sees, 0 elsewhere."""
    values = np.zeros((2, 2), np.float32)
    values[0, 0] = 1
    return values


def face(bright: bool, rng: np.random.Generator) -> np.ndarray:
    """White or black in the upper left quarter, anything from 1 up elsewhere, (20, 20, 3)."""
    image = rng.integers(1, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    image[:QUARTER, :QUARTER] = 255 if bright else 0
    return image


def pair_of(reference: np.ndarray, test: np.ndarray, embed=brightness, similar=True) -> FacePair:
    h_r, h_t = embed(np.stack([reference, test]))
    return FacePair(reference, test, h_r, h_t, similar)


def bright_pairs(same: Sequence[bool], seed: int = 0) -> list[FacePair]:
    """Bright references; bright tests of the same person, dark ones of others."""
    rng = np.random.default_rng(seed)
    return [pair_of(face(True, rng), face(one, rng)) for one in same]


class Counting:
    """An embedder that remembers what it was asked."""

    def __init__(self, embed=brightness):
        self.under = embed
        self.batches: list[int] = []
        self.images: list[bytes] = []

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        self.batches.append(len(crops))
        self.images += [crop.tobytes() for crop in crops]
        return self.under(crops)


class Lazy(Sequence):
    """Pairs that count how often each was read."""

    def __init__(self, pairs: Sequence[FacePair]):
        self.pairs = pairs
        self.reads = [0] * len(pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, i: int) -> FacePair:
        self.reads[i] += 1
        return self.pairs[i]


class ReportProgress:
    """Progress that remembers."""

    def __init__(self):
        self.opened: list[int] = []
        self.done: list[int] = []

    def __call__(self, what: str, total: int) -> "ReportProgress":
        self.opened.append(total)
        return self

    def __enter__(self):
        return self.done.append

    def __exit__(self, *error):
        return None
