"""The serving app's own metrics for Prometheus, counted where the predictions are made.

::

    logger = PredictionLogger("churn", version="1.4")
    metrics = Metrics(logger)
    app.mount("/metrics", metrics.asgi_app())                     # FastAPI, Starlette
    metrics.init_app(flask_app)                                   # Flask: /metrics

Their names begin with ``driftlog_app_``, so that they are not added to those of ``driftlog export prometheus``, which
counts the same predictions once they are stored. What both count has the same labels and the same latency buckets:
``driftlog_app_predictions_total`` less ``driftlog_predictions_total`` is what is on its way.

Needs the extra ``prometheus``. With several processes (gunicorn, uWSGI) set ``PROMETHEUS_MULTIPROC_DIR`` to an empty
folder before they start: every process then answers for all of them.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from driftlog.contract.errors import UsageError
from driftlog.contract.events import FeedbackEvent, PredictionEvent
from driftlog.contract.profile import LATENCY_EDGES_NS
from driftlog.shipping.logger import PredictionLogger
from driftlog.shipping.shipping import Shipping

if TYPE_CHECKING:
    from flask import Flask
    from prometheus_client import CollectorRegistry

LATENCY_EDGES_S: Final = tuple(LATENCY_EDGES_NS[step] / 1e9 for step in range(24, len(LATENCY_EDGES_NS), 8))
"""Those of ``driftlog export prometheus``: three a decade from 0.1 ms to 100 s."""
MAX_VERSIONS: Final = 50
MAX_ERROR_TYPES: Final = 20
SYNC_S: Final = 5.0
"""Seconds between two looks of a process at its spool."""
OTHER: Final = "other"
_MODEL: Final = ("model", "environment", "version", "variant")


class Metrics:
    """Counts what `loggers` log, in the registry of prometheus-client; never raises into the app after construction.

    Parameters
    ----------
    registry
        By default the global one of prometheus-client.

    Raises
    ------
    UsageError
        prometheus-client is not installed.
    """

    def __init__(self, *loggers: PredictionLogger, registry: CollectorRegistry | None = None) -> None:
        try:
            from prometheus_client import REGISTRY
        except ImportError as error:
            raise UsageError(
                "prometheus-client is not installed", remedy="pip install 'driftlog[prometheus]'"
            ) from error
        self._registry = registry if registry is not None else REGISTRY
        self._made = _instruments(self._registry)
        self._spools: dict[int, _SpoolWatch] = {}
        for logger in loggers:
            self.watch(logger)

    def watch(self, logger: PredictionLogger) -> None:
        """Count what this logger logs, too."""
        if isinstance(logger.shipping, Shipping) and id(logger.shipping) not in self._spools:
            self._spools[id(logger.shipping)] = _SpoolWatch(logger.shipping, self._made)
        spool = self._spools.get(id(logger.shipping))

        def observe(event: PredictionEvent | FeedbackEvent) -> None:
            try:
                self._made.count(event, logger.model, logger.environment)
                if spool is not None:
                    spool.keep_watch()
            except Exception as error:  # noqa: BLE001  the caller's request must go on
                logger.failed("metrics", error)

        logger.observe = observe

    # -- pages -----------------------------------------------------------------------------------------------------

    def page(self, accept: str = "") -> tuple[bytes, str]:
        """The page for an ``Accept`` header, and its content type; of all processes in multiprocess mode."""
        from prometheus_client.exposition import choose_encoder

        for spool in self._spools.values():
            spool.sync()
        encode, content_type = choose_encoder(accept)
        return encode(self._exposed()), content_type

    def _exposed(self) -> CollectorRegistry:
        if not multiprocess():
            return self._registry
        from prometheus_client import CollectorRegistry
        from prometheus_client.multiprocess import MultiProcessCollector

        merged = CollectorRegistry()
        MultiProcessCollector(merged)  # type: ignore[no-untyped-call]
        return merged

    def init_app(self, app: Flask, path: str = "/metrics") -> None:
        """Add the page to a Flask app; its requests are not logged as errors of predictions."""
        from flask import Response, request

        def driftlog_metrics() -> Response:
            body, content_type = self.page(request.headers.get("Accept", ""))
            return Response(body, headers={"Content-Type": content_type})

        app.add_url_rule(path, "driftlog_metrics", driftlog_metrics)

    def wsgi_app(self) -> Callable[..., list[bytes]]:
        """The page as a WSGI app."""

        def app(environ: Mapping[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
            body, content_type = self.page(environ.get("HTTP_ACCEPT", ""))
            start_response("200 OK", [("Content-Type", content_type), ("Content-Length", str(len(body)))])
            return [body]

        return app

    def asgi_app(self) -> Callable[..., Any]:
        """The page as an ASGI app."""

        async def app(scope: Mapping[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
            del receive
            if scope["type"] != "http":
                return
            headers = dict(scope.get("headers", ()))
            accept = headers.get(b"accept", b"").decode("latin-1")
            body, content_type = await asyncio.to_thread(self.page, accept)
            answer = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": answer})
            await send({"type": "http.response.body", "body": body})

        return app


def multiprocess() -> bool:
    """Whether prometheus-client keeps its values in files that several processes share."""
    return "PROMETHEUS_MULTIPROC_DIR" in os.environ


class _Instruments:
    """The counters, histograms and gauges of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        def counter(name: str, text: str, labels: tuple[str, ...]) -> Counter:
            return Counter(f"driftlog_app_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            mode = "livemax" if name.endswith("seconds") else "livesum"
            return Gauge(f"driftlog_app_{name}", text, ("service",), registry=registry, multiprocess_mode=mode)  # type: ignore[arg-type]

        self._predictions = counter("predictions", "Predictions logged, failed ones included.", _MODEL)
        self._failures = counter("prediction_failures", "Predictions that failed.", _MODEL)
        self._errors = counter("errors", "Failed predictions by type of error.", (*_MODEL, "error_type"))
        self._feedback = counter("feedback", "Truths, ratings and comments logged.", ("model", "environment"))
        text = "Time the model took for a prediction."
        self._latency = Histogram(
            "driftlog_app_latency_seconds", text, _MODEL, registry=registry, buckets=LATENCY_EDGES_S
        )
        self.events = counter("events", "What became of events: see driftlog.shipping.counters.", ("service", "fate"))
        self.spool_events = gauge("spool_events", "Events in the spool that are not delivered yet.")
        self.spool_bytes = gauge("spool_bytes", "Size of the spool on disk.")
        self.spool_limit = gauge("spool_limit_bytes", "Size at which the spool is full.")
        self.spool_age = gauge("spool_oldest_seconds", "Age of the oldest event in the spool.")
        self._versions: set[tuple[str, ...]] = set()
        self._types: dict[str, set[str]] = {}

    def count(self, event: PredictionEvent | FeedbackEvent, model: str, environment: str) -> None:
        if isinstance(event, FeedbackEvent):
            self._feedback.labels(model, environment).inc()
            return
        labels = self._labels(event, model, environment)
        self._predictions.labels(*labels).inc()
        failures = self._failures.labels(*labels)  # there from the first prediction on: a rate needs the 0
        if event.event.outcome == "failure":
            failures.inc()
            kind = event.error.type if event.error is not None else None
            self._errors.labels(*labels, self._type(model, kind or "unknown")).inc()
        if event.event.duration is not None:
            self._latency.labels(*labels).observe(event.event.duration / 1e9)

    def _labels(self, event: PredictionEvent, model: str, environment: str) -> tuple[str, str, str, str]:
        group = event.model
        named = (group.version or "", group.variant or "") if group is not None else ("", "")
        key = (model, environment, *named)
        if key not in self._versions:
            if sum(one[:2] == key[:2] for one in self._versions) >= MAX_VERSIONS:
                return model, environment, OTHER, OTHER
            self._versions.add(key)
        return model, environment, named[0][:128], named[1][:128]

    def _type(self, model: str, kind: str) -> str:
        known = self._types.setdefault(model, set())
        if kind not in known and len(known) >= MAX_ERROR_TYPES:
            return OTHER
        known.add(kind)
        return kind[:128]


_BY_REGISTRY: WeakKeyDictionary[Any, _Instruments] = WeakKeyDictionary()
_MAKING: Final = threading.Lock()


def _instruments(registry: CollectorRegistry) -> _Instruments:
    """Those of a registry, made once: two `Metrics` of one process share them."""
    with _MAKING:
        found = _BY_REGISTRY.get(registry)
        if found is None:
            found = _BY_REGISTRY[registry] = _Instruments(registry)
        return found


class _SpoolWatch:
    """Keeps the metrics of one spool up to date: from a thread of its own in every process that logs."""

    def __init__(self, shipping: Shipping, made: _Instruments) -> None:
        self._shipping = shipping
        self._made = made
        self._pid = 0
        self._lock = threading.Lock()
        self._seen: dict[str, int] = {}
        self._limit = shipping.spool.max_bytes

    def keep_watch(self) -> None:
        """Start the thread of this process, where it is not running yet."""
        if self._pid == os.getpid():
            return
        self._lock = threading.Lock()
        self._seen = {}  # a forked child counts for itself
        self._pid = os.getpid()
        threading.Thread(target=self._run, name="driftlog-metrics", daemon=True).start()

    def _run(self) -> None:
        pid = self._pid
        while pid == os.getpid() and not self._shipping.closed:
            self.sync()
            time.sleep(SYNC_S)

    def sync(self) -> None:
        """Look at the spool now."""
        self.keep_watch()
        try:
            with self._lock:
                self._sync()
        except Exception as error:  # noqa: BLE001
            self._shipping.failed("metrics", error)

    def _sync(self) -> None:
        made, service = self._made, self._shipping.service
        for fate, count in self._shipping.counters.snapshot().items():
            made.events.labels(service, fate).inc(max(0, count - self._seen.get(fate, 0)))
            self._seen[fate] = count
        stats = self._shipping.stats()
        made.spool_events.labels(service).set(stats.get("pending") or 0)
        made.spool_bytes.labels(service).set(stats.get("spool_bytes") or 0)
        made.spool_limit.labels(service).set(self._limit)
        made.spool_age.labels(service).set(stats.get("oldest_age_s") or 0)
