"""What a port of driftlog needs before it serves other machines: TLS, and secrets compared in constant time."""

from __future__ import annotations

import hmac
import ipaddress
import ssl

from driftlog.contract.errors import ConfigError


def server_tls(cert: str | None, key: str | None, path: str) -> ssl.SSLContext | None:
    """The TLS context of a listener whose settings are at `path`, or None for plain text.

    Raises
    ------
    ConfigError
        Certificate and key cannot be read, or do not belong together.
    """
    if not cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"the certificate cannot be loaded: {error}",
            path=f"{path}.tls_cert",
            value=cert,
            remedy=f"give {path}.tls_cert and {path}.tls_key as readable PEM files that belong together",
        ) from error
    return context


def same_secret(given: str, wanted: str) -> bool:
    """Whether two secrets are equal, in a time that tells nothing of where they differ."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def is_loopback(host: str) -> bool:
    """Whether an address to listen at is of this machine alone.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
