"""What a serving app shows to Prometheus."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.present.export.promtool import promtool

from driftlog.present.export import counts
from driftlog.shipping import PredictionLogger
from driftlog.shipping import metrics as module
from driftlog.shipping.metrics import MAX_ERROR_TYPES, MAX_VERSIONS, OTHER, Metrics

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def logger(tmp_path: Path) -> Iterator[PredictionLogger]:
    made = PredictionLogger("churn", version="1", url="http://127.0.0.1:1", spool=tmp_path, resources_s=None)
    yield made
    made.close(timeout_s=0.1)


def read(page: bytes) -> Samples:
    families = text_string_to_metric_families(page.decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def total(found: Samples, name: str, **labels: str) -> float:
    """Sum over the series of a name with these labels."""
    return sum(value for (one, given), value in found.items() if one == name and labels.items() <= dict(given).items())


def test_predictions_failures_and_latency_are_counted(logger: PredictionLogger) -> None:
    """As they are logged, before they are delivered."""
    metrics = Metrics(logger, registry=CollectorRegistry())
    for _ in range(3):
        logger.log_prediction({"age": 1.0}, 1, duration_ns=20_000_000)
    logger.log_error({"age": 1.0}, ValueError("no"), duration_ns=1_000)
    logger.log_feedback("p1", 1)
    found = read(metrics.page()[0])
    of = {"model": "churn", "environment": "production", "version": "1", "variant": ""}
    assert total(found, "driftlog_app_predictions_total", **of) == 4
    assert total(found, "driftlog_app_prediction_failures_total", **of) == 1
    assert total(found, "driftlog_app_errors_total", **of, error_type="ValueError") == 1
    assert total(found, "driftlog_app_feedback_total", model="churn") == 1
    assert total(found, "driftlog_app_latency_seconds_count", **of) == 4
    assert total(found, "driftlog_app_latency_seconds_bucket", **of, le="0.01") == 1
    assert total(found, "driftlog_app_latency_seconds_bucket", **of, le="0.021544347") == 4


def test_the_spool_is_watched(logger: PredictionLogger) -> None:
    """How much waits, how old it is, how much there may be, and what became of events."""
    metrics = Metrics(logger, registry=CollectorRegistry())
    for _ in range(5):
        logger.log_prediction({"age": 1.0}, 1)
    found = read(metrics.page()[0])
    assert total(found, "driftlog_app_spool_events", service="churn") == 5
    assert total(found, "driftlog_app_spool_bytes", service="churn") > 0
    assert total(found, "driftlog_app_spool_limit_bytes", service="churn") == 1 << 30
    assert total(found, "driftlog_app_events_total", service="churn", fate="logged") == 5
    assert total(found, "driftlog_app_events_total", service="churn", fate="dropped") == 0
    assert read(metrics.page()[0]).keys() == found.keys()
    assert total(read(metrics.page()[0]), "driftlog_app_events_total", fate="logged") == 5


def test_promtool_has_nothing_to_complain_about(logger: PredictionLogger) -> None:
    """Names and units are as Prometheus recommends."""
    metrics = Metrics(logger, registry=CollectorRegistry())
    logger.log_prediction({"age": 1.0}, 1, duration_ns=5)
    page = metrics.page()[0]
    checked = subprocess.run([promtool(), "check", "metrics"], input=page, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_labels_are_bounded(logger: PredictionLogger) -> None:
    """A version a request, or an error type a request, does not fill Prometheus."""
    metrics = Metrics(logger, registry=CollectorRegistry())
    for number in range(MAX_VERSIONS + 5):
        logger.log_prediction({"age": 1.0}, 1, version=f"v{number}")
    for number in range(MAX_ERROR_TYPES + 5):
        logger.log_error({"age": 1.0}, type(f"Error{number}", (Exception,), {})("no"), version="v0")
    found = read(metrics.page()[0])
    assert total(found, "driftlog_app_predictions_total", version=OTHER) == 5
    assert total(found, "driftlog_app_errors_total", error_type=OTHER) == 5
    assert total(found, "driftlog_app_predictions_total") == MAX_VERSIONS + MAX_ERROR_TYPES + 10


def test_latency_has_the_buckets_of_the_exporter() -> None:
    """So that both can stand in one chart."""
    assert (*module.LATENCY_EDGES_S, float("inf")) == counts.LATENCY_EDGES_S


def test_two_metrics_of_one_registry_share_their_counters(logger: PredictionLogger, tmp_path: Path) -> None:
    """An app with two models has one page."""
    registry = CollectorRegistry()
    with PredictionLogger("fraud", shipping=logger.shipping) as other:
        Metrics(logger, registry=registry)
        metrics = Metrics(other, registry=registry)
        logger.log_prediction({"age": 1.0}, 1)
        other.log_prediction({"age": 1.0}, 1)
        found = read(metrics.page()[0])
    assert total(found, "driftlog_app_predictions_total", model="churn") == 1
    assert total(found, "driftlog_app_predictions_total", model="fraud") == 1


def test_flask_wsgi_and_asgi_show_the_page(logger: PredictionLogger) -> None:
    """In the format that the Accept header asks for."""
    from flask import Flask

    metrics = Metrics(logger, registry=CollectorRegistry())
    logger.log_prediction({"age": 1.0}, 1)
    app = Flask("app")
    metrics.init_app(app)
    plain = app.test_client().get("/metrics")
    assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    modern = app.test_client().get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert modern.data.endswith(b"# EOF\n")
    assert b"driftlog_app_predictions_total" in asyncio.run(ask(metrics.asgi_app()))
    started: list[Any] = []
    page = metrics.wsgi_app()({}, lambda *answer: started.append(answer))
    assert started[0][0] == "200 OK"
    assert b"driftlog_app_predictions_total" in page[0]


async def ask(app: Any) -> bytes:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app({"type": "http", "headers": []}, None, send)
    assert sent[0]["status"] == 200
    return bytes(sent[1]["body"])


def test_without_prometheus_client_the_rest_of_shipping_works() -> None:
    """The bare install has none; asking for metrics says what to install."""
    code = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "from driftlog.shipping import PredictionLogger\n"
        "from driftlog.shipping.metrics import Metrics\n"
        "from driftlog.contract.errors import UsageError\n"
        "try: Metrics()\n"
        "except UsageError as error: print(error.remedy)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "pip install 'driftlog[prometheus]'"
