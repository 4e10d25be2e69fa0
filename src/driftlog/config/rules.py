"""Rules between and beyond types: ranges, settings that exclude each other, lengths that must divide."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from driftlog.config.alerting_rules import check_alerting
from driftlog.config.auditing_rules import check_retention
from driftlog.config.decode import SettingRefused
from driftlog.config.experiment_rules import check_experiments
from driftlog.config.exporting_rules import check_exporting
from driftlog.config.kibana_rules import check_kibana
from driftlog.config.maintaining_rules import check_maintaining
from driftlog.config.notifying_rules import check_notifications
from driftlog.config.origins import SettingPath
from driftlog.config.payload_rules import check_payloads
from driftlog.config.source_rules import check_sources
from driftlog.config.surveying_rules import check_feedback, check_surveying
from driftlog.config.threshold_rules import check_threshold
from driftlog.config.watching_rules import check_watching
from driftlog.contract.settings import ElasticsearchSettings, IntakeSettings, ModelSettings, Settings
from driftlog.contract.window import DAY

_HEAP: Final = re.compile(r"[1-9]\d*[mg]\Z", re.IGNORECASE)


def check_rules(settings: Settings) -> None:
    """Raise `ConfigError` for the first setting that cannot be used."""
    _check_elasticsearch(settings.elasticsearch)
    _check_port(settings.local.port, ("local", "port"))
    if not _HEAP.match(settings.local.heap):
        raise SettingRefused(
            "is no heap size", ("local", "heap"), value=settings.local.heap, remedy="write 512m, 1g or 4g"
        )
    _check_intake(settings.intake)
    _check_positive(settings.worker.lease, ("worker", "lease"))
    _check_not_negative(settings.worker.overlap, ("worker", "overlap"))
    check_retention(settings)
    check_feedback(settings)
    check_notifications(settings.notifications)
    check_exporting(settings.export)
    check_kibana(settings.kibana)
    for model in settings.models:
        _check_model(model, ("models", model.name))
    check_sources(settings)


def _check_elasticsearch(settings: ElasticsearchSettings) -> None:
    path: SettingPath = ("elasticsearch",)
    if not settings.urls:
        raise SettingRefused("is empty", (*path, "urls"), remedy="write http://127.0.0.1:9200, for example")
    for index, url in enumerate(settings.urls):
        check_url(url, (*path, "urls", index))
    if settings.api_key and (settings.username or settings.password):
        raise SettingRefused(
            "cannot stand beside username and password", (*path, "api_key"), remedy="keep one of the two"
        )
    if bool(settings.username) != bool(settings.password):
        missing = "password" if settings.username else "username"
        raise SettingRefused("is missing", (*path, missing), remedy="give username and password, or neither")
    if settings.api_key and not settings.api_key.reveal().isascii():
        raise SettingRefused("holds what no API key holds", (*path, "api_key"), remedy="copy its encoded form again")
    if settings.timeout_s <= 0:
        raise SettingRefused("must be positive", (*path, "timeout_s"), value=settings.timeout_s, remedy="write 30, say")


def check_url(url: str, path: SettingPath) -> None:
    """Refuse what is no http(s) address, and credentials inside it (addresses are logged)."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise SettingRefused("is no address", path, value=_without_user(url), remedy="write http://host:9200") from None
    if parts.username or parts.password:
        raise SettingRefused("holds a user or password", path, remedy="move it to elasticsearch.username and .password")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingRefused(
            "is no http or https address", path, value=_without_user(url), remedy="write http://host:9200"
        )


def _without_user(url: str) -> str:
    """`url` as it may be shown: what stands before an ``@`` may be a password.

    >>> _without_user("elastic:changeme@host:9200"), _without_user("host")
    ('***@host:9200', 'host')
    """
    before, at, host = url.rpartition("@")
    return f"***@{host}" if before or at else host


