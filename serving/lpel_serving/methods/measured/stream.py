"""Embeds the images of several jobs back to back, so that only the last batch is not full."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from lpel_serving.support.arrays import Floats, Pixels
from lpel_serving.support.errors import ParameterError

T = TypeVar("T")

DEFAULT_BATCH = 8
"""Images in one inference; on a CPU larger batches cost memory and are no faster."""


@dataclass(frozen=True, eq=False)
class EmbeddingJob(Generic[T]):
    """Images to be embedded for one purpose.

    Attributes
    ----------
    key
        Identifies the job.
    images
        Made lazily, one by one.
    count
        The number of images.
    """

    key: T
    images: Iterable[Pixels]
    count: int


def embed_jobs(
    embed: Callable[[NDArray[np.uint8]], Floats],
    jobs: Iterable[EmbeddingJob[T]],
    batch_size: int = DEFAULT_BATCH,
) -> Iterator[tuple[T, Floats]]:
    """Embed the images of many jobs back to back, so that only the last batch is not full.

    At most one batch of images and the embeddings of unfinished jobs are in memory.

    Raises
    ------
    ParameterError
        If the batch size is below 1, or a job makes another number of images than `count`.

    Yields
    ------
    tuple[T, NDArray[np.float32]]
        Each job's key and embeddings, shape (count, D), in the order of the jobs.
    """
    if batch_size < 1:
        raise ParameterError(f"a batch holds at least 1 image; received {batch_size}.")
    waiting: list[tuple[T, int]] = []
    done: list[Floats] = []
    batch: list[Pixels] = []
    for job in jobs:
        waiting.append((job.key, job.count))
        made = 0
        for image in job.images:
            made += 1
            batch.append(image)
            if len(batch) == batch_size:
                done.append(embed(np.stack(batch)))
                batch.clear()
                yield from _finished(waiting, done, besides=1)
        if made != job.count:
            raise ParameterError(f"a job was to have {job.count} images; it made {made}.")
        yield from _finished(waiting, done)
    if batch:
        done.append(embed(np.stack(batch)))
    yield from _finished(waiting, done)


def _finished(
    waiting: list[tuple[T, int]], done: list[Floats], besides: int = 0
) -> Iterator[tuple[T, Floats]]:
    """Yield and remove the jobs at the front whose embeddings are complete."""
    while len(waiting) > besides and sum(map(len, done)) >= waiting[0][1]:
        key, count = waiting.pop(0)
        if not count:
            yield key, np.empty((0, 0), np.float32)
            continue
        together = np.concatenate(done)
        done[:] = [together[count:]] if len(together) > count else []
        yield key, together[:count]
