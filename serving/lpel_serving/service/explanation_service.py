"""The service: the engine's asynchronous front end, shared by all requests."""

import asyncio
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lpel_serving.engine.explainer import Explainer
from lpel_serving.engine.inventory import take_inventory
from lpel_serving.engine.store.keys import content_digest, face_key
from lpel_serving.engine.store.memory import MemoryStore
from lpel_serving.images.crops import (
    LEAST_SHARE,
    PLAIN_CROPS,
    CentreCrop,
    Crop,
    CutFace,
    DetectingCrop,
)
from lpel_serving.images.cutting import check_choice, cut_face
from lpel_serving.images.reading import MAX_PIXELS
from lpel_serving.methods.networks import ImageFeatures, Networks
from lpel_serving.service.batcher import Batcher
from lpel_serving.service.bounded_executor import BoundedExecutor
from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.service.counters import Counters
from lpel_serving.service.embedded_face import EmbeddedFace
from lpel_serving.service.networks import PORTION, CancellableNetworks
from lpel_serving.service.pace import Pace, clock_of
from lpel_serving.service.shared import Shared
from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.support.cores import cores
from lpel_serving.support.errors import ParameterError

T = TypeVar("T")

DECODED_AT_ONCE = 4
"""Images that are decoded at once, whatever the number of cores: each may take much memory."""
DETECTED_AT_ONCE = 2
"""Images in which faces are detected at once: that is slow in large images, and images with a
centred crop do not wait for it."""
SLOW_AT_ONCE = 2
"""Long computations that run at once: they share the batcher, so more gain nothing."""
SLOW_WAITING = 6
"""Long computations that may wait besides."""


