"""Rules of objectives, escalation, maintenance windows and runbooks."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from driftlog.config.decode import SettingRefused
from driftlog.config.origins import SettingPath
from driftlog.contract.alerting import MaintenanceWindowSettings
from driftlog.contract.settings import ModelSettings, ThresholdSettings

LONGEST_MAINTENANCE: Final = timedelta(days=7)
_SOME_TIME: Final = datetime(2026, 1, 1, tzinfo=UTC)


def check_alerting(model: ModelSettings, path: SettingPath) -> None:
    """Raise `SettingRefused` for the first setting that cannot be used."""
    _check_objectives(model, path)
    at = (*path, "alerts")
    for name in ("escalate_after", "no_data_after", "label_delay_above"):
        value = getattr(model.alerts, name)
        if value is not None and value <= timedelta(0):
            raise SettingRefused("must be longer than nothing", (*at, name), remedy="write 30m, 1h or 1d, or none")
    if model.alerts.cooldown < timedelta(0):
        raise SettingRefused("must not be negative", (*at, "cooldown"), remedy="write 0s or more")
    names = Counter(window.name for window in model.alerts.maintenance)
    for index, window in enumerate(model.alerts.maintenance):
        _check_maintenance(window, (*at, "maintenance", index))
        if names[window.name] > 1:
            where = (*at, "maintenance", index, "name")
            raise SettingRefused("stands there twice", where, value=window.name, remedy="give each its own")
    for index, threshold in enumerate(model.thresholds):
        _check_clear(threshold, (*path, "thresholds", index, "clear"))
    for index, runbook in enumerate(model.alerts.runbooks):
        _check_link(runbook.url, (*at, "runbooks", index, "url"))


def _check_objectives(model: ModelSettings, path: SettingPath) -> None:
    names = Counter(objective.name for objective in model.objectives)
    for index, objective in enumerate(model.objectives):
        at = (*path, "objectives", index)
        if not objective.name.strip() or names[objective.name] > 1:
            fault = "stands there twice" if objective.name.strip() else "is empty"
            raise SettingRefused(fault, (*at, "name"), value=objective.name, remedy="give each a name of its own")
        if not objective.metric.strip():
            raise SettingRefused("is empty", (*at, "metric"), remedy="name a metric, such as roc_auc")
        if not math.isfinite(objective.target):
            raise SettingRefused("is no number", (*at, "target"), value=objective.target, remedy="write 0.8, say")


def _check_maintenance(window: MaintenanceWindowSettings, path: SettingPath) -> None:
    if not window.name.strip():
        raise SettingRefused("is empty", (*path, "name"), remedy="name it, so that muted alerts can say why")
    fields = len(window.cron.split())
    try:
        if fields != 5:
            raise CronSimError(f"{fields} fields")
        next(CronSim(window.cron, _SOME_TIME))
    except (CronSimError, StopIteration):
        raise SettingRefused(
            "is no cron expression, or names no time",
            (*path, "cron"),
            value=window.cron,
            remedy='write minute, hour, day, month and weekday: "0 2 * * SUN" is Sundays at two',
        ) from None
    if not timedelta(0) < window.duration <= LONGEST_MAINTENANCE:
        raise SettingRefused("must be between 1s and 1w", (*path, "duration"), remedy="write 30m, 1h or 1d")
    if window.timezone:
        try:
            ZoneInfo(window.timezone)
        except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
            raise SettingRefused(
                "is no time zone", (*path, "timezone"), value=window.timezone, remedy="use Europe/Berlin or UTC, say"
            ) from None


def _check_clear(threshold: ThresholdSettings, path: SettingPath) -> None:
    """An alert cannot end farther out than it begins."""
    clear = threshold.clear
    if clear is None:
        return
    limits = [limit for limit in (threshold.info, threshold.warning, threshold.critical) if limit is not None]
    if threshold.kind == "default_drift":
        limits = [threshold.floor]
    if threshold.kind == "none" or not math.isfinite(clear) or (threshold.kind == "quantile" and not 0 < clear < 1):
        raise SettingRefused(
            "cannot be used", path, value=clear, remedy=f"remove it, or write it as kind: {threshold.kind} has it"
        )
    outwards = threshold.direction == "below" and threshold.kind in ("constant", "quantile")
    if any((clear < limit) if outwards else (clear > limit) for limit in limits):
        raise SettingRefused(
            "lies beyond a limit",
            path,
            value=clear,
            remedy="an alert ends at clear: it must lie on the good side of the limits, or at them",
        )


def _check_link(url: str, path: SettingPath) -> None:
    try:
        parts = urlsplit(url)
        secret = bool(parts.username or parts.password)
    except ValueError:
        raise SettingRefused("is no address", path, remedy="write https://wiki.example.com/drift") from None
    if secret:
        raise SettingRefused("holds a user or password", path, remedy="remove them: alerts show the address")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise SettingRefused("is no http(s) address", path, value=url, remedy="write https://wiki.example.com/drift")
