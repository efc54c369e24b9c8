"""Measures a surrogate on people that it was not trained on: the share of squares unexplained."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.arrays import Floats
from lpel_tf.surrogates.network import SurrogateNetwork, to_keras
from lpel_tf.surrogates.table import SurrogateTable
from lpel_tf.surrogates.training import inputs_of, losses_of

SMALL = 3 / 8
"""Share of the superpixels in the largest coalition that counts as small, as for responses."""
_AT_ONCE = 64

Predict = Callable[[list[Floats]], Floats]
"""From a network's inputs to losses, shape (n, F, M, D)."""
Shares = dict[str, dict[str, float]]


def unexplained_by_surrogate(
    network: SurrogateNetwork,
    table: SurrogateTable,
    fills: tuple[str, ...],
    *,
    local: bool = True,
) -> Shares:
    """Measure a surrogate on a table; see `unexplained`.

    Parameters
    ----------
    network
        The surrogate.
    table
        Of other people than it was trained on.
    fills
        The names of the table's fills.
    local
        Whether it sees local features; where not, they are 0, as for a template.
    """
    model = to_keras(network)

    def predict(inputs: list[Floats]) -> Floats:
        if not local:
            inputs = [np.zeros_like(one) if i in {1, 3} else one for i, one in enumerate(inputs)]
        return model.predict_on_batch(inputs)

    return unexplained(predict, table, fills)


def unexplained_by_responses(
    respond: Callable[[Floats], Floats], table: SurrogateTable, fills: tuple[str, ...]
) -> Shares:
    """Measure a response decoder on the same table; see `unexplained`.

    Parameters
    ----------
    respond
        From scaled embeddings, shape (n, D), to responses, (n, K, D).
    table, fills
        See `unexplained_by_surrogate`.
    """

    def predict(inputs: list[Floats]) -> Floats:
        return np.matmul(inputs[4], respond(inputs[0])[:, np.newaxis])

    return unexplained(predict, table, fills)


def unexplained(predict: Predict, table: SurrogateTable, fills: tuple[str, ...]) -> Shares:
    """Compute the share of the losses' squares that a prediction leaves; predicting 0 leaves 1.

    Parameters
    ----------
    predict
        The prediction.
    table
        What was measured.
    fills
        The names of the table's fills.

    Returns
    -------
    dict
        For `all` coalitions, the `small` ones of up to 3/8 of the superpixels, the `large` ones,
        and for each fill by its name: `vectors`, of all that is lost, and `own`, of the loss along
        the image's own embedding, which matters most for similar pairs.
    """
    sums: dict[str, NDArray[np.float64]] = {}
    for start in range(0, len(table), _AT_ONCE):
        chosen = np.arange(start, min(start + _AT_ONCE, len(table)))
        inputs = inputs_of(table, chosen)
        lost = losses_of(table, chosen)
        squares = _squares(lost - predict(inputs), lost, inputs[0])
        for name, of in _groups(table.coalitions[chosen], fills):
            part = squares[:, :, of].sum(axis=2, dtype=np.float64)
            sums[name] = sums.get(name, np.zeros((2, 2))) + part
    return {
        name: {
            kind: float(error / square) if square > 0 else 0.0
            for kind, error, square in zip(("vectors", "own"), errors, squares, strict=True)
        }
        for name, (errors, squares) in sums.items()
    }


def _squares(error: Floats, lost: Floats, embeddings: Floats) -> NDArray[Any]:
    """Squares of errors and of losses, whole and along the embedding, shape (2, 2, n, F, M)."""

    def both(vectors: Floats) -> list[Floats]:
        own = np.einsum("nfmd,nd->nfm", vectors, embeddings)
        return [np.square(vectors).sum(axis=-1), np.square(own)]

    return np.array([both(error), both(lost)])


def _groups(
    coalitions: NDArray[np.bool_], fills: tuple[str, ...]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    sizes = coalitions.sum(axis=-1)
    small = sizes <= SMALL * coalitions.shape[-1]
    yield "all", np.ones_like(small)
    yield "small", small
    yield "large", ~small
    for place, name in enumerate(fills):
        of = np.zeros_like(small)
        of[:, place] = True
        yield name, of
