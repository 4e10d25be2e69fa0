"""Every query of Grafana's dashboards, and every expression of Prometheus' rules, run for real.

A real exporter reads what the demo left, a real Prometheus scrapes it, and its HTTP API answers the panels' queries.
What a demo of past years has none of is seeded into the same prefix by the product's own writers: a model whose
predictions arrive while the exporter runs (counters grow), a worker's heartbeat and lease, quarantined events, a failed
prediction; and a serving app with its own metrics.
"""

from __future__ import annotations

import json
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import yaml
from prometheus_client import CollectorRegistry
from tests.e2e.shown.grafana_query import has_data, search_of
from tests.integration.export.conftest import serving
from tests.integration.export.real_prometheus import RealPrometheus
from tests.integration.export.seed import seed, write_cycle, write_day, write_quarantined

from driftlog.contract.exporting import ExportSettings, PrometheusSettings
from driftlog.present.grafana.sources import index_of
from driftlog.shipping import PredictionLogger
from driftlog.shipping.metrics import Metrics
from driftlog.store.client import Store
from driftlog.store.leases import LeaseBoard
from driftlog.store.results import latest_window
from driftlog.worker.export_source import reader_of

ROOT = Path(__file__).parents[3]
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
SEEDED = "grafana-check"
QUIET = {
    'absent(up{job="driftlog"})',
    "driftlog_export_dropped_series > 0",
}
"""Expressions of rules that have nothing to say while all is well: they have to run, and no more."""


def panels() -> list[tuple[str, dict[str, Any]]]:
    """Dashboard's uid and panel, of all dashboards."""
    found = []
    for file in DASHBOARDS:
        dashboard = json.loads(file.read_text(encoding="utf-8"))
        found += [(dashboard["uid"], panel) for panel in dashboard["panels"] if panel["type"] != "row"]
    return found


def targets(kind: str) -> list[tuple[str, dict[str, Any]]]:
    """What a query is of, and the query; of one kind of data source."""
    return [
        (f"{uid}: {panel['title']}", target)
        for uid, panel in panels()
        for target in panel["targets"]
        if target["datasource"]["type"] == kind
    ]


def check_prometheus(store: Store, model: str) -> None:
    """Every PromQL query of a panel returns data; every rule evaluates; values are those of the store's results."""
    with ExitStack() as stack:
        _seed(store)
        settings = PrometheusSettings(port=0, min_interval=timedelta(milliseconds=500))
        now = lambda: datetime.now(UTC)  # noqa: E731
        reader = reader_of(store, ExportSettings())
        exporter = stack.enter_context(serving(reader, settings, now=now))
        app = stack.enter_context(_serving_app())
        jobs = {"driftlog": f"127.0.0.1:{exporter.server_address[1]}", "driftlog-apps": f"127.0.0.1:{app}"}
        prometheus = stack.enter_context(RealPrometheus(jobs, rules=(RULES,)))
        prometheus.wait_for(f'driftlog_predictions_total{{model="{SEEDED}"}} == 0')
        write_day(store, SEEDED, 500, failures=60)
        write_quarantined(store, 5, first=100)
        prometheus.wait_for(f'driftlog_predictions_total{{model="{SEEDED}"}} > 0')
        prometheus.wait_for(f'driftlog:error_ratio:rate30m{{model="{SEEDED}"}} > 0')
        prometheus.wait_for("sum(rate(driftlog_app_predictions_total[5m])) > 0")
        _values_are_those_of_the_results(prometheus, store, model)
        empty = [name for name, target in targets("prometheus") if not _answered(prometheus, target["expr"])]
        assert not empty, f"nothing to see in {empty}"
        groups = prometheus.ask("/api/v1/rules")["data"]["groups"]
        broken = [rule["name"] for group in groups for rule in group["rules"] if rule["health"] == "err"]
        assert not broken, broken
        _rules_can_have_data(prometheus)


def _answered(prometheus: RealPrometheus, expression: str) -> bool:
    """Whether a panel's query has an answer soon; variables stand for everything."""
    plain = re.sub(r"\$[a-z]+", ".*", expression)
    try:
        prometheus.wait_for(plain)
    except AssertionError as error:
        if str(error).startswith("nothing for"):
            return False
        raise
    return True