class ExplanationService:
    """Answers many requests with one engine; its coroutines belong to one event loop.

    Nothing that takes long runs in the event loop: images are decoded and explanations computed by
    a few threads, embeddings by the batcher.

    Parameters
    ----------
    explainer
        The engine.
    crops
        The crops that are offered, by name.
    batch_size, batch_wait, at_once
        See `Batcher`.
    cache_bytes
        Memory for faces that may be requested again; 0 keeps none.
    max_pixels
        Largest number of pixels of an image that is decoded.

    Attributes
    ----------
    explainer, crops
        As given.
    methods
        The installed explanation methods, by name.
    counters
        What was done so far, in numbers.
    pace
        The embedding speed of long work here.
    """

    def __init__(
        self,
        explainer: Explainer,
        crops: Mapping[str, Crop],
        *,
        batch_size: int = 8,
        batch_wait: float = 0.002,
        at_once: int = 1,
        cache_bytes: int = 64 * 2**20,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.explainer = explainer
        self.manifest = explainer.manifest
        self.crops = crops
        self.methods = {entry.name: entry for entry in take_inventory(explainer)}
        self.counters = Counters()
        self.pace = Pace(at_once)
        self._max_pixels = max_pixels
        self._cache: MemoryStore[EmbeddedFace] = MemoryStore(cache_bytes, lambda face: face.bytes)
        self._shared: Shared[EmbeddedFace] = Shared()
        self._batcher = Batcher(
            lambda crops, stop: explainer.embedder.embed(crops, batch_size, stop),
            lambda crops, stop: explainer.embedder.features(crops, batch_size, stop),
            batch_size=batch_size,
            wait=batch_wait,
            at_once=at_once,
            on_batch=self.counters.count_batch,
            clock=clock_of(explainer.provider),
            on_done=self.pace.count,
        )
        self._decoding = BoundedExecutor("decoding", min(cores(), DECODED_AT_ONCE))
        self._detecting = BoundedExecutor("detecting", min(cores(), DETECTED_AT_ONCE))
        self._quick = BoundedExecutor("quick", cores())
        self._slow = BoundedExecutor("slow", SLOW_AT_ONCE, most=SLOW_AT_ONCE + SLOW_WAITING)

    async def face(
        self,
        data: bytes,
        token: CancellationToken,
        *,
        crop: str | None = None,
        name: str = "the image",
        face: int | None = None,
    ) -> EmbeddedFace:
        """Read a face from the bytes of an image file, and embed it.

        Equal files that are requested at the same time, or were lately, are embedded once.

        Parameters
        ----------
        data
            The file.
        token
            Of the request.
        crop
            Name of the crop: one of `crops`, or a share such as ``"0.48"``; the engine's own if
            None.
        name
            The image's name in error messages.
        face
            Which of the faces that the crop finds: see `lpel_serving.images.cutting.cut_face`.

        Raises
        ------
        ImageError
            If it is no usable image, or has no such face.
        ParameterError
            If there is no such crop, or a face is chosen where the crop detects none.
        WithdrawnError
            If the token is cancelled.
        """
        cut = self.find_crop(crop)
        check_choice(cut, face, name)
        digest = await self.run_in_thread(lambda: content_digest(data), token)
        key = face_key(digest, face or 0, repr(cut))
        kept = self._cache.get([key]).get(key)
        if kept is not None:
            self.counters.count_cached()
            return kept
        shape = self.manifest.embedder.shape
        executor = self._detecting if isinstance(cut, DetectingCrop) else self._decoding
        one = await executor.do(
            lambda: cut_face(data, cut, shape, name, self._max_pixels, face), token
        )
        return await self._shared.get(key, token, lambda shared: self._embed_once(key, one, shared))

    async def _embed_once(self, key: bytes, cut: CutFace, token: CancellationToken) -> EmbeddedFace:
        """Embed a crop, unless the same one is cached by now."""
        face = self._cache.get([key]).get(key)
        if face is None:
            embedding, local = await self._embedded(cut.pixels, token)
            face = EmbeddedFace(cut.pixels, embedding, cut.found, local)
            self._cache.put({key: face})
        return face

    async def _embedded(
        self, crop: Pixels, token: CancellationToken
    ) -> tuple[Floats, Floats | None]:
        """Compute the embedding of a crop, and in the same pass what a surrogate takes."""
        if not self.explainer.simulates:
            return (await self._embed([crop], token))[0], None
        found = await self._features([crop], token)
        return found.embeddings[0], found.local[0]

    def find_crop(self, name: str | None) -> Crop:
        """Find the crop of a name: see `face`."""
        if name is None:
            return self.explainer.embedder.crop
        known = {**self.crops, **PLAIN_CROPS}
        if name in known:
            return known[name]
        try:
            return CentreCrop(float(name))
        except ValueError as error:  # our own, for a share that is out of range, is one too
            raise ParameterError(
                f"no crop is called {name[:40]!a} here; there are: {', '.join(known)}, and "
                f"shares of the photograph from {LEAST_SHARE} to 1."
            ) from error

    async def embed(self, crops: NDArray[np.uint8], token: CancellationToken) -> Floats:
        """Compute ``f``: crops, uint8, shape (N, S, S, 3), to embeddings, shape (N, D).

        Raises
        ------
        WithdrawnError
            If the token is cancelled.
        """
        return await self._embed(list(crops), token)

    async def features(self, crops: NDArray[np.uint8], token: CancellationToken) -> ImageFeatures:
        """Compute embeddings and local features of crops, uint8, shape (N, S, S, 3), in one pass.

        Raises
        ------
        ParameterError
            If the bundle has no surrogate.
        WithdrawnError
            If the token is cancelled.
        """
        if not self.explainer.simulates:
            return self.explainer.features(crops)  # refuses
        return await self._features(list(crops), token)

    async def _features(self, crops: list[Pixels], token: CancellationToken) -> ImageFeatures:
        found = await asyncio.wrap_future(self._batcher.submit_for_features(crops, token))
        self.counters.count_embedded(len(crops))
        return found

    async def _embed(self, crops: list[Pixels], token: CancellationToken) -> Floats:
        embeddings = await asyncio.wrap_future(self._batcher.submit(crops, token))
        self.counters.count_embedded(len(crops))
        return embeddings

    async def run_in_thread(self, work: Callable[[], T], token: CancellationToken) -> T:
        """Run short work in a thread, without blocking the event loop.

        Raises
        ------
        WithdrawnError
            If the token is cancelled first.
        """
        return await self._quick.do(work, token)

    async def run(
        self, work: Callable[[Networks], T], token: CancellationToken, *, slow: bool = False
    ) -> T:
        """Run work that uses the networks, in a thread.

        Parameters
        ----------
        work
            The work; the networks that it receives raise `WithdrawnError` once the token is
            cancelled.
        token
            Of the request.
        slow
            Whether it embeds further images, and so takes long: few such requests run at a time,
            and few wait.

        Raises
        ------
        BusyError
            If too much slow work is already waiting.
        WithdrawnError
            If the token is cancelled first.
        """
        networks = CancellableNetworks(
            self.explainer, self._batcher, token, self.counters.count_embedded
        )
        executor = self._slow if slow else self._quick
        return await executor.do(lambda: work(networks), token)

    async def measure_pace(self, token: CancellationToken) -> None:
        """Measure the embedding speed again; raise `WithdrawnError` if the token is cancelled."""
        blank = list(np.zeros((PORTION, *self.manifest.embedder.shape), np.uint8))
        await asyncio.wrap_future(self._batcher.submit(blank, token, urgent=False))

    @property
    def waiting(self) -> int:
        """How many crops wait to be embedded."""
        return self._batcher.waiting

    @property
    def running(self) -> int:
        """How many inferences of the embedder are running."""
        return self._batcher.running

    def close(self) -> None:
        """Finish pending work, then end all threads."""
        for executor in (self._decoding, self._detecting, self._quick, self._slow):
            executor.close()
        self._batcher.close()
