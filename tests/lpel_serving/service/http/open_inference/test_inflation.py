"""Compressed bodies: as they were before, or refused before they grow."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpel_serving.service.http.messages.problems import Problem
from lpel_serving.service.http.open_inference.inflation import inflate

COMPRESS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress}


@pytest.mark.parametrize("encoding", [*COMPRESS, "GZIP", " deflate "])
def test_a_compressed_body_is_inflated_to_what_it_was(encoding):
    body = bytes(range(256)) * 100
    compressed = COMPRESS[encoding.strip().lower()](body)
    assert inflate(compressed, encoding, len(body)) == body


@pytest.mark.parametrize("encoding", [None, "identity"])
def test_what_was_not_is_left_alone(encoding):
    assert inflate(b"as it is", encoding, 1) == b"as it is"


@pytest.mark.parametrize("encoding", COMPRESS)
def test_one_byte_too_much_is_too_much(encoding):
    compressed = COMPRESS[encoding](bytes(1001))
    assert len(inflate(compressed, encoding, 1001)) == 1001
    with pytest.raises(Problem, match="more than 1,000 bytes") as caught:
        inflate(compressed, encoding, 1000)
    assert caught.value.status == 413


def test_a_bomb_takes_no_more_memory_than_the_limit():
    packer, block = zlib.compressobj(9), bytes(2**20)
    bomb = b"".join([*(packer.compress(block) for _ in range(2**8)), packer.flush()])
    assert len(bomb) < 2**19
    tracemalloc.start()
    try:
        with pytest.raises(Problem, match="more than"):
            inflate(bomb, "deflate", 2**21)
        assert 2**21 < tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress", "", "gzip\r\n x"])
def test_other_encodings_are_refused(encoding):
    with pytest.raises(Problem, match="gzip or deflate") as caught:
        inflate(b"", encoding, 10)
    assert caught.value.status == 415


@pytest.mark.parametrize("encoding", COMPRESS)
def test_less_and_more_than_one_whole_are_refused(encoding):
    compressed = COMPRESS[encoding](b"whole")
    for body in (b"", compressed[:-1], compressed + b"x", compressed + compressed, b"no such"):
        with pytest.raises(Problem, match=encoding) as caught:
            inflate(body, encoding, 100)
        assert caught.value.status == 400


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=60), st.sampled_from(sorted(COMPRESS)), st.integers(0, 200))
def test_any_bytes_are_refused_in_one_way_or_bounded(outcome, body, encoding, limit):
    for data in (body, COMPRESS[encoding](body)):
        inflated = outcome(lambda data=data: inflate(data, encoding, limit))
        if isinstance(inflated, Problem):
            assert inflated.status in {400, 413}
        else:
            assert len(inflated) <= limit