def _rules_can_have_data(prometheus: RealPrometheus) -> None:
    """What stands left of each comparison has data: an alert on a metric that is not there would never fire."""
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            expression = rule["expr"].strip()
            if expression in QUIET:
                prometheus.query(expression)
                continue
            left = re.sub(r"\s(?:==|>=|>|<)\s[-\d.*\s]+(?=\s|$|\))", " ", expression)
            assert prometheus.wait_for(left.strip()), rule


def _values_are_those_of_the_results(prometheus: RealPrometheus, store: Store, model: str) -> None:
    """Of the demo's newest window: realised ROC AUC and number of predictions."""
    window = latest_window(store, model)
    assert window is not None
    body = {
        "query": {"bool": {"filter": [
            {"term": {"model.name": model}}, {"term": {"segment": ""}}, {"term": {"window.end": window.end}},
            {"terms": {"metric": ["roc_auc", "predictions"]}}, {"terms": {"purpose": ["performance", "operational"]}},
            {"term": {"model.version": "*"}}, {"term": {"model.variant": "*"}},
        ]}},
    }  # fmt: skip
    stored = {hit["_source"]["metric"]: hit["_source"] for hit in
              store.search(store.names.every("results"), body)["hits"]["hits"]}  # fmt: skip
    whole = f'model="{model}",version="*",variant="*"'
    assert prometheus.wait_for(f"driftlog_window_predictions{{{whole}}}")[0][1] == stored["predictions"]["value"]
    if "roc_auc" in stored:
        query = f'driftlog_performance{{{whole},metric="roc_auc",basis="realised"}}'
        assert prometheus.value(query) == stored["roc_auc"]["value"]


def check_elasticsearch(store: Store, prefix: str, model: str) -> None:
    """Every Elasticsearch query of a panel, as Grafana sends it, returns data from the demo's documents."""
    _fail_once(store)
    since, until = datetime(2013, 1, 1, tzinfo=UTC), datetime.now(UTC) + timedelta(days=1)
    variables = {"model": f'("{model}" OR "{SEEDED}")'}
    empty = []
    for name, target in targets("elasticsearch"):
        index = index_of(target["datasource"]["uid"], prefix)
        answer = store.search(index, search_of(target, variables, since, until))
        if not has_data(answer):
            empty.append(name)
    assert not empty, f"nothing to see in {empty}"
    for choice in ("driftlog-results", "driftlog-predictions"):
        body = {"size": 0, "aggs": {"1": {"terms": {"field": "model.name", "size": 500}}}}
        assert has_data(store.search(index_of(choice, prefix), body))


def _seed(store: Store) -> None:
    if store.get(store.names.models, SEEDED) is None:
        seed(store, SEEDED)
    write_day(store, SEEDED, 100, failures=2)
    write_quarantined(store, 2)
    write_cycle(store, SEEDED, finished=datetime.now(UTC))
    board = LeaseBoard(store, "grafana-check", timedelta(seconds=30), lambda: 0.0)
    board.heartbeat()
    board.take(SEEDED)
    store.refresh(store.names.state)


def _fail_once(store: Store) -> None:
    """A failed and slow prediction: the demo's app never fails."""
    when = datetime.now(UTC)
    event = {
        "@timestamp": when, "event": {"id": "grafana-check", "dataset": "driftlog.prediction", "outcome": "failure",
                                      "duration": 2_000_000_000, "ingested": when},
        "model": {"name": SEEDED, "version": "1"}, "service": {"environment": "demo"},
        "error": {"type": "ValueError", "message": "no such airport"}, "message": "no such airport",
    }  # fmt: skip
    index = store.names.predictions(SEEDED, when)
    store.put(index, "grafana-check", event, refresh=True)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def _serving_app() -> Iterator[int]:
    """An app that logs a prediction now and then and shows its metrics; its port."""
    stop = threading.Event()
    with tempfile.TemporaryDirectory() as spool:
        logger = PredictionLogger(SEEDED, version="1", url="http://127.0.0.1:1", spool=spool, resources_s=None)
        metrics = Metrics(logger, registry=CollectorRegistry())

        def work() -> None:
            while not stop.wait(0.2):
                logger.log_prediction({"n": 1.0}, 1, duration_ns=2_000_000)

        with make_server("127.0.0.1", 0, metrics.wsgi_app(), handler_class=_Quiet) as server:
            threads = [threading.Thread(target=work), threading.Thread(target=server.serve_forever, args=(0.1,))]
            for thread in threads:
                thread.start()
            try:
                yield server.server_port
            finally:
                stop.set()
                server.shutdown()
                for thread in threads:
                    thread.join(30)
                logger.close(timeout_s=0.1)
