"""Pairs of photographs that the network decided correctly, chosen at random and read lazily."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np
from numpy.typing import NDArray

from lpel_serving.engine.embedder import Embedder
from lpel_serving.engine.photographs import embed_photographs
from lpel_serving.equations.comparison import Comparison
from lpel_serving.equations.decision import decide
from lpel_serving.faithfulness.deletion_curve import IDENTICAL
from lpel_serving.images.datasets.pairs import Pair
from lpel_serving.images.datasets.passed_over import Unusable
from lpel_serving.images.held import Photograph, as_image
from lpel_serving.images.subject import FACES, Subject
from lpel_serving.methods.method import FacePair
from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.support.errors import PairsError
from lpel_serving.support.progress import Progress, silent

_BLOCK = 32


@dataclass(frozen=True, eq=False)
class PhotographPairs(Sequence[FacePair]):
    """Pairs whose crops are read from their files, or taken from memory, on each access.

    Attributes
    ----------
    embedder
        Reads and cuts the photographs.
    pairs
        The photographs.
    h_r, h_t
        Their embeddings, float32, shape (N, D).
    similar
        The network's decision on all of them.
    """

    embedder: Embedder
    pairs: tuple[Pair, ...]
    h_r: Floats
    h_t: Floats
    similar: bool

    def __len__(self) -> int:
        return len(self.pairs)

    @overload
    def __getitem__(self, index: int) -> FacePair: ...
    @overload
    def __getitem__(self, index: slice) -> "PhotographPairs": ...
    def __getitem__(self, index: int | slice) -> "FacePair | PhotographPairs":
        """Read one pair, or choose several without reading them."""
        if isinstance(index, slice):
            return PhotographPairs(
                self.embedder, self.pairs[index], self.h_r[index], self.h_t[index], self.similar
            )
        pair = self.pairs[index]
        return FacePair(
            self._read(pair.reference),
            self._read(pair.test),
            self.h_r[index],
            self.h_t[index],
            self.similar,
        )

    def select(self, chosen: NDArray[np.bool_]) -> "PhotographPairs":
        """Keep the pairs that a mask of shape (N,) chooses, without reading them."""
        kept = tuple(pair for pair, keep in zip(self.pairs, chosen, strict=True) if keep)
        return PhotographPairs(
            self.embedder, kept, self.h_r[chosen], self.h_t[chosen], self.similar
        )

    def _read(self, path: Photograph) -> Pixels:
        recent = self._recent
        if path not in recent:
            # An iteration reads each pair and its neighbour; the last one's neighbour is the first.
            first = {self.pairs[0].reference, self.pairs[0].test}
            old = [known for known in recent if known not in first]
            for known in old[: max(0, len(old) - 3)]:
                del recent[known]
            recent[path] = self.embedder.read(as_image(path))
        return recent[path]

    @cached_property
    def _recent(self) -> dict[Photograph, Pixels]:
        return {}


def one_image(
    comparison: Comparison, h_r: Floats, h_t: Floats, similarity: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Whether two embeddings are of one image to the network, which leaves nothing to explain.

    Parameters
    ----------
    comparison
        How the network compares.
    h_r, h_t
        Embeddings, float32, shape (..., D).
    similarity
        Of each two, shape (...).

    Returns
    -------
    NDArray[np.bool_]
        Shape (...).
    """
    equal = (h_r == h_t).all(axis=-1)
    # A network that compares by something else may well bring two images as near as that.
    return equal | (similarity >= IDENTICAL) if comparison.kind == "cosine" else equal


def rightly_decided(
    embedder: Embedder,
    comparison: Comparison,
    candidates: Sequence[Pair],
    n: int,
    *,
    threshold: float,
    same: bool,
    rng: np.random.Generator,
    subject: Subject = FACES,
    unusable: Unusable | None = None,
    progress: Progress = silent,
) -> PhotographPairs:
    """Choose random pairs that the network decides correctly, as in the thesis (chapter 6).

    Only as many photographs are embedded as needed to find them.

    Parameters
    ----------
    embedder, comparison
        The network, and how it compares.
    candidates
        Pairs to choose from.
    n
        The number of pairs wanted; all are returned if there are fewer.
    threshold
        Above it the network calls a pair similar.
    same
        Pairs of one person, called similar; or pairs of two, called dissimilar.
    rng
        The source of randomness.
    subject
        What the photographs show.
    unusable
        Collects photographs that cannot be used; pairs with one are left out.
    progress
        Receives progress.

    Raises
    ------
    PairsError
        If fewer than two such pairs are found.
    PhotographsError
        If too many photographs of the candidates cannot be used.
    """
    wanted = [pair for pair in candidates if pair.same == same]
    shuffled: list[Pair] = [wanted[i] for i in rng.permutation(len(wanted))]
    known: dict[Photograph, Floats] = {}  # by name, not content, so that no file is read again
    found: list[Pair] = []
    with progress(f"choosing pairs ({'similar' if same else 'dissimilar'})", n) as advance:
        while shuffled and len(found) < n:
            few = min(_BLOCK, n - len(found))
            block, shuffled = shuffled[:few], shuffled[few:]
            _embed_missing(embedder, comparison, block, known, unusable)
            right = [pair for pair in block if _decided(pair, comparison, known, threshold) == same]
            found += right
            advance(len(right))
    if unusable is not None:
        unusable.check([path for pair in candidates for path in (pair.reference, pair.test)])
    if len(found) < 2:
        kind = (
            f"of {subject.same}, called similar"
            if same
            else f"of {subject.different}, called dissimilar"
        )
        raise PairsError(
            f"found {len(found)} pairs {kind}; at least 2 are needed: give more photographs."
        )
    h_r = np.stack([known[pair.reference] for pair in found])
    h_t = np.stack([known[pair.test] for pair in found])
    return PhotographPairs(embedder, tuple(found), h_r, h_t, same)


def _embed_missing(
    embedder: Embedder,
    comparison: Comparison,
    pairs: Sequence[Pair],
    known: dict[Photograph, Floats],
    unusable: Unusable | None,
) -> None:
    paths = dict.fromkeys(path for pair in pairs for path in (pair.reference, pair.test))
    missing = [path for path in paths if path not in known]
    embeddings = embed_photographs(embedder, comparison, missing, unusable=unusable)
    known |= dict(zip(missing, embeddings, strict=True))


def _decided(
    pair: Pair, comparison: Comparison, known: dict[Photograph, Floats], threshold: float
) -> bool | None:
    """The network's decision; None if a photograph has no embedding, or both are the same image."""
    h_r, h_t = known[pair.reference], known[pair.test]
    if not (np.isfinite(h_r).all() and np.isfinite(h_t).all()):
        return None
    decision = decide(comparison, h_r, h_t, threshold)
    one = one_image(comparison, h_r, h_t, np.asarray(decision.similarity))
    return None if one else decision.similar
