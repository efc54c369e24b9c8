"""The measure of how fast long work embeds: soon right, and hard to fool."""

import threading
import time

import pytest

from lpel_serving.service.pace import Pace, clock_of


def test_nothing_is_known_before_something_was_measured():
    assert Pace(2).seconds(100) is None
    assert Pace(2).age == float("inf")


def test_it_is_of_all_inferences_that_run_at_once():
    pace = Pace(2)
    pace.count(4, 0.4, 0.4)
    assert pace.seconds(100) == pytest.approx(5)
    assert pace.age < 5


def test_an_inference_that_was_slow_itself_leaves_few_traces_which_are_soon_gone():
    pace = Pace(1)
    pace.count(1, 1, 1)
    for _ in range(5):
        pace.count(1, 4, 4)
    assert pace.seconds(1) < 1.5
    for _ in range(5):
        pace.count(1, 1, 1)
    assert pace.seconds(1) < 1.1


def test_what_began_slowly_is_soon_right():
    pace = Pace(1)
    pace.count(1, 10, 10)
    for _ in range(12):
        pace.count(1, 1, 1)
    assert pace.seconds(1) < 1.15


def test_what_stays_slow_is_believed_at_last():
    pace = Pace(1)
    pace.count(1, 1, 1)
    for _ in range(200):
        pace.count(1, 4, 4)
    assert pace.seconds(1) > 3.9


def test_a_moment_in_which_others_have_the_machine_hardly_counts():
    pace = Pace(1)
    for _ in range(5):
        pace.count(1, 0.03, 1)  # five seconds, thirty times as slow as by itself
    assert 0.03 < pace.seconds(1) < 0.05


def test_a_machine_that_stays_busy_counts_and_is_forgotten_when_it_is_over(monkeypatch):
    pace, now = Pace(1), time.monotonic()
    for _ in range(100):
        pace.count(1, 0.2, 1)
    assert 0.6 < pace.seconds(1) < 1
    monkeypatch.setattr(time, "monotonic", lambda: now + 600)
    assert 0.2 < pace.seconds(1) < 0.25


def test_on_the_processor_the_clock_stands_still_while_others_have_it():
    clock, waited = clock_of("cpu"), threading.Event()
    begun = clock()
    waited.wait(0.05)
    assert clock() - begun < 0.04
    until = time.monotonic() + 0.05
    while time.monotonic() < until:
        pass
    assert clock() > begun


def test_elsewhere_it_is_that_on_the_wall():
    assert clock_of("cuda") is time.monotonic
