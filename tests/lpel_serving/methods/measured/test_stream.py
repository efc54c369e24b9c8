"""One stream of full batches, whatever the jobs."""

import weakref

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lpel_serving.methods.measured.stream import EmbeddingJob, embed_jobs
from lpel_serving.support.errors import ParameterError
from support.strategies import few


class Counting:
    """An embedder whose embedding of an image is its first pixel."""

    def __init__(self):
        self.sizes: list[int] = []

    def __call__(self, crops):
        self.sizes.append(len(crops))
        return crops.reshape(len(crops), -1)[:, :1].astype(np.float32)


def image(number: int) -> np.ndarray:
    return np.full((2, 2, 3), number, np.uint8)


def jobs_of(*counts: int):
    """Jobs of so many images, numbered through."""
    start = 0
    for key, count in enumerate(counts):
        yield EmbeddingJob(key, map(image, range(start, start + count)), count)
        start += count


MANY = (3, 1, 5, 2, 2, 9, 1, 1)


@few
@example((0, 3, 0, 0, 5, 0), 8)
@example((16, 16), 8)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=9), st.integers(1, 100))
def test_each_job_gets_its_own_embeddings_in_order(counts, batch_size):
    received = list(embed_jobs(Counting(), jobs_of(*counts), batch_size))
    assert [key for key, _ in received] == list(range(len(counts)))
    assert [len(embeddings) for _, embeddings in received] == list(counts)
    numbers = [int(value) for _, part in received for value in part.ravel()]
    assert numbers == list(range(sum(counts)))


@pytest.mark.parametrize("batch_size", [1, 2, 3, 8, 24, 100])
def test_only_the_last_batch_is_not_full(batch_size):
    embed = Counting()
    list(embed_jobs(embed, jobs_of(*MANY), batch_size))
    assert sum(embed.sizes) == sum(MANY)
    assert set(embed.sizes[:-1]) <= {batch_size}
    assert 0 < embed.sizes[-1] <= batch_size


def test_a_job_larger_than_a_batch_is_put_together_again():
    embed = Counting()
    ((key, embeddings),) = embed_jobs(embed, jobs_of(50), 8)
    assert key == 0
    assert embeddings.ravel().tolist() == list(range(50))
    assert embed.sizes == [8] * 6 + [2]


def test_a_job_without_images_asks_for_nothing():
    embed = Counting()
    received = list(embed_jobs(embed, jobs_of(0, 0), 8))
    assert [len(embeddings) for _, embeddings in received] == [0, 0]
    assert embed.sizes == []


def test_no_jobs_are_no_work():
    embed = Counting()
    assert list(embed_jobs(embed, [], 8)) == []
    assert embed.sizes == []


def test_nothing_is_made_before_its_turn():
    made: list[int] = []

    def images(key: int):
        for i in range(4):
            made.append(key)
            yield image(i)

    stream = embed_jobs(Counting(), (EmbeddingJob(key, images(key), 4) for key in range(9)), 4)
    assert made == []
    for key in range(9):
        assert next(stream)[0] == key
        assert made.count(key) == 4
        assert len(made) == 4 * (key + 1)


def test_a_job_is_given_back_as_soon_as_its_embeddings_are_there():
    embed = Counting()
    stream = embed_jobs(embed, jobs_of(3, 3, 3, 3), 4)
    asked = [len(embed.sizes) for _ in stream]
    assert asked == [1, 2, 3, 3]


def test_a_large_job_does_not_wait_for_the_whole_next_one():
    embed = Counting()
    asked = [len(embed.sizes) for _ in embed_jobs(embed, jobs_of(30, 30, 30), 8)]
    # The last two images of the first are in the fourth batch, those of the second in the eighth.
    assert asked == [4, 8, 12]


@pytest.mark.parametrize("batch_size", [1, 4, 8])
def test_no_more_images_than_a_batch_are_alive_at_a_time(batch_size):
    alive = most = 0

    def gone() -> None:
        nonlocal alive
        alive -= 1

    def images(count: int):
        nonlocal alive, most
        for number in range(count):
            made = image(number)
            weakref.finalize(made, gone)
            alive += 1
            most = max(most, alive)
            yield made
            del made

    jobs = (EmbeddingJob(key, images(30), 30) for key in range(20))
    for _ in embed_jobs(Counting(), jobs, batch_size):
        pass
    # One more than a batch: the last that was taken from the one before.
    assert most <= batch_size + 1


def test_embeddings_of_jobs_that_are_done_are_let_go():
    held: list[weakref.ref] = []

    def embed(crops):
        embeddings = np.zeros((len(crops), 5), np.float32)
        held.append(weakref.ref(embeddings))
        return embeddings

    for _, _embeddings in embed_jobs(embed, jobs_of(*[6] * 30), 4):
        assert sum(one() is not None for one in held) <= 3


def test_what_goes_wrong_in_the_embedder_is_not_hidden():
    def embed(crops):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(embed_jobs(embed, jobs_of(9), 4))


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_holds_at_least_one_image(batch_size):
    with pytest.raises(ParameterError, match="at least 1 image"):
        list(embed_jobs(Counting(), jobs_of(9), batch_size))


@pytest.mark.parametrize("batch_size", [1, 4, 100])
@pytest.mark.parametrize(("says", "makes"), [(3, 2), (3, 4), (0, 1), (5, 0)])
def test_a_job_makes_as_many_images_as_it_says(says, makes, batch_size):
    jobs = [
        EmbeddingJob("first", map(image, range(3)), 3),
        EmbeddingJob("wrong", map(image, range(makes)), says),
    ]
    given: list[str] = []
    stream = (given.append(key) for key, _ in embed_jobs(Counting(), jobs, batch_size))
    with pytest.raises(ParameterError, match=f"to have {says} images; it made {makes}"):
        list(stream)
    assert "wrong" not in given


def test_jobs_that_are_done_are_given_back_before_the_next_image_is_made():
    made: list[int] = []

    def images(start: int, count: int):
        for number in range(start, start + count):
            made.append(number)
            yield image(number)

    jobs = [EmbeddingJob("small", images(0, 2), 2), EmbeddingJob("large", images(2, 50), 50)]
    stream = embed_jobs(Counting(), jobs, 4)
    assert next(stream)[0] == "small"
    assert made == [0, 1, 2, 3]
    assert next(stream)[0] == "large"
    assert len(made) == 52
