"""What hands metrics on to other tools."""

from __future__ import annotations

from typing import Final

_PROMETHEUS: Final = "export.prometheus"

EXPORTING: Final[dict[str, str]] = {
    "export.max_features": "Features of one model that are exported, the most severe first.",
    "export.max_errors": "Error types of one model that are exported by name; the rest are `other`.",
    "export.max_series": "Series of one model; what is above is left out and counted.",
    "export.max_total_series": "Series of all models together.",
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
}
