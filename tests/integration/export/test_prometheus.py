"""The exporter over a real Elasticsearch, scraped by a real Prometheus."""

from __future__ import annotations

import base64
import gzip
import http.client
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.integration.export.conftest import Serve
from tests.integration.export.real_prometheus import RealPrometheus
from tests.integration.export.seed import (
    NOW,
    WINDOW,
    measurement,
    results,
    seed,
    write_cycle,
    write_day,
    write_quarantined,
)
from tests.unit.present.export.promtool import promtool

from driftlog.contract.errors import ConfigError
from driftlog.contract.exporting import ExportSettings, PrometheusSettings
from driftlog.contract.settings import ElasticsearchSettings, Secret
from driftlog.contract.window import DAY, Window
from driftlog.present.export.prometheus import render
from driftlog.present.export.prometheus_server import ExporterServer
from driftlog.present.export.reading import Reading
from driftlog.present.export.readings import Reader
from driftlog.store.client import Store
from driftlog.store.results import write_measurements
from driftlog.worker.export_source import reader_of

pytestmark = pytest.mark.elasticsearch
ROOT = Path(__file__).parents[3]


def values(readings: list[Reading], name: str, **labels: str) -> list[float | None]:
    """Values of readings of a name whose labels have these values."""
    return [one.value for one in readings if one.name == name and labels.items() <= one.labels.items()]


def test_an_empty_installation_has_a_page_too(reader: Reader) -> None:
    """No index yet: no models, no alerts, and nothing that is made up."""
    found = reader.read(now=NOW)
    assert values(found, "driftlog_models") == [0]
    assert {one.labels.get("model", "driftlog") for one in found} == {"driftlog"}


def test_readings_say_what_is_stored(store: Store, reader: Reader) -> None:
    """Predictions, performance, drift, quality, alerts and cycles of each model; values are those of the results."""
    seed(store, "churn", "fraud")
    found = reader.read(now=NOW)
    of = {"model": "churn", "environment": "production"}
    assert values(found, "driftlog_models") == [2]
    assert values(found, "driftlog_predictions_stored", **of) == [1100]
    assert values(found, "driftlog_failures_stored", **of) == [12]
    assert values(found, "driftlog_performance", **of, basis="realised", metric="roc_auc") == [0.81]
    assert values(found, "driftlog_performance_severity", **of, basis="realised") == [2]
    assert values(found, "driftlog_drift", **of, feature="features.age") == [0.4]
    assert values(found, "driftlog_features_drifted_ratio", **of) == [0.25]
    assert values(found, "driftlog_window_latency_seconds", **of, statistic="p99") == [0.04]
    assert values(found, "driftlog_alerts", **of, severity="warning", status="open") == [1]
    assert values(found, "driftlog_alerts", **of, severity="critical", status="open") == [0]
    assert values(found, "driftlog_cycle_good_timestamp_seconds", **of) == [NOW.timestamp()]
    assert values(found, "driftlog_event_to_result_seconds", **of) == [4.5]
    assert values(found, "driftlog_window_end_timestamp_seconds", **of) == [WINDOW.end.timestamp()]


def test_counters_grow_with_the_profiles(store: Store, reader: Reader) -> None:
    """From 0; late events of yesterday count, a dropped day takes nothing away."""
    seed(store, "churn")
    of = {"model": "churn", "version": "1"}
    first = reader.read(now=NOW)
    assert values(first, "driftlog_predictions", **of) == [0]
    write_day(store, "churn", 160, failures=5, errors={"ValueError": 3, "KeyError": 2})
    write_day(store, "churn", 1040, failures=10, day=WINDOW)
    second = reader.read(now=NOW)
    assert values(second, "driftlog_predictions", **of) == [100]
    assert values(second, "driftlog_prediction_failures", **of) == [3]
    assert values(second, "driftlog_errors", **of, error_type="ValueError") == [1]
    histogram = next(one for one in second if one.name == "driftlog_latency_seconds")
    assert histogram.buckets is not None
    assert histogram.buckets.n == 100
    assert histogram.buckets.total == pytest.approx(100 * 0.02)
    below = dict(zip(histogram.buckets.edges, histogram.buckets.counts, strict=True))
    assert (below[0.01], below[0.021544347]) == (0, 100)
    store.drop_index(store.names.monthly("profiles", NOW))
    write_day(store, "churn", 165, failures=5)
    assert values(reader.read(now=NOW), "driftlog_predictions", **of) == [105]


