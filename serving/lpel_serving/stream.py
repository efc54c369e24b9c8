"""One stream of full batches through the embedder, whatever the jobs it comes from."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from lpel_serving.embedder import DEFAULT_BATCH
from lpel_serving.images import Pixels

T = TypeVar("T")
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Job(Generic[T]):
    """Images to be embedded for one purpose.

    Attributes
    ----------
    key
        What the job is about.
    images
        Made one by one, when their turn comes.
    count
        How many they are.
    """

    key: T
    images: Iterable[Pixels]
    count: int


def embed_jobs(
    embed: Callable[[NDArray[np.uint8]], Floats],
    jobs: Iterable[Job[T]],
    batch_size: int = DEFAULT_BATCH,
) -> Iterator[tuple[T, Floats]]:
    """Embed the images of many jobs back to back, so that only the last batch is not full.

    No more than a batch of images and the embeddings of the jobs under way are held at a time.

    Yields
    ------
    tuple[T, NDArray[np.float32]]
        Each job's key and embeddings, shape (count, D), in the order of the jobs.
    """
    waiting: list[tuple[T, int]] = []
    done: list[Floats] = []
    batch: list[Pixels] = []
    for job in jobs:
        waiting.append((job.key, job.count))
        for image in job.images:
            batch.append(image)
            if len(batch) == batch_size:
                done.append(embed(np.stack(batch)))
                batch.clear()
        yield from _finished(waiting, done)
    if batch:
        done.append(embed(np.stack(batch)))
    yield from _finished(waiting, done)


def _finished(waiting: list[tuple[T, int]], done: list[Floats]) -> Iterator[tuple[T, Floats]]:
    """Take from the front the jobs whose embeddings are all there."""
    while waiting and sum(map(len, done)) >= waiting[0][1]:
        key, count = waiting.pop(0)
        if not count:
            yield key, np.empty((0, 0), np.float32)
            continue
        together = np.concatenate(done)
        done[:] = [together[count:]] if len(together) > count else []
        yield key, together[:count]
