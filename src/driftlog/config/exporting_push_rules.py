"""Rules of the exporters that push: addresses, sites, tags, headers."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from driftlog.config.decode import SettingRefused
from driftlog.config.origins import SettingPath
from driftlog.contract.exporting import DatadogSettings, ExportSettings, OtlpSettings, StatsdSettings

_SITE: Final = re.compile(r"(?:[a-z0-9-]{1,20}\.)?(?:datadoghq\.(?:com|eu)|ddog-gov\.com)\Z")
_TAG: Final = re.compile(r"[A-Za-z][\w.\-/]{0,99}:[^\s,|#]{1,100}\Z")
_ATTRIBUTE: Final = re.compile(r"[A-Za-z][\w.\-]{0,254}=.{0,1024}\Z")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*\Z")


def check_pushing(settings: ExportSettings) -> None:
    """Raise `SettingRefused` for the first that cannot be used."""
    _check_datadog(settings.datadog, ("export", "datadog"))
    _check_statsd(settings.statsd, ("export", "statsd"))
    _check_otlp(settings.otlp, ("export", "otlp"))


def _check_datadog(settings: DatadogSettings, path: SettingPath) -> None:
    if settings.agent:
        check_address(settings.agent, ("udp", "unix"), (*path, "agent"))
    if not _SITE.match(settings.site):
        raise SettingRefused(
            "is no site of Datadog", (*path, "site"), value=settings.site, remedy="write datadoghq.com or datadoghq.eu"
        )
    if settings.url:
        _check_url(settings.url, (*path, "url"))
    key = settings.api_key.reveal() if settings.api_key else ""
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise SettingRefused("is no key", (*path, "api_key"), remedy="copy it from Datadog's organisation settings")
    _check_name(settings.namespace, (*path, "namespace"))
    for index, tag in enumerate(settings.tags):
        if not _TAG.match(tag):
            raise SettingRefused("is no tag", (*path, "tags", index), value=tag, remedy="write team:risk")


def _check_statsd(settings: StatsdSettings, path: SettingPath) -> None:
    check_address(settings.address, ("udp", "tcp"), (*path, "address"))
    _check_name(settings.prefix, (*path, "prefix"))


def _check_otlp(settings: OtlpSettings, path: SettingPath) -> None:
    _check_url(settings.endpoint, (*path, "endpoint"))
    for index, header in enumerate(settings.headers):
        name, colon, value = header.reveal().partition(":")
        if not colon or not re.fullmatch(r"[A-Za-z0-9-]+", name) or not value.strip().isprintable():
            raise SettingRefused(
                "is no header", (*path, "headers", index), remedy="write `Authorization: Bearer ${TOKEN}`"
            )
    for index, attribute in enumerate(settings.resource):
        if not _ATTRIBUTE.match(attribute):
            raise SettingRefused(
                "is no attribute", (*path, "resource", index), value=attribute, remedy="write deployment=blue"
            )


def check_address(address: str, schemes: tuple[str, ...], path: SettingPath) -> None:
    """Refuse what is no address of a datagram or stream socket."""
    parts = urlsplit(address)
    try:
        placed = bool(parts.path) if parts.scheme == "unix" else bool(parts.hostname and parts.port)
    except ValueError:
        placed = False
    if parts.scheme not in schemes or not placed:
        example = {"udp": "udp://127.0.0.1:8125", "tcp": "tcp://127.0.0.1:8125", "unix": "unix:///run/dsd.socket"}
        raise SettingRefused(
            "is no address", path, value=address, remedy="write " + " or ".join(example[one] for one in schemes)
        )


def _check_url(url: str, path: SettingPath) -> None:
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise SettingRefused("holds a user or password", path, remedy="give credentials in their own settings")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise SettingRefused("is no address", path, value=url, remedy="write https://host:4318")


def _check_name(name: str, path: SettingPath) -> None:
    if not _NAME.match(name):
        raise SettingRefused("cannot begin a metric's name", path, value=name, remedy="write driftlog")
