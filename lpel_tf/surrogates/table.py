"""What a surrogate learns from: embeddings of photographs with coalitions replaced."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.errors import ParameterError


@dataclass(frozen=True, eq=False)
class SurrogateTable:
    """P photographs with coalitions of superpixels replaced by each of F fills, in N rows.

    Attributes
    ----------
    embeddings
        Of the whole images, unit length, float32, shape (P, D).
    local
        Their reduced local features, float16, shape (P, K, C).
    identities
        Who each is, P of them.
    photographs
        The photograph of each row, shape (N,).
    donors
        Its donor, another of the photographs, shape (N,).
    coalitions
        Which superpixels were replaced, bool, shape (N, F, M, K).
    masked
        Unit embeddings of the masked images, float16, shape (N, F, M, D).
    """

    embeddings: NDArray[np.float32]
    local: NDArray[np.float16]
    identities: tuple[str, ...]
    photographs: NDArray[np.int64]
    donors: NDArray[np.int64]
    coalitions: NDArray[np.bool_]
    masked: NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.photographs)

    def select(self, chosen: NDArray[np.bool_]) -> "SurrogateTable":
        """Keep the photographs that a mask of shape (P,) chooses, which has to choose donors too.

        Raises
        ------
        ParameterError
            If a photograph is chosen without its donor.
        """
        rows = chosen[self.photographs]
        if not chosen[self.donors[rows]].all():
            raise ParameterError("a part of a table holds every photograph's donor; one is left.")
        places = np.cumsum(chosen) - 1
        return SurrogateTable(
            self.embeddings[chosen],
            self.local[chosen],
            tuple(who for who, keep in zip(self.identities, chosen, strict=True) if keep),
            places[self.photographs[rows]],
            places[self.donors[rows]],
            self.coalitions[rows],
            self.masked[rows],
        )


def join_rounds(rounds: Sequence[SurrogateTable]) -> SurrogateTable:
    """Put the rows of several rounds of the same photographs into one table."""
    return replace(
        rounds[0],
        photographs=np.concatenate([one.photographs for one in rounds]),
        donors=np.concatenate([one.donors for one in rounds]),
        coalitions=np.concatenate([one.coalitions for one in rounds]),
        masked=np.concatenate([one.masked for one in rounds]),
    )