def _check_intake(settings: IntakeSettings) -> None:
    path: SettingPath = ("intake",)
    _check_port(settings.http_port, (*path, "http_port"))
    if settings.tcp_port is not None:
        _check_port(settings.tcp_port, (*path, "tcp_port"))
        if settings.tcp_port == settings.http_port:
            raise SettingRefused(
                "is the port of http_port", (*path, "tcp_port"), value=settings.tcp_port, remedy="use another"
            )
    for name in ("max_body_bytes", "max_event_bytes", "max_pending_bytes", "max_features"):
        if getattr(settings, name) < 1:
            raise SettingRefused(
                "must be positive", (*path, name), value=getattr(settings, name), remedy="remove the line"
            )
    if settings.auto_register_limit < 0:
        raise SettingRefused("must not be negative", (*path, "auto_register_limit"), remedy="write 0 or more")
    if settings.max_age is not None:
        _check_positive(settings.max_age, (*path, "max_age"))
    _check_not_negative(settings.max_ahead, (*path, "max_ahead"))
    if bool(settings.username) != bool(settings.password):
        missing = "password" if settings.username else "username"
        raise SettingRefused("is missing", (*path, missing), remedy="give username and password, or neither")
    if bool(settings.tls_cert) != bool(settings.tls_key):
        missing = "tls_key" if settings.tls_cert else "tls_cert"
        raise SettingRefused("is missing", (*path, missing), remedy="give tls_cert and tls_key, or neither")


def _check_port(port: int, path: SettingPath) -> None:
    if not 0 <= port <= 65_535:
        raise SettingRefused("is no port", path, value=port, remedy="use 1 to 65535 (0: any free port)")


def _check_positive(duration: timedelta, path: SettingPath) -> None:
    if duration <= timedelta(0):
        raise SettingRefused("must be longer than nothing", path, remedy="write 30s, 15m, 1h, 1d or 1w")


def _check_not_negative(duration: timedelta, path: SettingPath) -> None:
    if duration < timedelta(0):
        raise SettingRefused("must not be negative", path, remedy="write 0s or more")


def _check_share(value: float, path: SettingPath) -> None:
    if not 0 <= value <= 1:
        raise SettingRefused("must lie between 0 and 1", path, value=value, remedy="write 0.8 for 80 %")


def _check_model(model: ModelSettings, path: SettingPath) -> None:
    for name in ("bucket", "window", "cycle", "look_back"):
        _check_positive(getattr(model, name), (*path, name))
    _check_not_negative(model.wait, (*path, "wait"))
    if DAY % model.bucket:
        raise SettingRefused(
            "does not divide a day", (*path, "bucket"), remedy="use 15m, 30m, 1h, 6h or 1d, for example"
        )
    if (model.window < DAY and DAY % model.window) or (model.window > DAY and model.window % DAY):
        raise SettingRefused(
            "fits no day", (*path, "window"), remedy="use a divisor of a day (1h, 6h) or whole days (1d, 1w)"
        )
    if model.window % model.bucket:
        raise SettingRefused("is not whole buckets", (*path, "window"), remedy="make window a multiple of bucket")
    if model.look_back < model.window:
        raise SettingRefused(
            "is shorter than the window", (*path, "look_back"), remedy="use several windows, such as 90d"
        )
    _check_share(model.min_maturity, (*path, "min_maturity"))
    _check_share(model.decision_threshold, (*path, "decision_threshold"))
    if model.min_rows < 1:
        raise SettingRefused("must be positive", (*path, "min_rows"), value=model.min_rows, remedy="write 30, say")
    if not model.environment:
        raise SettingRefused("is empty", (*path, "environment"), remedy="write production, say")
    _check_timezone(model.timezone, (*path, "timezone"))
    if not 1 <= len(model.drift_measures) <= 2:
        raise SettingRefused(
            "must name one or two measures",
            (*path, "drift_measures"),
            remedy="the first judges numeric fields, the second categorical ones",
        )
    check_watching(model, path)
    check_alerting(model, path)
    check_experiments(model, path)
    check_maintaining(model, path)
    check_surveying(model, path)
    check_payloads(model, path)
    for index, threshold in enumerate(model.thresholds):
        check_threshold(threshold, (*path, "thresholds", index))


def _check_timezone(name: str, path: SettingPath) -> None:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise SettingRefused(
            "is no time zone", path, value=name, remedy="use a name such as Europe/Berlin or UTC"
        ) from None
