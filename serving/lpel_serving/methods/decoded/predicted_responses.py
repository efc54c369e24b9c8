"""Predicted responses of many images, with a cache of the latest ones."""

import numpy as np

from lpel_serving.methods.many import BLOCK, Places
from lpel_serving.methods.networks import Networks
from lpel_serving.support.arrays import Floats

_AT_ONCE = 64
"""Images in one inference of the response decoder: as many as fit into the CPU's cache."""
_RESPONSE_BYTES = 128 * 2**20
"""Size of the cache of responses, in bytes."""


class PredictedResponses:
    """Predicts responses of the images of pairs, and caches those of the latest images."""

    def __init__(self, networks: Networks, embeddings: Floats) -> None:
        self._respond = networks.respond
        self._embeddings = embeddings
        shape = networks.respond(np.zeros((1, embeddings.shape[1]), np.float32)).shape[1:]
        self.superpixels = shape[0]
        bytes_of_one = 4 * int(np.prod(shape))
        self._room = min(len(embeddings), max(4 * BLOCK, _RESPONSE_BYTES // bytes_of_one))
        self._kept = np.empty((self._room, *shape), np.float32)
        self._slot_of = np.full(len(embeddings), -1)
        self._owner = np.full(self._room, -1)
        self._next = 0

    def prepare(self, places: Places) -> None:
        """Predict the responses of images, at most half of the cache's capacity."""
        wanted = np.unique(places)
        missing = wanted[self._slot_of[wanted] < 0]
        if not len(missing):
            return
        in_turn = (self._next + np.arange(self._room)) % self._room
        slots = in_turn[~np.isin(self._owner[in_turn], wanted)][: len(missing)]
        self._next = int(slots[-1] + 1) % self._room
        left = self._owner[slots]
        self._slot_of[left[left >= 0]] = -1
        self._owner[slots] = -1
        for first in range(0, len(missing), _AT_ONCE):
            of = slice(first, first + _AT_ONCE)
            self._kept[slots[of]] = self._respond(self._embeddings[missing[of]])
        self._owner[slots], self._slot_of[missing] = missing, slots

    def __getitem__(self, places: Places) -> Floats:
        """Responses of images that were prepared, shape (N, K, D)."""
        return self._kept[self._slot_of[places]]
