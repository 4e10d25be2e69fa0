"""A timetable on the `schedule` library that does not drift, skips missed ticks and isolates its jobs.

`schedule` computes the next run from the end of the last one (so it drifts), compares naive local times (so an hour is
lost or doubled when the clock changes), and lets exceptions end the loop. `SteadyJob` keeps a grid on the monotonic
clock instead.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from threading import Event

import schedule

log = logging.getLogger("driftlog.worker")


class SteadyJob(schedule.Job):
    """A job that is due at ``first + k * period`` on the monotonic clock; ticks that have passed are skipped."""

    def __init__(self, name: str, period: timedelta, first: float, monotonic: Callable[[], float]) -> None:
        super().__init__(interval=max(1, round(period.total_seconds())))
        self.unit = "seconds"
        self.name = name
        self.period_s = period.total_seconds()
        self.due = first
        self._first = first
        self._monotonic = monotonic

    @property
    def should_run(self) -> bool:
        return self._monotonic() >= self.due

    def run(self) -> object:
        """Run the job; whatever it raises is logged and ends with it."""
        try:
            return super().run()  # type: ignore[no-untyped-call]
        except Exception:
            log.exception("job %s failed; it runs again at its next tick", self.name)
            return None
        finally:
            passed = int((self._monotonic() - self._first) // self.period_s)
            self.due = self._first + (passed + 1) * self.period_s


class Timetable:
    """Jobs by name, run one after the other in the calling thread.

    >>> clock = iter([0.0, 0.0, 25.0]).__next__
    >>> table = Timetable(monotonic=clock)
    >>> job = table.add("tick", timedelta(seconds=10), lambda: print("tick"))
    >>> table.run_pending()
    tick
    >>> job.due
    30.0
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._scheduler = schedule.Scheduler()
        self._jobs: dict[str, SteadyJob] = {}
        self._monotonic = monotonic

    def add(self, name: str, period: timedelta, work: Callable[[], object], *, delay_s: float = 0.0) -> SteadyJob:
        """Run `work` every `period`, first after `delay_s` seconds."""
        job = SteadyJob(name, period, self._monotonic() + delay_s, self._monotonic)
        job.scheduler = self._scheduler
        job.do(work)
        self._jobs[name] = job
        return job

    def remove(self, name: str) -> None:
        self._scheduler.cancel_job(self._jobs.pop(name))

    def names(self) -> set[str]:
        return set(self._jobs)

    def run_pending(self) -> None:
        self._scheduler.run_pending()

    def wait(self, stop: Event, longest_s: float = 1.0) -> None:
        """Sleep until the next job is due, at most `longest_s`, or until `stop` is set."""
        due = min((job.due for job in self._jobs.values()), default=float("inf"))
        stop.wait(min(longest_s, max(0.0, due - self._monotonic())))
