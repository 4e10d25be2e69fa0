"""Rules of what is put into Kibana."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from driftlog.config.decode import SettingRefused
from driftlog.config.origins import SettingPath
from driftlog.contract.kibana import KibanaConnectorSettings, KibanaRuleSettings, KibanaSettings

SPACE: Final = re.compile(r"[a-z0-9_-]{1,64}\Z")
_CONNECTOR_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}\Z")
_METRIC: Final = re.compile(r"[a-z0-9][a-z0-9_]{0,99}\Z")
_LONGEST: Final = timedelta(days=30)


def check_kibana(settings: KibanaSettings) -> None:
    """Raise `SettingRefused` for the first address, name or limit that cannot be used."""
    path: SettingPath = ("kibana",)
    _check_address(settings.url, (*path, "url"), elsewhere="kibana.username and .password")
    if not SPACE.match(settings.space):
        raise SettingRefused(
            "is no space", (*path, "space"), value=settings.space, remedy="use a-z, 0-9, '-' and '_'; or default"
        )
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
        raise SettingRefused("must be positive", (*path, "timeout_s"), value=settings.timeout_s, remedy="write 60, say")
    for index, connector in enumerate(settings.connectors):
        _check_connector(connector, (*path, "connectors", index))
    kinds = [connector.kind for connector in settings.connectors if not connector.id]
    if twice := next((kind for kind in kinds if kinds.count(kind) > 1), None):
        raise SettingRefused(
            f"hold two of kind {twice} without an id",
            (*path, "connectors"),
            remedy="make the others in Kibana and name their ids",
        )
    _check_limits(settings.rules, (*path, "rules"))


def _check_connector(connector: KibanaConnectorSettings, at: SettingPath) -> None:
    if connector.id and not _CONNECTOR_ID.match(connector.id):
        raise SettingRefused("is no id of a connector", (*at, "id"), value=connector.id, remedy="copy it from Kibana")
    if connector.kind == "email" and not connector.to:
        raise SettingRefused("is empty", (*at, "to"), remedy="write [oncall@example.com], say")
    if connector.id:
        return
    if connector.kind == "email" and not (connector.sender and connector.host):
        missing = "host" if connector.sender else "sender"
        raise SettingRefused("is missing", (*at, missing), remedy="give sender and host, or the id of a connector")
    if connector.kind != "email" and not connector.url:
        raise SettingRefused("is missing", (*at, "url"), remedy="give the address, or the id of a connector")
    if connector.url:
        _check_address(connector.url.reveal(), (*at, "url"), elsewhere="username and password", show=False)
    if bool(connector.username) != bool(connector.password):
        missing = "password" if connector.username else "username"
        raise SettingRefused("is missing", (*at, missing), remedy="give username and password, or neither")


def _check_address(url: str, at: SettingPath, *, elsewhere: str, show: bool = True) -> None:
    """Refuse what is no http(s) address, and credentials inside it."""
    shown = url.rpartition("@")[2] if show else None
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise SettingRefused("is no address", at, value=shown, remedy="write https://kibana:5601") from None
    if parts.username or parts.password:
        raise SettingRefused("holds a user or password", at, remedy=f"move it to {elsewhere}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingRefused("is no http or https address", at, value=shown, remedy="write https://kibana:5601")


def _check_limits(rules: KibanaRuleSettings, at: SettingPath) -> None:
    for name in ("worker_silent_after", "no_predictions_after"):
        if not timedelta(minutes=1) <= getattr(rules, name) <= _LONGEST or getattr(rules, name).seconds % 60:
            raise SettingRefused("must be whole minutes, 1m to 30d", (*at, name), remedy="write 30m or 1h")
    for name in ("quarantined_per_hour", "failed_predictions", "drifted_features"):
        if getattr(rules, name) < 1:
            raise SettingRefused(
                "must be positive", (*at, name), value=getattr(rules, name), remedy="leave it out for the default"
            )
    if not 0 < rules.error_rate < 1:
        raise SettingRefused(
            "must lie between 0 and 1", (*at, "error_rate"), value=rules.error_rate, remedy="write 0.05 for 5 %"
        )
    if not _METRIC.match(rules.performance_metric):
        raise SettingRefused(
            "is no metric", (*at, "performance_metric"), value=rules.performance_metric, remedy="write roc_auc, say"
        )
