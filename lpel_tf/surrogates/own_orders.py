"""Draws coalitions along the orders of a surrogate that is trained already.

Explanations ask a surrogate about beginnings of its own orders: holes of what matters most, which
random coalitions hardly ever are. Trained on those too, it errs less where it is asked.
"""

import numpy as np
from numpy.typing import NDArray

from lpel_serving.equations.fill import TRANSPLANT
from lpel_serving.methods.networks import ImageFeatures, Simulates
from lpel_serving.methods.simulated.game import game_between
from lpel_serving.methods.simulated.surrogate_order import DEFAULT_STEP, orders_of
from lpel_serving.support.arrays import Coalitions
from lpel_tf.surrogates.donors import others_of_same
from lpel_tf.surrogates.drawing import draw_near_beginnings, draw_small
from lpel_tf.surrogates.measuring import Draw
from lpel_tf.surrogates.photographs import Photographs
from lpel_tf.surrogates.table_settings import SurrogateTableSettings


def along_own_orders(
    surrogate: Simulates,
    photographs: Photographs,
    donors: NDArray[np.int64],
    settings: SurrogateTableSettings,
) -> Draw:
    """Draw half of a photograph's coalitions near beginnings of orders, the others small at random.

    An order is that of transplants from the donor; another, for the other fills, is by one of them,
    chosen at random, that of a similar pair with another photograph of the person, or of a
    dissimilar pair with the donor.

    Parameters
    ----------
    surrogate
        The trained one.
    photographs, donors, settings
        See `lpel_tf.surrogates.measuring.measure_round`.
    """
    who = [face.identity for face in photographs.faces]
    others = others_of_same(photographs.digests, who)
    each = settings.coalitions // len(settings.names)

    def order(reference: int, test: int, fill: str, *, similar: bool) -> NDArray[np.int64]:
        both = [reference, test]
        local = photographs.local[both].astype(np.float32)
        images = ImageFeatures(photographs.embeddings[both], local)
        game = game_between(images, surrogate, fill, similar=similar)
        return orders_of(game, DEFAULT_STEP)[0]

    def draw(place: int, rng: np.random.Generator) -> Coalitions:
        donor, similar = int(donors[place]), bool(rng.integers(2))
        fill = settings.fills[rng.integers(len(settings.fills))].name
        usual = order(int(others[place]) if similar else donor, place, fill, similar=similar)
        transplants = order(donor, place, TRANSPLANT, similar=False)
        drawn: list[Coalitions] = []
        for along in (*[usual] * len(settings.fills), transplants):
            near = draw_near_beginnings(rng, along, each // 2)
            drawn.append(np.concatenate([near, draw_small(rng, each - each // 2, settings.side)]))
        return np.stack(drawn)

    return draw
