"""Who may send: API key or user and password over HTTP, and where an intake without either may listen."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import ssl

from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import IntakeSettings


def is_authorised(header: str | None, settings: IntakeSettings) -> bool:
    """Whether the ``Authorization`` header satisfies the settings; anything does when they name no secret."""
    if not needs_credentials(settings):
        return True
    scheme, _, value = (header or "").partition(" ")
    value = value.strip()
    if scheme.lower() == "apikey" and settings.api_key:
        return _equal(value, settings.api_key.reveal())
    if scheme.lower() == "basic" and settings.username and settings.password:
        try:
            given = base64.b64decode(value, validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return _equal(given, f"{settings.username}:{settings.password.reveal()}")
    return False


def needs_credentials(settings: IntakeSettings) -> bool:
    return bool(settings.api_key or settings.password)


def check_exposure(settings: IntakeSettings) -> None:
    """Raise `ConfigError` when strangers could write: a public address without credentials, or with plain TCP.

    TCP as python-logstash-async speaks it has no credentials, so on a public address it counts as open.
    """
    if settings.allow_open or _is_loopback(settings.host):
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


def server_tls(settings: IntakeSettings) -> ssl.SSLContext | None:
    """The TLS context of the listeners, or None for plain text."""
    if not settings.tls_cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"the certificate cannot be loaded: {error}",
            path="intake.tls_cert",
            value=settings.tls_cert,
            remedy="give intake.tls_cert and intake.tls_key as readable PEM files that belong together",
        ) from error
    return context


def _equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
