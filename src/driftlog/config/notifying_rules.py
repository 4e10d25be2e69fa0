"""Rules of notifications: addresses that can be used, routes that lead somewhere, fallbacks that end."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final
from zoneinfo import ZoneInfo

from driftlog.config.decode import SettingRefused
from driftlog.config.origins import SettingPath
from driftlog.contract.handling import TRANSITION_KINDS
from driftlog.contract.notifying import ChannelSettings, NotificationSettings, RouteSettings
from driftlog.contract.opening import parse_opening
from driftlog.contract.strict import Secret

_CHANNEL_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")


def check_notifications(settings: NotificationSettings) -> None:
    """Raise `SettingRefused` for the first setting that cannot be used; addresses are never shown."""
    path: SettingPath = ("notifications",)
    names = Counter(channel.name for channel in settings.channels)
    for index, channel in enumerate(settings.channels):
        _check_channel(channel, names, (*path, "channels", index))
    _check_fallbacks(settings, path)
    for index, route in enumerate(settings.routes):
        _check_route(route, names, (*path, "routes", index))
    if settings.max_age <= timedelta(0):
        raise SettingRefused("must be longer than nothing", (*path, "max_age"), remedy="write 3d, say")
    if settings.link and not settings.link.startswith(("http://", "https://")):
        raise SettingRefused("is no http or https address", (*path, "link"), remedy="write https://kibana.example/...")


def _check_channel(channel: ChannelSettings, names: Counter[str], at: SettingPath) -> None:
    if not _CHANNEL_NAME.match(channel.name):
        raise SettingRefused(
            "is no name of a channel", (*at, "name"), value=channel.name, remedy="use a-z, 0-9, - and _"
        )
    if names[channel.name] > 1:
        raise SettingRefused("stands there twice", (*at, "name"), value=channel.name, remedy="rename one of the two")
    if not channel.urls:
        raise SettingRefused("is empty", (*at, "urls"), remedy="write one address, such as ${MAIL_URL}")
    for index, url in enumerate(channel.urls):
        _check_url(url, (*at, "urls", index))
    for name in ("rate_per_hour", "attempts"):
        if getattr(channel, name) < 1:
            raise SettingRefused("must be positive", (*at, name), value=getattr(channel, name), remedy="write 5, say")
    if not 0.1 <= channel.timeout_s <= 300:
        raise SettingRefused(
            "must lie between 0.1 and 300", (*at, "timeout_s"), value=channel.timeout_s, remedy="write 20, say"
        )
    if channel.digest is not None and not timedelta(minutes=1) <= channel.digest <= timedelta(days=7):
        raise SettingRefused("must lie between a minute and a week", (*at, "digest"), remedy="write 1h, say, or none")
    if channel.backoff <= timedelta(0):
        raise SettingRefused("must be longer than nothing", (*at, "backoff"), remedy="write 30s, say")
    if channel.fallback and channel.fallback not in names:
        raise SettingRefused(
            "names no channel", (*at, "fallback"), value=channel.fallback, remedy=f"use {_known(names)}"
        )


def _check_url(url: Secret, at: SettingPath) -> None:
    """Refuse what apprise cannot use. Where apprise is not installed (a serving app) nothing is sent, either."""
    try:
        import apprise
    except ImportError:
        return
    with _silent():
        plugin = apprise.Apprise.instantiate(url.reveal().strip())
    if plugin is None:
        raise SettingRefused(
            "is no address that apprise can use (it is not shown: it may hold a password)",
            at,
            remedy="see https://appriseit.com/services/ for how the service's address is written",
        )


@contextmanager
def _silent() -> Iterator[None]:
    """apprise logs what it cannot read, and with it the address."""
    logger = logging.getLogger("apprise")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


def _check_fallbacks(settings: NotificationSettings, path: SettingPath) -> None:
    following = {channel.name: channel.fallback for channel in settings.channels}
    for index, channel in enumerate(settings.channels):
        seen, name = {channel.name}, channel.fallback
        while name:
            if name in seen:
                raise SettingRefused(
                    "leads back to a channel before it",
                    (*path, "channels", index, "fallback"),
                    value=channel.fallback,
                    remedy="let the last channel have no fallback",
                )
            seen.add(name)
            name = following.get(name, "")


def _check_route(route: RouteSettings, names: Counter[str], at: SettingPath) -> None:
    if not route.channels:
        raise SettingRefused("names no channel", (*at, "channels"), remedy=f"use {_known(names)}")
    for index, name in enumerate(route.channels):
        if name not in names:
            raise SettingRefused(
                "names no channel", (*at, "channels", index), value=name, remedy=f"use {_known(names)}"
            )
    for index, kind in enumerate(route.kinds):
        if kind not in TRANSITION_KINDS:
            raise SettingRefused(
                "is no kind of transition",
                (*at, "kinds", index),
                value=kind,
                remedy="use " + ", ".join(TRANSITION_KINDS),
            )
    for name, hours, days in (("hours", route.hours, ""), ("days", "", route.days)):
        try:
            parse_opening(hours, days)
        except ValueError as error:
            problem, _, remedy = str(error).partition("; ")
            raise SettingRefused(problem, (*at, name), remedy=remedy) from error
    try:
        ZoneInfo(route.timezone)
    except (ValueError, OSError, KeyError):
        raise SettingRefused(
            "is no time zone", (*at, "timezone"), value=route.timezone, remedy="use Europe/Berlin or UTC, for example"
        ) from None


def _known(names: Counter[str]) -> str:
    return " or ".join(sorted(names)) if names else "a channel of notifications.channels, which is empty"
