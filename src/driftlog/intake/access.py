"""Who may send: API key or user and password over HTTP, and where an intake without either may listen."""

from __future__ import annotations

import base64
import binascii

from driftlog.contract.errors import ConfigError
from driftlog.contract.listening import is_loopback, same_secret
from driftlog.contract.settings import IntakeSettings


def is_authorised(header: str | None, settings: IntakeSettings) -> bool:
    """Whether the ``Authorization`` header satisfies the settings; anything does when they name no secret."""
    if not needs_credentials(settings):
        return True
    scheme, _, value = (header or "").partition(" ")
    value = value.strip()
    if scheme.lower() == "apikey" and settings.api_key:
        return same_secret(value, settings.api_key.reveal())
    if scheme.lower() == "basic" and settings.username and settings.password:
        try:
            given = base64.b64decode(value, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return same_secret(given, f"{settings.username}:{settings.password.reveal()}")
    return False


def needs_credentials(settings: IntakeSettings) -> bool:
    return bool(settings.api_key or settings.password)


def check_exposure(settings: IntakeSettings) -> None:
    """Raise `ConfigError` when strangers could write: a public address without credentials, or with plain TCP.

    TCP as python-logstash-async speaks it has no credentials, so on a public address it counts as open.
    """
    if settings.allow_open or is_loopback(settings.host):
        return
    if not needs_credentials(settings):
        raise ConfigError(
            "other machines could send without credentials",
            path="intake.host",
            value=settings.host,
            remedy="set intake.api_key, or intake.username and intake.password, or bind to 127.0.0.1, "
            "or set intake.allow_open where the network is trusted",
        )
    if settings.tcp_port is not None:
        raise ConfigError(
            "TCP has no credentials, so other machines could send without",
            path="intake.tcp_port",
            value=settings.tcp_port,
            remedy="set intake.tcp_port to null, or intake.allow_open where the network is trusted",
        )
