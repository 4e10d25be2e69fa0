"""What hands metrics on to other tools."""

from __future__ import annotations

from typing import Final

_PROMETHEUS: Final = "export.prometheus"
_DATADOG: Final = "export.datadog"
_STATSD: Final = "export.statsd"
_OTLP: Final = "export.otlp"

EXPORTING: Final[dict[str, str]] = {
    "export.max_features": "Features of one model that are exported, the most severe first.",
    "export.max_errors": "Error types of one model that are exported by name; the rest are `other`.",
    "export.max_series": "Series of one model; what is above is left out and counted.",
    "export.max_total_series": "Series of all models together.",
    "export.folder": "Where pushing exporters keep how far they have come; empty: export in DRIFTLOG_HOME.",
    f"{_PROMETHEUS}.host": "Address to listen on; 0.0.0.0 for every interface.",
    f"{_PROMETHEUS}.port": "Port of /metrics and /healthz.",
    f"{_PROMETHEUS}.min_interval": "Elasticsearch is asked at most this often, however many scrape.",
    f"{_PROMETHEUS}.timeout_s": "Seconds a scrape waits for new values before it gets the last ones.",
    f"{_PROMETHEUS}.max_age": "Values that could not be renewed for this long are no longer served.",
    f"{_PROMETHEUS}.token": "Bearer token that scrapers must send; write ${VARIABLE}.",
    f"{_PROMETHEUS}.username": "User name that scrapers must give, where no token is used.",
    f"{_PROMETHEUS}.password": "Its password; write ${VARIABLE}.",
    f"{_PROMETHEUS}.tls_cert": "Certificate file: serve https.",
    f"{_PROMETHEUS}.tls_key": "Its key file.",
    f"{_PROMETHEUS}.allow_open": "Serve other machines without credentials; only behind a wall of your own.",
    f"{_PROMETHEUS}.state": "File in which counters go on over restarts; empty: they start at 0.",
    f"{_DATADOG}.agent": "Agent (DogStatsD): udp://127.0.0.1:8125, unix:///var/run/datadog/dsd.socket; empty: the API.",
    f"{_DATADOG}.api_key": "Key of the HTTP API; write ${VARIABLE}.",
    f"{_DATADOG}.site": "Datadog's site: datadoghq.com, datadoghq.eu, us3.datadoghq.com, us5.datadoghq.com ...",
    f"{_DATADOG}.url": "Address in place of https://api.<site>, for a proxy of your own.",
    f"{_DATADOG}.namespace": "First part of every metric's name.",
    f"{_DATADOG}.tags": "key:value tags added to everything, such as team:risk.",
    f"{_DATADOG}.events": "Send alerts that open and are resolved as events.",
    f"{_STATSD}.address": "StatsD server: udp://127.0.0.1:8125 or tcp://host:8125.",
    f"{_STATSD}.prefix": "First part of every metric's name.",
    f"{_OTLP}.endpoint": "OpenTelemetry receiver; /v1/metrics is added where there is no path.",
    f"{_OTLP}.headers": "Headers such as `Authorization: Bearer ${TOKEN}`.",
    f"{_OTLP}.temporality": "cumulative (default), or delta for receivers that want changes.",
    f"{_OTLP}.resource": "key=value resource attributes besides service.name.",
    f"{_OTLP}.ca_cert": "Certificate of a private authority, for https.",
}
