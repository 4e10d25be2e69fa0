"""Rules of what hands metrics on to other tools."""

from __future__ import annotations

from datetime import timedelta

from driftlog.config.decode import SettingRefused
from driftlog.config.exporting_push_rules import check_pushing
from driftlog.contract.exporting import ExportSettings, PrometheusSettings


def check_exporting(settings: ExportSettings) -> None:
    """Raise `SettingRefused` for the first limit or address that cannot be used."""
    for name in ("max_features", "max_errors", "max_series", "max_total_series"):
        if getattr(settings, name) < (0 if name in ("max_features", "max_errors") else 1):
            raise SettingRefused(
                "is too small", ("export", name), value=getattr(settings, name), remedy="leave it out for the default"
            )
    _check_prometheus(settings.prometheus)
    check_pushing(settings)


def _check_prometheus(settings: PrometheusSettings) -> None:
    path = ("export", "prometheus")
    if not 1 <= settings.port <= 65535:
        raise SettingRefused("is no port", (*path, "port"), value=settings.port, remedy="write 9469, say")
    if settings.timeout_s <= 0:
        raise SettingRefused("must be positive", (*path, "timeout_s"), value=settings.timeout_s, remedy="write 8, say")
    for name in ("min_interval", "max_age"):
        if getattr(settings, name) <= timedelta(0):
            raise SettingRefused("must be positive", (*path, name), remedy="write 15s, 10m or 1h")
    if settings.max_age < settings.min_interval:
        raise SettingRefused("is shorter than min_interval", (*path, "max_age"), remedy="write 10m, say")
    if settings.token and (settings.username or settings.password):
        raise SettingRefused(
            "cannot stand beside username and password", (*path, "token"), remedy="keep one of the two"
        )
    for one, other in (("username", "password"), ("tls_cert", "tls_key")):
        if bool(getattr(settings, one)) != bool(getattr(settings, other)):
            missing = other if getattr(settings, one) else one
            raise SettingRefused("is missing", (*path, missing), remedy=f"give {one} and {other}, or neither")
