"""OpenTelemetry: a receiver that reads the protobuf with OpenTelemetry's own classes, over a real store."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric
from tests.integration.export.pushing import config_file, push_from
from tests.integration.export.receivers import HttpReceiver, Request, http_receiver
from tests.integration.export.seed import NOW, seed, write_day
from tests.unit.present.export.pushed import MINUTE, gauge

from driftlog.cli.app import run
from driftlog.contract.strict import Secret
from driftlog.present.export.otlp import MOST_SERIES, Otlp
from driftlog.store.client import Store

pytestmark = pytest.mark.elasticsearch
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
OF = {"model": "churn", "environment": "production", "version": "1"}


class Collector:
    """Keeps what it was sent, and refuses what the protocol does not allow."""

    def __init__(self) -> None:
        self.requests: list[ExportMetricsServiceRequest] = []
        self.answer = ExportMetricsServiceResponse()

    def judge(self, request: Request) -> tuple[int, bytes]:
        if request.path != "/v1/metrics":
            return 404, b""
        if request.headers["Content-Type"] != "application/x-protobuf":
            return 415, b""
        message = ExportMetricsServiceRequest.FromString(request.body)
        for metric in metrics_in(message).values():
            self._check(metric)
        self.requests.append(message)
        return 200, self.answer.SerializeToString()

    def _check(self, metric: Metric) -> None:
        kind = metric.WhichOneof("data")
        data = getattr(metric, kind)
        assert metric.name.startswith("driftlog.") and metric.unit in ("", "1", "s")
        points = [tuple(sorted(attributes(point).items())) for point in data.data_points]
        assert len(points) == len(set(points)), metric.name
        for point in data.data_points:
            assert point.time_unix_nano > 0
            assert kind == "gauge" or 0 < point.start_time_unix_nano <= point.time_unix_nano, metric.name
            if kind == "sum":
                assert data.is_monotonic and point.as_double >= 0
            if kind == "histogram":
                assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
                assert sum(point.bucket_counts) == point.count
                assert list(point.explicit_bounds) == sorted(set(point.explicit_bounds))
                assert all(math.isfinite(bound) for bound in point.explicit_bounds)

    def points(self, name: str, **labels: str) -> list[Any]:
        """Points of a metric with these attributes, one a request."""
        found = []
        for message in self.requests:
            metric = metrics_in(message).get(name)
            data = getattr(metric, metric.WhichOneof("data")).data_points if metric else []
            found += [point for point in data if labels.items() <= attributes(point).items()]
        return found


def metrics_in(message: ExportMetricsServiceRequest) -> dict[str, Metric]:
    (resource,) = message.resource_metrics
    (scope,) = resource.scope_metrics
    return {metric.name: metric for metric in scope.metrics}


def attributes(point: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in point.attributes}


def nano(at) -> int:
    return int(at.timestamp()) * 10**9


@pytest.fixture
def collector() -> Collector:
    return Collector()


@pytest.fixture
def there(collector: Collector) -> Iterator[HttpReceiver]:
    with http_receiver(collector.judge) as made:
        yield made


def otlp(there: HttpReceiver, **more: Any) -> Otlp:
    made = Otlp(there.url, **more)
    made.poster.sleep = lambda seconds: None
    return made


def test_sums_are_cumulative_from_the_first_look(store: Store, there, collector, tmp_path: Path):
    """One start time for all of them; gauges are those of the results; attributes are the labels."""
    seed(store, "churn")
    destination = otlp(there, resource=("deployment.environment.name=blue", "service.name=monitoring"))
    for minute, total in enumerate((100, 160, 175)):
        write_day(store, "churn", total)
        assert push_from(store, destination, tmp_path).once(NOW + minute * MINUTE).error == ""
    points = collector.points("driftlog.predictions", **OF)
    assert [point.as_double for point in points] == [0, 60, 75]
    assert {point.start_time_unix_nano for point in points} == {nano(NOW)}
    assert [point.time_unix_nano for point in points] == [nano(NOW + minute * MINUTE) for minute in range(3)]
    metric = metrics_in(collector.requests[-1])["driftlog.predictions"]
    assert (metric.sum.aggregation_temporality, metric.sum.is_monotonic) == (CUMULATIVE, True)
    performance = collector.points("driftlog.performance", metric="roc_auc", basis="realised")
    assert [point.as_double for point in performance] == [0.81] * 3
    resource = collector.requests[0].resource_metrics[0].resource
    given = {each.key: each.value.string_value for each in resource.attributes}
    assert given["deployment.environment.name"] == "blue"
    assert given["service.name"] == "monitoring"


def test_latency_is_a_histogram_of_what_was_counted(store: Store, there, collector, tmp_path: Path):
    """Counts in the buckets they were counted in; the sum is that of the profiles."""
    seed(store, "churn")
    push_from(store, otlp(there), tmp_path).once(NOW)
    write_day(store, "churn", 160)
    push_from(store, otlp(there), tmp_path).once(NOW + MINUTE)
    before, after = collector.points("driftlog.latency", **OF)
    assert (before.count, after.count) == (0, 60)
    assert after.sum == pytest.approx(60 * 0.02)
    (held,) = [index for index, count in enumerate(after.bucket_counts) if count]
    assert after.explicit_bounds[held - 1] <= 0.02 < after.explicit_bounds[held]
    assert metrics_in(collector.requests[0])["driftlog.latency"].unit == "s"


def test_units_are_said_apart_from_names(store: Store, there, collector, tmp_path: Path):
    """As OpenTelemetry wants it, so that translated to Prometheus the names are those of its own page."""
    seed(store, "churn")
    push_from(store, otlp(there), tmp_path).once(NOW)
    found = metrics_in(collector.requests[0])
    units = {
        name: found[f"driftlog.{name}"].unit for name in ("error_ratio", "features_drifted", "cycle_duration", "alerts")
    }
    assert units == {"error_ratio": "1", "features_drifted": "", "cycle_duration": "s", "alerts": ""}
    assert found["driftlog.error_ratio"].description


def test_deltas_follow_each_other_without_gaps(store: Store, there, collector, tmp_path: Path):
    """Each starts where the last one ended; they add up to the growth."""
    seed(store, "churn")
    destination = otlp(there, temporality="delta")
    for minute, total in enumerate((100, 160, 175)):
        write_day(store, "churn", total)
        push_from(store, destination, tmp_path).once(NOW + minute * MINUTE)
    points = collector.points("driftlog.predictions", **OF)
    assert [point.as_double for point in points] == [0, 60, 15]
    assert [point.start_time_unix_nano for point in points[1:]] == [point.time_unix_nano for point in points[:-1]]
    metric = metrics_in(collector.requests[-1])["driftlog.predictions"]
    assert metric.sum.aggregation_temporality == DELTA
    assert metrics_in(collector.requests[-1])["driftlog.latency"].histogram.aggregation_temporality == DELTA


@pytest.mark.parametrize(("temporality", "fault"), [("cumulative", 0), ("cumulative", -1), ("delta", 503)])
def test_a_receiver_that_is_away_loses_nothing(temporality, fault, store: Store, there, collector, tmp_path: Path):
    """Broken connections do no harm to cumulative sums; deltas come again where they were refused."""
    seed(store, "churn")
    destination = otlp(there, temporality=temporality)
    push_from(store, destination, tmp_path).once(NOW)
    write_day(store, "churn", 160)
    there.next = [(fault, {})] * 4
    assert "answer" in push_from(store, destination, tmp_path).once(NOW + MINUTE).error
    write_day(store, "churn", 175)
    assert push_from(store, destination, tmp_path).once(NOW + 2 * MINUTE).error == ""
    assert collector.points("driftlog.predictions", **OF)[-1].as_double == 75


def test_a_delta_without_an_answer_is_not_sent_again(store: Store, there, collector, tmp_path: Path):
    """The receiver took it, and the answer was lost: it would add it a second time."""
    seed(store, "churn")
    destination = otlp(there, temporality="delta")
    push_from(store, destination, tmp_path).once(NOW)
    write_day(store, "churn", 160)
    there.next = [(-1, {})]
    push_from(store, destination, tmp_path).once(NOW + MINUTE)
    write_day(store, "churn", 175)
    push_from(store, destination, tmp_path).once(NOW + 2 * MINUTE)
    assert sum(point.as_double for point in collector.points("driftlog.predictions", **OF)) == 75


def test_points_that_were_refused_are_counted(store: Store, there, collector, tmp_path: Path):
    """A partial success is a success: the specification forbids to send it again."""
    seed(store, "churn")
    collector.answer.partial_success.rejected_data_points = 3
    done = push_from(store, otlp(there), tmp_path).once(NOW)
    assert (done.error, done.dropped) == ("", 3)


def test_credentials_are_sent_and_never_shown(store: Store, tmp_path: Path):
    """401 names the setting."""
    seed(store, "churn")
    with http_receiver(lambda request: (401, request.headers["Authorization"].encode())) as there:
        done = push_from(store, otlp(there, headers=(Secret("Authorization: Bearer t0ken-5ecret"),)), tmp_path).once(
            NOW
        )
        assert there.requests[0].headers["Authorization"] == "Bearer t0ken-5ecret"
    assert "answered 401" in done.error
    assert "5ecret" not in done.error
    assert done.remedy == "check export.otlp.headers"


def test_many_series_go_in_several_requests(there, collector):
    """Receivers limit the size of one."""
    many = [gauge(number, feature=f"features.{number}") for number in range(MOST_SERIES + 1)]
    sent = otlp(there).send(many, [], at=NOW, again=False)
    assert (sent.error, sent.requests) == (None, 2)
    assert len(collector.points("driftlog.performance")) == len(many)


def test_the_command(store: Store, elasticsearch_url, there, collector, tmp_path: Path, capsys):
    """--dry-run prints the request as JSON, --once sends it."""
    seed(store, "churn")
    config = config_file(tmp_path, elasticsearch_url, store.names.prefix, otlp={"endpoint": there.url})
    command = ["--config", str(config), "export", "otlp"]
    assert run([*command, "--dry-run"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["resourceMetrics"][0]["scopeMetrics"][0]["metrics"]
    assert collector.requests == []
    assert run([*command, "--once", "--json", "--temporality", "delta"]) == 0
    assert json.loads(capsys.readouterr().out)["requests"] == 1
    assert len(collector.requests) == 1
    assert run([*command, "--once", "--to", f"{there.url}/elsewhere"]) == 1
    assert "answered 404" in capsys.readouterr().err
