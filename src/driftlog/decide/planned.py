"""Planned maintenance: which windows of it are going on, by cron expressions in a time zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
from cronsim import CronSim

from driftlog.contract.alerting import MaintenanceWindowSettings


class Planned(msgspec.Struct, frozen=True):
    """One maintenance window as it goes on: ``[start, end)``."""

    name: str
    start: datetime
    end: datetime
    why: str = ""

    @property
    def muter(self) -> str:
        """What `Alert.muted_by` holds while it mutes an alert."""
        return f"{PREFIX}{self.name}"


PREFIX = "maintenance: "


def going_on(windows: Sequence[MaintenanceWindowSettings], timezone: str, now: datetime) -> tuple[Planned, ...]:
    """Those of `windows` that have begun at `now` and are not over; of one that overlaps itself the oldest.

    Starts are local: one that falls into the hour that a clock skips comes right after it, one in the hour that comes
    twice comes the first time only. The duration is elapsed time.

    >>> from datetime import timedelta
    >>> nightly = MaintenanceWindowSettings(name="backup", cron="30 2 * * *", duration=timedelta(hours=1))
    >>> (found,) = going_on([nightly], "Europe/Berlin", datetime(2026, 3, 29, 1, 10, tzinfo=UTC))
    >>> found.start, found.end
    (datetime.datetime(2026, 3, 29, 1, 0, tzinfo=...utc), datetime.datetime(2026, 3, 29, 2, 0, tzinfo=...utc))
    """
    found = (_going_on(window, window.timezone or timezone, now) for window in windows)
    return tuple(planned for planned in found if planned is not None)


def _going_on(window: MaintenanceWindowSettings, timezone: str, now: datetime) -> Planned | None:
    earliest = now - window.duration
    for start in CronSim(window.cron, earliest.astimezone(ZoneInfo(timezone))):
        begun = start.astimezone(UTC)
        if begun > now:
            return None
        if begun > earliest:
            return Planned(window.name, begun, begun + window.duration, window.why)
    return None
