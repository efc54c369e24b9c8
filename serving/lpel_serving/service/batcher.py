"""Dynamic batching: embeds the crops of all requests in batches."""

import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lpel_serving.engine.session import Stop
from lpel_serving.methods.networks import ImageFeatures
from lpel_serving.service.cancellation import CancellationToken
from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.support.errors import WithdrawnError

Embed = Callable[[Sequence[Pixels], Stop], Floats]
Features = Callable[[Sequence[Pixels], Stop], ImageFeatures]


@dataclass(eq=False)
class _Order:
    """Crops of one caller that are embedded together, with what was computed of them so far."""

    crops: Sequence[Pixels]
    token: CancellationToken
    local: bool
    result: Future[Any] = field(default_factory=Future[Any])
    parts: dict[int, Sequence[Floats]] = field(default_factory=dict[int, Sequence[Floats]])
    since: float = field(default_factory=time.monotonic)

    def add(self, place: int, found: Sequence[Floats]) -> None:
        """Take the embedding of a crop, and its local features where they were computed."""
        self.parts[place] = found
        if len(self.parts) == len(self.crops):
            of_crops = zip(*(self.parts[i] for i in range(len(self.crops))), strict=False)
            columns = [np.stack(column) for column in of_crops]
            together = ImageFeatures(*columns) if self.local else columns[0]
            with contextlib.suppress(InvalidStateError):  # its caller has gone meanwhile
                self.result.set_result(together)

    def fail(self, error: Exception) -> None:
        with contextlib.suppress(InvalidStateError):
            self.result.set_exception(error)


_Item = tuple[_Order, int]
_Running = tuple[Sequence[_Item], Stop]


