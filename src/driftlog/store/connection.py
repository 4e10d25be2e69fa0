"""The Elasticsearch client, made from settings: credentials, TLS, JSON by msgspec, no retries of its own choosing."""

from __future__ import annotations

import ssl
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit, urlunsplit

import msgspec
from elasticsearch import Elasticsearch
from elasticsearch.exceptions import SerializationError
from elasticsearch.serializer import JsonSerializer

from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import ElasticsearchSettings

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


class FastJson(JsonSerializer):
    """JSON by msgspec; NaN and infinity become null, so that they never reach an index."""

    mimetype: ClassVar[str] = "application/json"

    def dumps(self, data: Any) -> bytes:
        if isinstance(data, bytes):
            return data
        try:
            return _encoder.encode(data)
        except (TypeError, ValueError) as error:
            raise SerializationError(f"cannot be written as JSON: {error}", errors=(error,)) from error

    def loads(self, data: bytes) -> Any:
        try:
            return _decoder.decode(data)
        except (msgspec.DecodeError, ValueError) as error:
            raise SerializationError(f"cannot be read as JSON: {data[:200]!r}", errors=(error,)) from error


class _CompatibleJson(FastJson):
    mimetype: ClassVar[str] = "application/vnd.elasticsearch+json"


class _CompatibleNdjson(FastJson):
    """Bodies of bulk requests and multi-searches come as bytes."""

    mimetype: ClassVar[str] = "application/vnd.elasticsearch+x-ndjson"


_SERIALIZERS: Final = {s.mimetype: s for s in (FastJson(), _CompatibleJson(), _CompatibleNdjson())}


def connect(settings: ElasticsearchSettings) -> Elasticsearch:
    """A client for `settings`; nothing is sent yet.

    Raises
    ------
    ConfigError
        No URL, one that is not http(s), both kinds of credentials, or a missing or unreadable `ca_certs`.
    """
    options = client_options(settings)
    try:
        return Elasticsearch(**options, serializers=_SERIALIZERS)
    except (ValueError, OSError) as error:
        raise ConfigError(
            f"cannot be used: {error}", path="elasticsearch", remedy="check urls, ca_certs and credentials"
        ) from error


def client_options(settings: ElasticsearchSettings) -> dict[str, Any]:
    """Keyword arguments of the client. Retries are off; `Store` switches them on for reads."""
    if not settings.urls:
        raise ConfigError("is empty", path="elasticsearch.urls", remedy="name at least one, http://127.0.0.1:9287")
    if settings.api_key and (settings.username or settings.password):
        raise ConfigError(
            "cannot stand beside username and password", path="elasticsearch.api_key", remedy="use one of the two"
        )
    if bool(settings.username) != bool(settings.password):
        raise ConfigError("come together", path="elasticsearch.username and password", remedy="set both")
    options: dict[str, Any] = {
        "hosts": [with_port(url) for url in settings.urls],
        "request_timeout": settings.timeout_s,
        "max_retries": 0,
        "retry_on_timeout": False,
        "http_compress": False,
    }
    if settings.api_key:
        options["api_key"] = settings.api_key.reveal()
    elif settings.username and settings.password:
        options["basic_auth"] = (settings.username, settings.password.reveal())
    if any(url.startswith("https://") for url in settings.urls):
        options["verify_certs"] = settings.verify_certs
        options["ssl_show_warn"] = False
        if settings.ca_certs and settings.verify_certs:
            options["ca_certs"] = _readable_authority(settings.ca_certs)
    return options


def _readable_authority(path: str) -> str:
    try:
        ssl.create_default_context(cafile=path)
    except OSError as error:
        raise ConfigError(
            f"cannot be used: {error.strerror or error}",
            path="elasticsearch.ca_certs",
            value=path,
            remedy="name a readable file of PEM certificates",
        ) from error
    return path


def with_port(url: str) -> str:
    """`url` with its port spelled out, as the client demands.

    >>> with_port("https://es.example.org"), with_port("http://es.example.org/path")
    ('https://es.example.org:443', 'http://es.example.org:9200/path')
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(
            f"is not a URL: {error}", path="elasticsearch.urls", remedy="write http://host:9200"
        ) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            "is not an http or https URL", path="elasticsearch.urls", value=shown(url), remedy="write http://host:9200"
        )
    if port is not None:
        return url
    port = 443 if parts.scheme == "https" else 9200
    return urlunsplit((parts.scheme, f"{parts.netloc.rstrip(':')}:{port}", parts.path, "", ""))


def shown(url: str) -> str:
    """`url` without credentials.

    >>> shown("https://user:secret@es:9200/x")
    'https://es:9200/x'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
