"""Settings of what hands metrics on to other tools."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import msgspec

from driftlog.contract.strict import Secret, Strict


class PrometheusSettings(Strict, frozen=True):
    """The page that Prometheus scrapes.

    Attributes
    ----------
    min_interval
        Elasticsearch is asked at most this often, however many scrape.
    timeout_s
        A scrape waits this long for new values, then gets those it had before.
    max_age
        Values that could not be renewed for this long are no longer served.
    token
        Bearer token that scrapers must send; or user name and password.
    state
        File in which counters go on over restarts; empty: they start at 0, as those of any process.
    """

    host: str = "127.0.0.1"
    port: int = 9469
    min_interval: timedelta = timedelta(seconds=15)
    timeout_s: float = 8.0
    max_age: timedelta = timedelta(minutes=10)
    token: Secret | None = None
    username: str | None = None
    password: Secret | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    allow_open: bool = False
    state: str = ""


class DatadogSettings(Strict, frozen=True):
    """Datadog: by its agent (DogStatsD), or by its HTTP API.

    Attributes
    ----------
    agent
        ``udp://127.0.0.1:8125`` or ``unix:///var/run/datadog/dsd.socket``; the API is then not used.
    api_key
        Of the HTTP API.
    site
        Datadog's site: ``datadoghq.com``, ``datadoghq.eu``, ``us5.datadoghq.com`` ...
    url
        In place of ``https://api.<site>``: a proxy of your own.
    tags
        ``key:value``, added to everything.
    """

    agent: str = ""
    api_key: Secret | None = None
    site: str = "datadoghq.com"
    url: str = ""
    namespace: str = "driftlog"
    tags: tuple[str, ...] = ()
    events: bool = True
    """Alerts that open and are resolved, as events."""


class StatsdSettings(Strict, frozen=True):
    """A StatsD server: ``udp://127.0.0.1:8125`` or ``tcp://host:8125``."""

    address: str = "udp://127.0.0.1:8125"
    prefix: str = "driftlog"


class OtlpSettings(Strict, frozen=True):
    """OpenTelemetry metrics over HTTP (protobuf).

    Attributes
    ----------
    endpoint
        Base address of the receiver; ``/v1/metrics`` is added where it has no path.
    headers
        ``Name: value``, one a line.
    resource
        ``key=value`` attributes besides ``service.name``.
    """

    endpoint: str = "http://127.0.0.1:4318"
    headers: tuple[Secret, ...] = ()
    temporality: Literal["cumulative", "delta"] = "cumulative"
    resource: tuple[str, ...] = ()
    ca_cert: str = ""


class ExportSettings(Strict, frozen=True):
    """What all metric exporters share, and a group for each.

    Attributes
    ----------
    max_features
        Features of a model that are shown, the most severe first.
    max_errors
        Types of errors of a model that are shown; the rest are ``other``.
    max_series
        Series of one model; what is above is left out and counted.
    max_total_series
        Series of all models together.
    """

    max_features: int = 20
    max_errors: int = 10
    max_series: int = 500
    max_total_series: int = 100_000
    folder: str = ""
    """Where exporters that push keep how far counters and alerts were handed on; empty: ``export`` in DRIFTLOG_HOME."""
    prometheus: PrometheusSettings = msgspec.field(default_factory=PrometheusSettings)
    datadog: DatadogSettings = msgspec.field(default_factory=DatadogSettings)
    statsd: StatsdSettings = msgspec.field(default_factory=StatsdSettings)
    otlp: OtlpSettings = msgspec.field(default_factory=OtlpSettings)
