"""Which answers are given up when too many wait: those that are read most slowly."""

from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from lpel_serving.service.http.limits import untaken
from lpel_serving.service.http.limits.untaken import Untaken

SIZE, MOST = 100, 350


class Waiting:
    """Three answers that wait, of four that there is room for not quite, and a clock."""

    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(untaken, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.untaken = Untaken(MOST)
        self.given_up = []
        self.stack = ExitStack()

    def enter(self, name, size=SIZE):
        return self.stack.enter_context(
            self.untaken.entered(size, lambda: self.given_up.append(name))
        )

    def read(self, answer, parts, seconds):
        """Let so many parts be taken, one after each so many seconds."""
        for _ in range(parts):
            self.now += seconds
            answer.note_part()


@pytest.fixture
def waiting(monkeypatch):
    return Waiting(monkeypatch)


def test_as_many_wait_as_there_is_room_for(waiting):
    for name in "abc":
        waiting.enter(name)
    assert waiting.untaken.bytes == 3 * SIZE
    assert waiting.given_up == []


def test_an_answer_that_is_taken_makes_room(waiting):
    waiting.enter("a")
    waiting.enter("b")
    with waiting.untaken.entered(SIZE, lambda: None):
        assert waiting.untaken.bytes == 3 * SIZE
    waiting.enter("c")
    assert waiting.given_up == []


def test_of_those_that_nobody_reads_the_oldest_goes(waiting):
    for name in "abcde":
        waiting.enter(name)
        waiting.now += 1
    assert waiting.given_up == ["a", "b"]


def test_what_buffers_take_is_no_reading(waiting):
    reader = waiting.enter("a slow reader")
    waiting.read(reader, 8, 3)
    silent = waiting.enter("one who reads nothing")
    waiting.read(silent, 4, 0.001)
    waiting.enter("another")
    waiting.enter("the next one")
    assert waiting.given_up == ["one who reads nothing"]


def test_who_read_much_and_then_stopped_goes_before_who_reads_slowly_on(waiting):
    slow = waiting.enter("a slow reader")
    quick = waiting.enter("one who stopped")
    third = waiting.enter("a third")
    waiting.read(quick, 100, 0.01)
    waiting.read(slow, 20, 0.5)
    waiting.read(third, 10, 0.001)
    waiting.enter("the next one")
    assert waiting.given_up == ["one who stopped"]


def test_one_that_is_too_large_for_all_of_the_room_waits_alone(waiting):
    for name in "ab":
        waiting.enter(name)
    waiting.enter("large", 10 * MOST)
    assert sorted(waiting.given_up) == ["a", "b"]
    waiting.enter("c")
    assert waiting.given_up[2:] == ["large"]
    assert waiting.untaken.bytes == SIZE
