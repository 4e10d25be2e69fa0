"""The timetable keeps its grid, skips missed ticks, and isolates its jobs."""

from __future__ import annotations

import logging
from datetime import timedelta
from threading import Event

import pytest

from driftlog.worker.timetable import Timetable


class Clock:
    """A monotonic clock that moves when told to."""

    def __init__(self) -> None:
        self.moment = 1000.0

    def __call__(self) -> float:
        return self.moment


def test_a_slow_job_does_not_move_the_grid() -> None:
    """Ten seconds apart whatever the work takes: due at 0, 10, 20, not at 0, 13, 26."""
    clock, runs = Clock(), []
    table = Timetable(clock)

    def work() -> None:
        runs.append(clock.moment - 1000)
        clock.moment += 3

    table.add("work", timedelta(seconds=10), work)
    while clock.moment < 1035:
        table.run_pending()
        clock.moment += 1
    assert runs == [0, 10, 20, 30]


def test_missed_ticks_are_skipped_not_caught_up() -> None:
    """After a pause of a minute the job runs once."""
    clock, runs = Clock(), []
    table = Timetable(clock)
    job = table.add("work", timedelta(seconds=10), lambda: runs.append(clock.moment))
    table.run_pending()
    clock.moment += 64
    table.run_pending()
    table.run_pending()
    assert len(runs) == 2
    assert job.due == 1070.0


def test_a_job_that_raises_is_logged_and_runs_again(caplog: pytest.LogCaptureFixture) -> None:
    """And the other jobs run as if nothing had happened."""
    clock, runs = Clock(), []
    table = Timetable(clock)

    def fail() -> None:
        raise ZeroDivisionError("boom")

    table.add("bad", timedelta(seconds=10), fail)
    table.add("good", timedelta(seconds=10), lambda: runs.append(1))
    with caplog.at_level(logging.ERROR, logger="driftlog.worker"):
        table.run_pending()
        clock.moment += 10
        table.run_pending()
    assert runs == [1, 1]
    assert [record.getMessage().split()[1] for record in caplog.records] == ["bad", "bad"]


def test_a_removed_job_does_not_run() -> None:
    """Its name is gone, too."""
    clock, runs = Clock(), []
    table = Timetable(clock)
    table.add("work", timedelta(seconds=10), lambda: runs.append(1))
    table.remove("work")
    table.run_pending()
    assert runs == [] and table.names() == set()


def test_waiting_ends_when_stopped() -> None:
    """SIGTERM is not kept waiting by a far-off tick."""
    stop = Event()
    stop.set()
    table = Timetable(Clock())
    table.add("work", timedelta(hours=1), lambda: None, delay_s=3600)
    table.wait(stop, longest_s=3600)
