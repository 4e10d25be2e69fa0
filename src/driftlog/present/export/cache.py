"""Readings kept for a while: Elasticsearch is asked seldom, by one at a time, and nobody waits long."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from driftlog.contract.errors import DriftlogError
from driftlog.present.export.prometheus import Pages
from driftlog.present.export.reading import Reading

log = logging.getLogger("driftlog.export")


@dataclass(frozen=True)
class _Held:
    """What the last good read brought, and when it began (on the monotonic clock)."""

    pages: Pages
    begun: float


class Cache:
    """Hands out readings that are at most `min_interval_s` old, or those there are.

    Parameters
    ----------
    read
        Asks Elasticsearch; raises `DriftlogError` when it does not answer.
    timeout_s
        How long a caller waits for new readings before it gets the last ones.
    max_age_s
        Readings older than this are no longer handed out: no value is better than one of yesterday.
    """

    def __init__(
        self,
        read: Callable[[], list[Reading]],
        *,
        min_interval_s: float,
        timeout_s: float,
        max_age_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._min_interval_s = min_interval_s
        self._timeout_s = timeout_s
        self._max_age_s = max_age_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._flight: threading.Event | None = None
        self._held: _Held | None = None
        self._tried = float("-inf")
        self._up = False
        self._took_s: float | None = None
        self._asked: tuple[bool, bool] | None = None

    def page(self, *, openmetrics: bool, compress: bool) -> bytes:
        """The page of what `get` gives; made ahead, by the reader, in the form that was asked for last."""
        self._asked = (openmetrics, compress)
        pages, about = self.get()
        return pages.page(about, openmetrics=openmetrics, compress=compress)

    def get(self) -> tuple[Pages, list[Reading]]:
        """Pages of the newest readings there are (of none, if they are too old), and how good they are."""
        flight = self._start()
        if flight is not None:
            flight.wait(self._timeout_s)
        held = self._held
        age = None if held is None else self._monotonic() - held.begun
        if held is None or age is None or age > self._max_age_s:
            return Pages([]), self._about(age)
        return held.pages, self._about(age)

    @property
    def up(self) -> bool:
        """Whether the last read that ended was a good one."""
        return self._up

    def _start(self) -> threading.Event | None:
        """The read that is under way, started here if it is due."""
        with self._lock:
            if self._flight is None and self._monotonic() - self._tried >= self._min_interval_s:
                self._tried = self._monotonic()
                flight = threading.Event()
                reader = threading.Thread(target=self._fly, args=(flight,), name="driftlog-export", daemon=True)
                try:
                    reader.start()
                except RuntimeError as error:  # no more threads or memory now: tried again when it is due
                    self._failed(str(error))
                else:
                    self._flight = flight  # the reader takes it back, under the lock
            return self._flight

    def _fly(self, flight: threading.Event) -> None:
        begun = self._monotonic()
        try:
            held = _Held(Pages(self._read()), begun)
            if self._asked is not None:
                held.pages.body(openmetrics=self._asked[0], compress=self._asked[1])
        except DriftlogError as error:
            self._failed(str(error))
        except Exception:  # whatever it was: the page goes on, and says that it is not renewed
            log.exception("the read failed in an unforeseen way")
            self._up = False
        else:
            if not self._up:
                log.info("Elasticsearch answers")
            self._held, self._up = held, True
        finally:
            self._took_s = self._monotonic() - begun
            with self._lock:
                self._flight = None
            flight.set()

    def _failed(self, text: str) -> None:
        if self._up or self._held is None:
            log.warning("Elasticsearch could not be read; the last values are served: %s", text)
        self._up = False

    def _about(self, age: float | None) -> list[Reading]:
        help_ = "Whether the last read of Elasticsearch succeeded."
        found = [Reading("driftlog_up", "gauge", float(self._up), {}, help_)]
        if age is not None:
            help_ = "Age of the values on this page."
            found.append(Reading("driftlog_export_age_seconds", "gauge", age, {}, help_, "seconds"))
        if self._took_s is not None:
            help_ = "How long the last read of Elasticsearch took."
            found.append(Reading("driftlog_export_read_seconds", "gauge", self._took_s, {}, help_, "seconds"))
        return found
