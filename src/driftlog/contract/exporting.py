"""Settings of what hands metrics on to other tools."""

from __future__ import annotations

from datetime import timedelta

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
    prometheus: PrometheusSettings = msgspec.field(default_factory=PrometheusSettings)
