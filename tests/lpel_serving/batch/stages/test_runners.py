"""The engine of one machine: pieces in threads."""

import threading
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpel_serving.batch.stages.runners import FOR_EACH_CORE, Local
from lpel_serving.batch.stages.stage import Done, give_up_if
from lpel_serving.support.cores import cores
from lpel_serving.support.errors import BundleError, WithdrawnError


@dataclass(eq=False)
class Pieces:
    """A stage whose pieces wait until they are let go; it notes what begins and what ends."""

    bad: int | None = None
    begun: list[int] = field(default_factory=list)
    ended: dict[int, str] = field(default_factory=dict)
    at_once: list[int] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def open(self):
        return self._do

    def wait_for(self, begun: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.begun) >= begun, 10)

    def _do(self, piece, stopped):
        with self._changed:
            self.begun.append(piece)
            self.at_once.append(len(self.begun) - len(self.ended))
            self._changed.notify_all()
        try:
            self._work(piece, stopped)
        except Exception as error:
            self._end(piece, type(error).__name__)
            raise
        self._end(piece, "done")
        return Done(piece, rows=piece, errors=0)

    def _work(self, piece, stopped):
        if piece == self.bad:
            raise BundleError("this piece is bad.")
        while not self.let_go.wait(0.001):
            give_up_if(stopped)

    def _end(self, piece: int, how: str) -> None:
        with self._changed:
            self.ended[piece] = how


@given(st.integers(1, 5), st.lists(st.integers(0, 100), unique=True, max_size=20))
def test_each_piece_is_done_once(workers, pieces):
    stage = Pieces()
    stage.let_go.set()
    done = list(Local(workers).run(stage, pieces))
    assert sorted(one.piece for one in done) == sorted(stage.begun) == sorted(pieces)
    assert all(one.rows == one.piece for one in done)
    assert max(stage.at_once, default=0) <= workers


def test_as_many_at_a_time_as_there_are_workers():
    stage = Pieces()
    done: list[Done] = []
    listener = threading.Thread(target=lambda: done.extend(Local(3).run(stage, range(7))))
    listener.start()
    stage.wait_for(3)
    assert sorted(stage.begun) == [0, 1, 2]
    stage.let_go.set()
    listener.join(10)
    assert len(done) == 7
    assert max(stage.at_once) == 3


def test_more_workers_than_help_are_not_begun():
    stage, most = Pieces(), FOR_EACH_CORE * cores()
    pieces = range(2 * most)
    done: list[Done] = []
    listener = threading.Thread(target=lambda: done.extend(Local(100_000).run(stage, pieces)))
    listener.start()
    stage.wait_for(most)
    stage.let_go.set()
    listener.join(10)
    assert len(done) == len(pieces)
    assert max(stage.at_once) == most


def test_without_pieces_nothing_is_loaded():
    class Unloadable:
        def open(self):
            raise BundleError("it was loaded.")

    assert list(Local(2).run(Unloadable(), [])) == []


def test_an_error_in_a_piece_is_raised_and_the_others_stop():
    stage = Pieces(bad=1)
    with pytest.raises(BundleError, match="this piece is bad"):
        list(Local(2).run(stage, range(50)))
    assert sorted(stage.begun) == [0, 1]
    assert stage.ended == {0: WithdrawnError.__name__, 1: BundleError.__name__}


def test_when_the_listener_goes_away_the_work_stops_and_no_piece_begins_any_more():
    stage = Pieces()
    done = Local(2).run(stage, range(50))
    first = threading.Thread(target=lambda: next(done))
    first.start()
    stage.wait_for(2)
    stage.let_go.set()
    first.join(10)
    stage.let_go.clear()
    done.close()
    begun = len(stage.begun)
    assert begun < 50
    assert stage.ended.keys() == set(stage.begun)
    assert Counter(stage.ended.values()).keys() <= {"done", WithdrawnError.__name__}
    assert not [one for one in threading.enumerate() if one.name.startswith("lpel-batch_")]
    assert len(stage.begun) == begun
