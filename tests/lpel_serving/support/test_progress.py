"""What is printed of long work, and work of one step."""

import pytest

from lpel_serving.support import progress
from lpel_serving.support.progress import one_step, printed


def test_the_beginning_how_far_it_is_and_the_end_are_printed(capsys, monkeypatch):
    clock = iter([0.0, 1.0, 6.0, 6.0, 7.0, 9.0])
    monkeypatch.setattr(progress, "monotonic", lambda: next(clock))
    with printed("embedding", 4000) as advance:
        for _ in range(3):
            advance(1000)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "embedding …",
        "embedding: 2,000 of 4,000",
        "embedding: done in 9 s",
    ]


def test_work_of_one_step_is_done_when_it_ends_well(capsys):
    with one_step(printed, "solving"):
        pass
    with pytest.raises(ValueError, match="wrong"), one_step(printed, "failing"):
        raise ValueError("wrong")
    assert capsys.readouterr().err.splitlines() == [
        "solving …",
        "solving: done in 0 s",
        "failing …",
    ]
