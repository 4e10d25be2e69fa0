"""Rules of the maintenance loop: cron lines, hours, margins, steps, and what needs what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import msgspec

from driftlog.config.decode import SettingRefused
from driftlog.config.origins import SettingPath
from driftlog.contract.maintaining import MaintainSettings
from driftlog.contract.settings import ModelSettings

_HOURS: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d\Z")
_HEADER: Final = re.compile(r"[A-Za-z0-9-]+\Z")
_ANY_TIME: Final = datetime(2026, 1, 1, tzinfo=UTC)
_ORDER: Final = ("shadow", "share", "full")
_STEPS: Final = ("retrain", "promote", "rollback")


def check_maintaining(model: ModelSettings, path: SettingPath) -> None:
    """Raise `SettingRefused` for the first setting of the loop that cannot be carried out."""
    maintain, at = model.maintain, (*path, "maintain")
    _check_triggers(model, at)
    _check_conditions(maintain, at)
    _check_executor(maintain, at)
    _check_validation(maintain, at)
    _check_promotion(maintain, at)
    _check_registry(maintain, at)


def check_cron(text: str, path: SettingPath) -> None:
    """Refuse what is no cron line of five fields."""
    from cronsim import CronSim, CronSimError

    try:
        if len(text.split()) != 5:
            raise CronSimError("five fields are needed")
        CronSim(text, _ANY_TIME)
    except CronSimError:
        raise SettingRefused(
            "is no cron line", path, value=text, remedy="write minute hour day month weekday: 0 6 * * MON, say"
        ) from None


def _check_triggers(model: ModelSettings, at: SettingPath) -> None:
    triggers, here = model.maintain.triggers, (*at, "triggers")
    if triggers.schedule:
        check_cron(triggers.schedule, (*here, "schedule"))
    drifted = triggers.drifted
    if drifted and not (len(drifted) == 2 and 1 <= drifted[0] <= drifted[1] <= 200):
        raise SettingRefused(
            "is not N of M windows", (*here, "drifted"), value=list(drifted), remedy="write [3, 4], say"
        )
    _check_at_least(triggers.new_labels, 1, (*here, "new_labels"))
    if triggers.estimated_loss is not None:
        if triggers.estimated_loss <= 0:
            raise SettingRefused(
                "must be positive", (*here, "estimated_loss"), value=triggers.estimated_loss, remedy="write 1000, say"
            )
        if not model.business_value:
            raise SettingRefused(
                "needs what outcomes are worth",
                (*here, "estimated_loss"),
                remedy=f"give models.{model.name}.business_value, or remove the line",
            )


def _check_conditions(maintain: MaintainSettings, at: SettingPath) -> None:
    conditions, here = maintain.conditions, (*at, "conditions")
    _check_at_least(conditions.min_labels, 1, (*here, "min_labels"))
    _check_at_least(conditions.budget, 1, (*here, "budget"))
    _check_positive(conditions.budget_period, (*here, "budget_period"))
    _check_positive(conditions.cooldown, (*here, "cooldown"), zero=True)
    hours = conditions.quiet_hours
    if hours and (not _HOURS.match(hours) or hours[:5] == hours[6:]):
        raise SettingRefused("are no hours", (*here, "quiet_hours"), value=hours, remedy="write 22:00-06:00, say")
    wrong = [step for step in conditions.approval if step not in _STEPS]
    if wrong:
        raise SettingRefused(
            "names no step", (*here, "approval"), value=wrong[0], remedy=f"use {', '.join(_STEPS)}, or [] for none"
        )


def _check_executor(maintain: MaintainSettings, at: SettingPath) -> None:
    executor, here = maintain.executor, (*at, "executor")
    for name, value in (("window", executor.window), ("time_limit", executor.time_limit)):
        _check_positive(value, (*here, name))
    if executor.hold_back is not None:
        _check_positive(executor.hold_back, (*here, "hold_back"), zero=True)
    needs = {
        "command": ("command", executor.command),
        "mlflow_project": ("command", executor.command),
        "incremental": ("command", executor.command[1:]),
        "http": ("url", executor.url),
    }
    if executor.kind in needs and not needs[executor.kind][1]:
        name = needs[executor.kind][0]
        raise SettingRefused(
            f"is empty, and executor.kind is {executor.kind}", (*here, name), remedy=f"give {name}, or change kind"
        )
    _check_request((executor.url, executor.status_url), executor.headers, here)
    if executor.kind == "http":
        try:
            msgspec.json.decode(executor.body)
        except msgspec.MsgspecError as error:
            raise SettingRefused(f"is not JSON: {error}", (*here, "body"), remedy="see docs/versions.md") from None


def _check_validation(maintain: MaintainSettings, at: SettingPath) -> None:
    validation, here = maintain.validation, (*at, "validation")
    _check_positive(validation.window, (*here, "window"))
    _check_at_least(validation.min_rows, 30, (*here, "min_rows"))
    if not 0 < validation.alpha <= 0.5:
        raise SettingRefused(
            "must lie between 0 and 0.5", (*here, "alpha"), value=validation.alpha, remedy="write 0.05, say"
        )
    for name in ("guard_margin", "segment_margin"):
        _check_at_least(getattr(validation, name), 0, (*here, name))
    if validation.schedule:
        check_cron(validation.schedule, (*here, "schedule"))
        if not validation.labelled_set:
            raise SettingRefused("is empty, and there is a schedule", (*here, "labelled_set"), remedy="name the file")


def _check_promotion(maintain: MaintainSettings, at: SettingPath) -> None:
    promotion, here = maintain.promotion, (*at, "promotion")
    steps = promotion.steps
    if not steps or list(steps) != [step for step in _ORDER if step in steps]:
        raise SettingRefused(
            "are no way to go live", (*here, "steps"), value=list(steps), remedy="write [shadow, share, full] or [full]"
        )
    if "share" in steps and not 0 < promotion.share < 1:
        raise SettingRefused(
            "must lie between 0 and 1", (*here, "share"), value=promotion.share, remedy="write 0.1 for one in ten"
        )
    for name in ("step_time", "watch", "watch_window", "time_limit"):
        _check_positive(getattr(promotion, name), (*here, name), zero=name in ("step_time", "watch"))
    _check_at_least(promotion.rollback_margin, 0, (*here, "rollback_margin"))
    if not 0 < promotion.rollback_alpha < 0.5:
        raise SettingRefused(
            "must lie between 0 and 0.5", (*here, "rollback_alpha"), value=promotion.rollback_alpha, remedy="write 0.05"
        )
    _check_request((promotion.url,), promotion.headers, here)


def _check_request(urls: Sequence[str], headers: Sequence[str], here: SettingPath) -> None:
    """Addresses and headers; their text is not shown, it may hold a secret."""
    for url in urls:
        if url and not url.startswith(("https://", "http://", "${")):
            raise SettingRefused("is no address", (*here, "url"), remedy="write https://...")
    for number, line in enumerate(headers):
        name, colon, _ = line.partition(":")
        if not colon or not _HEADER.match(name.strip()) or not line.isprintable():
            raise SettingRefused("is no header", (*here, "headers", number), remedy="write Name: value")


def _check_registry(maintain: MaintainSettings, at: SettingPath) -> None:
    address = urlsplit(maintain.registry.tracking_uri)
    if address.username or address.password:
        raise SettingRefused(
            "holds a user or password",
            (*at, "registry", "tracking_uri"),
            remedy="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, instead",
        )


def _check_at_least(value: float | None, least: float, path: SettingPath) -> None:
    if value is not None and not value >= least:
        raise SettingRefused(f"must be at least {least:g}", path, value=value, remedy="write more, or remove the line")


def _check_positive(value: timedelta, path: SettingPath, *, zero: bool = False) -> None:
    if value < timedelta(0) or (not zero and not value):
        raise SettingRefused("must be longer than nothing", path, remedy="write 12h, 7d or 4w, say")
