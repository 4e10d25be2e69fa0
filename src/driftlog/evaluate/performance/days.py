"""Outcome profiles by local day: the clusters of intervals and tests."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from driftlog.contract.profile import OutcomeProfile, total


def by_day(outcomes: Sequence[OutcomeProfile], timezone: str) -> list[OutcomeProfile]:
    """Profiles added up by the local day their bucket starts on, in order of time."""
    zone = ZoneInfo(timezone)
    days: dict[object, list[OutcomeProfile]] = {}
    for profile in outcomes:
        days.setdefault(profile.key.bucket.start.astimezone(zone).date(), []).append(profile)
    sums = (total(profiles) for _, profiles in sorted(days.items(), key=lambda item: str(item[0])))
    return [profile for profile in sums if profile is not None and profile.n > 0]