def test_a_new_reference_counts_nothing_twice(store: Store, reader: Reader) -> None:
    """All days are then stored in two binnings."""
    seed(store, "churn")
    reader.read(now=NOW)
    for day, n in ((WINDOW, 1000), (Window(NOW.replace(hour=0), NOW.replace(hour=0) + DAY), 103)):
        write_day(store, "churn", n, day=day, binning="another")
    found = reader.read(now=NOW)
    assert values(found, "driftlog_predictions", model="churn") == [3]
    assert values(found, "driftlog_predictions_stored", model="churn") == [1103]


def test_counters_go_on_over_a_restart_with_a_state_file(store: Store, tmp_path: Path) -> None:
    """What came while the exporter was down is counted by the next one."""
    seed(store, "churn")
    reader_of(store, ExportSettings(), state=tmp_path / "state").read(now=NOW)
    write_day(store, "churn", 140)
    found = reader_of(store, ExportSettings(), state=tmp_path / "state").read(now=NOW)
    assert values(found, "driftlog_predictions", model="churn") == [40]


def test_later_results_replace_earlier_ones_and_an_earlier_window_does_not(store: Store, reader: Reader) -> None:
    """A window judged again because of late truths is not the newest one."""
    seed(store, "churn")
    reader.read(now=NOW)
    older = Window(WINDOW.start - DAY, WINDOW.start)
    write_measurements(store, [measurement("churn", "roc_auc", "performance", 0.5, window=older)], term=1)
    write_measurements(store, [measurement("churn", "roc_auc", "performance", 0.9, computed=NOW)], term=1)
    found = reader.read(now=NOW + timedelta(seconds=30))
    assert values(found, "driftlog_performance", model="churn", basis="realised") == [0.9]
    assert values(found, "driftlog_drift", model="churn", feature="features.age") == [0.4]


def test_quarantine_is_counted_by_reason(store: Store, reader: Reader) -> None:
    """What lies there as a gauge, what comes as a counter."""
    write_quarantined(store, 3)
    reader.read(now=NOW)
    write_quarantined(store, 2, first=3)
    found = reader.read(now=NOW)
    assert values(found, "driftlog_quarantine_stored", reason="unknown_model") == [5]
    assert values(found, "driftlog_quarantined_events", reason="unknown_model") == [2]


def test_a_cycle_that_fails_leaves_the_time_of_the_last_good_one(store: Store, reader: Reader) -> None:
    """Which is what an alert goes by."""
    seed(store, "churn")
    reader.read(now=NOW)
    write_cycle(store, "churn", finished=NOW + timedelta(minutes=5), status="failed")
    found = reader.read(now=NOW + timedelta(minutes=5))
    assert values(found, "driftlog_cycle_failed", model="churn") == [1]
    assert values(found, "driftlog_cycle_good_timestamp_seconds", model="churn") == [NOW.timestamp()]


def test_series_are_bounded_and_what_is_left_out_is_counted(store: Store) -> None:
    """The worst features, and a hard limit for each model."""
    seed(store, "churn")
    found = reader_of(store, ExportSettings(max_features=1, max_series=40)).read(now=NOW)
    assert {one.labels["feature"] for one in found if one.name == "driftlog_drift"} <= {"features.age"}
    page = list(text_string_to_metric_families(render(found).decode()))
    mine = [sample for family in page for sample in family.samples if sample.labels.get("model") == "churn"]
    assert len(mine) <= 40
    assert (values(found, "driftlog_export_dropped_series")[0] or 0) > 0


# -- over HTTP ---------------------------------------------------------------------------------------------------------


def get(server: ExporterServer, path: str = "/metrics", **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=60)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    answer = response.status, dict(response.getheaders()), response.read()
    connection.close()
    return answer


def test_promtool_has_nothing_to_complain_about_in_a_real_page(store: Store, reader: Reader, serve: Serve) -> None:
    """And both formats come by the Accept header, compressed where asked for."""
    seed(store, "churn")
    server = serve(reader)
    _, headers, page = get(server)
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    checked = subprocess.run([promtool(), "check", "metrics"], input=page, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr, checked.stdout) == (0, b"", b"")
    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4"
    _, headers, page = get(server, Accept=accept, Accept_Encoding="gzip")
    assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert gzip.decompress(page).endswith(b"# EOF\n")
    assert get(server, "/healthz")[0] == 200
    assert get(server, "/elsewhere")[0] == 404