class Batcher:
    """Embeds crops in batches across requests.

    Parameters
    ----------
    embed, features
        Crops, uint8, shape (S, S, 3) each, to embeddings (N, D); and to features, if any are asked
        for. A batch of which one crop's features are asked for is computed with them.
    batch_size
        Crops in one inference at most.
    wait
        Seconds that the first crop of a batch waits for others.
    at_once
        Inferences that may run at the same time, each in a thread. Waiting crops are shared among
        the idle threads.
    slow_batch_size
        Crops in one inference at most if none is urgent: the fewer, the sooner urgent crops have
        their turn.
    on_batch
        Called with the length of every batch.
    clock, on_done
        Called with the length of every embedded batch, and the seconds that it took: by this clock,
        which is read in the thread that embeds, and by the wall clock.
    """

    def __init__(
        self,
        embed: Embed,
        features: Features | None = None,
        *,
        batch_size: int,
        wait: float,
        at_once: int = 1,
        slow_batch_size: int = 4,
        on_batch: Callable[[int], object] | None = None,
        clock: Callable[[], float] = time.thread_time,
        on_done: Callable[[int, float, float], object] | None = None,
    ) -> None:
        self._embed, self._features = embed, features
        self._batch_size, self._slow_batch_size = batch_size, slow_batch_size
        self._wait = wait
        self._on_batch, self._on_done = on_batch, on_done
        self._clock = clock
        self._urgent: deque[_Item] = deque()
        self._slow: deque[_Item] = deque()
        self._awake = threading.Condition()
        self._running: list[_Running] = []
        self._idle = 0
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"lpel-batcher-{number}", daemon=True)
            for number in range(at_once)
        ]
        for thread in self._threads:
            thread.start()

    def submit(
        self, crops: Sequence[Pixels], token: CancellationToken, *, urgent: bool = True
    ) -> Future[Floats]:
        """Request the embeddings, shape (N, D), of N crops.

        The future raises `WithdrawnError` if the token is cancelled or the batcher is closed first,
        and whatever the embedder raises.
        """
        return self._submit(_Order(crops, token, local=False), urgent=urgent)

    def submit_for_features(
        self, crops: Sequence[Pixels], token: CancellationToken, *, urgent: bool = True
    ) -> Future[ImageFeatures]:
        """Request embeddings and local features of N crops, at least one; see `submit`."""
        return self._submit(_Order(crops, token, local=True), urgent=urgent)

    def _submit(self, order: _Order, *, urgent: bool) -> Future[Any]:
        crops, token = order.crops, order.token
        if not len(crops):
            order.result.set_result(np.empty((0, 0), np.float32))
            return order.result
        with self._awake:
            if self._closed:
                order.fail(WithdrawnError("the service is being shut down."))
                return order.result
            queue = self._urgent if urgent else self._slow
            queue.extend((order, place) for place in range(len(crops)))
            self._awake.notify_all()
        forget = token.when_withdrawn(lambda: self._give_up(order))
        order.result.add_done_callback(lambda _: forget())  # or its crops would live as long
        return order.result

    def close(self) -> None:
        """Finish pending work, then end the threads."""
        with self._awake:
            self._closed = True
            self._awake.notify_all()
        for thread in self._threads:
            thread.join()

    @property
    def waiting(self) -> int:
        """How many crops wait for their turn."""
        return len(self._urgent) + len(self._slow)

    @property
    def running(self) -> int:
        """How many inferences are running."""
        return len(self._running)

    def _give_up(self, order: _Order) -> None:
        """Fail a cancelled order, and stop its inference if nobody else waits for it."""
        if order.token.error is not None:
            order.fail(order.token.error)
        with self._awake:
            for batch, stop in self._running:
                if all(one.token.reason is not None for one, _ in batch):
                    stop.set()

    def _work(self) -> None:
        while self._turn():
            pass

    def _turn(self) -> bool:
        """Run the next batch, and keep nothing of it; return False when there are no more."""
        running = self._next_batch()
        if running is None:
            return False
        batch, stop = running
        if batch:  # otherwise all callers have gone
            self._run(batch, stop)
        with self._awake:
            self._running.remove(running)
        return True

    def _run(self, batch: Sequence[_Item], stop: Stop) -> None:
        try:
            if self._on_batch is not None:
                self._on_batch(len(batch))
            begun, at = self._clock(), time.monotonic()
            rows = self._computed(batch, stop)
            if self._on_done is not None:
                self._on_done(len(batch), self._clock() - begun, time.monotonic() - at)
            for (order, place), row in zip(batch, rows, strict=True):
                order.add(place, row)
        except Exception as error:  # noqa: BLE001 - raised to the callers; the thread lives
            for order, _ in batch:
                order.fail(error)

    def _computed(self, batch: Sequence[_Item], stop: Stop) -> list[Sequence[Floats]]:
        """What is computed of each crop: its embedding, and its local features if any are due."""
        crops = [order.crops[place] for order, place in batch]
        if self._features is None or not any(order.local for order, _ in batch):
            return [(embedding,) for embedding in self._embed(crops, stop)]
        found = self._features(crops, stop)
        return list(zip(found.embeddings, found.local, strict=True))

    def _next_batch(self) -> _Running | None:
        """Wait for crops, then briefly for more to fill the batch; return None when closed."""
        with self._awake:
            self._idle += 1
            running = (self._take_share(), Stop()) if self._wait_for_crops() else None
            self._idle -= 1
            if running is not None:
                self._running.append(running)
            return running

    def _wait_for_crops(self) -> bool:
        while not (self._urgent or self._slow):
            if self._closed:
                return False
            self._awake.wait()
        first, _ = (self._urgent or self._slow)[0]
        until = first.since + self._wait
        while not self._closed and len(self._urgent) < self._batch_size:
            left = until - time.monotonic()
            if left <= 0 or not self._awake.wait(left):
                break
        return True

    def _take_share(self) -> list[_Item]:
        """Take this thread's equal share of the waiting crops, among the idle threads."""
        share = math.ceil(len(self._urgent) / self._idle)
        batch = self._take(self._urgent, min(share, self._batch_size))
        share = math.ceil(len(self._slow) / self._idle)
        return batch + self._take(self._slow, min(share, self._slow_batch_size - len(batch)))

    @staticmethod
    def _take(queue: deque[_Item], most: int) -> list[_Item]:
        """Take items whose callers still wait from the front of a queue."""
        taken: list[_Item] = []
        while queue and len(taken) < most:
            order, place = queue.popleft()
            if order.token.reason is None:
                taken.append((order, place))
        return taken