@pytest.mark.parametrize("scheme", ["token", "password"])
def test_only_who_has_the_secret_reads(store: Store, reader: Reader, serve: Serve, scheme: str) -> None:
    """Bearer token, or user and password; /healthz is for everybody and tells nothing."""
    seed(store, "churn")
    if scheme == "token":
        server = serve(reader, token=Secret("s3cret"))
        good = "Bearer s3cret"
    else:
        server = serve(reader, username="prometheus", password=Secret("s3cret"))
        good = "Basic " + base64.b64encode(b"prometheus:s3cret").decode()
    assert get(server)[0] == 401
    assert get(server, Authorization="Bearer wrong")[0] == 401
    assert get(server, Authorization="Basic %%%")[0] == 401
    assert get(server, Authorization=good)[0] == 200
    assert get(server, "/healthz")[0] == 200


def test_other_machines_need_credentials(reader: Reader, serve: Serve) -> None:
    """A public address without any is refused, unless it is asked for."""
    with pytest.raises(ConfigError, match="without credentials"):
        serve(reader, host="0.0.0.0")
    assert serve(reader, host="0.0.0.0", token=Secret("s3cret")).url


def test_a_real_prometheus_scrapes_what_is_in_the_store(store: Store, reader: Reader, serve: Serve) -> None:
    """Its answers equal the results; counters become rates; the rules evaluate, and the alert that should fires."""
    seed(store, "churn", "fraud")
    server = serve(reader)
    target = f"127.0.0.1:{server.server_address[1]}"
    rules = ROOT / "deploy" / "prometheus" / "rules.yml"
    with RealPrometheus({"driftlog": target}, rules=(rules,)) as prometheus:
        assert prometheus.wait_for('up{job="driftlog"} == 1')
        prometheus.wait_for("driftlog_performance")
        of = 'model="churn",environment="production"'
        assert prometheus.value(f'driftlog_performance{{{of},basis="realised",metric="roc_auc"}}') == 0.81
        assert prometheus.value(f'driftlog_drift{{{of},feature="features.Größe"}}') == 0.02
        assert prometheus.value("sum(driftlog_predictions_stored)") == 2200
        assert prometheus.value('sum(driftlog_alerts{status="open"})') == 2
        prometheus.wait_for("driftlog_predictions_total == 0")
        write_day(store, "churn", 400, failures=30)
        grown = f"sum(driftlog_predictions_total{{{of}}}) == 300"
        prometheus.wait_for(grown)
        prometheus.wait_for(f"increase(driftlog_predictions_total{{{of}}}[1m]) > 0")
        prometheus.wait_for('driftlog:latency_seconds:p50_rate30m{model="churn"} > 0.01')
        prometheus.wait_for('driftlog:error_ratio:rate30m{model="churn"} > 0')
        prometheus.wait_for('ALERTS{alertname="DriftlogPerformanceLow",model="churn",alertstate="firing"}')
        state = prometheus.ask("/api/v1/rules")["data"]["groups"]
        assert {rule["health"] for group in state for rule in group["rules"]} == {"ok"}


def test_while_elasticsearch_is_away_the_page_says_so(store: Store, elasticsearch_url: str, serve: Serve) -> None:
    """The last values stay, driftlog_up is 0."""
    seed(store, "churn")
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), store.names) as leaving:
        server = serve(reader_of(leaving, ExportSettings()))
        assert b"driftlog_up 1.0" in get(server)[2]

    def down() -> bool:
        return b"driftlog_up 0.0" in get(server)[2]

    RealPrometheus.wait(down, "driftlog_up stays 1")
    assert b'driftlog_performance{basis="realised"' in get(server)[2]


def test_the_settings_name_the_defaults_of_the_page() -> None:
    """Port and timeouts as the scrape configuration expects them."""
    assert (PrometheusSettings().port, PrometheusSettings().timeout_s) == (9469, 8.0)


def test_results_of_a_hundred_models_are_read_in_a_handful_of_searches(store: Store) -> None:
    """Whatever the number of models: models that end their windows alike are asked for together."""
    found = [result for number in range(100) for result in results(f"m{number:03d}")]
    write_measurements(store, found, term=1)
    sent: list[str] = []
    search = store.request

    def counted(method: str, path: str, **more: object) -> object:
        sent.append(path)
        return search(method, path, **more)  # type: ignore[arg-type]

    store.request = counted  # type: ignore[method-assign, assignment]
    read = reader_of(store, ExportSettings()).read(now=NOW)
    assert len(values(read, "driftlog_performance", basis="realised")) == 100
    assert len(sent) < 25, sent


def test_a_source_that_is_not_there_is_left_out_and_named(store: Store, reader: Reader) -> None:
    """As one that this account may not read: no worker is not told where nobody looked."""
    seed(store, "churn")
    found = reader.read(now=NOW)
    assert values(found, "driftlog_export_source_up", source="runs") == [1]
    assert values(found, "driftlog_export_source_up", source="state") == [0]
    assert values(found, "driftlog_workers") == []
