"""An OpenTelemetry receiver as a destination: metrics as protobuf over HTTP (OTLP 1.x).

Gauges are gauges, counters monotonic sums, histograms have explicit bounds: they are the edges that were counted, so
nothing is interpolated (an exponential histogram would have to move counts between buckets). Sums are cumulative from
the moment this exporter first saw the series, so that a request that is repeated, or was lost, changes nothing; as
deltas a request of which nobody knows whether it arrived counts as sent, for receivers add deltas up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

import driftlog
from driftlog.contract.errors import DeliveryError, UsageError
from driftlog.contract.strict import Secret
from driftlog.present.export.event import Event
from driftlog.present.export.ledger import Change, Unsure
from driftlog.present.export.posting import Poster, place
from driftlog.present.export.push import Sent
from driftlog.present.export.reading import Reading
from driftlog.store.searching import parts

if TYPE_CHECKING:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

Temporality = Literal["cumulative", "delta"]
MOST_SERIES: Final = 5000
"""Points of one request: some 700 KB before compression; receivers take 4 MiB and more."""
_UNITS: Final = {"_seconds": "s", "_ratio": "1"}
"""Unit in OpenTelemetry, by the end of the name. What is only counted has none: ``1`` would make it a ratio wherever
names are turned into those of Prometheus."""
_REMEDIES: Final = {
    400: "the receiver does not read this version of OTLP; --dry-run shows what is sent",
    401: "check export.otlp.headers",
    403: "check export.otlp.headers",
    404: "check export.otlp.endpoint: /v1/metrics is added only where it has no path",
    415: "the receiver wants another encoding; this one sends protobuf",
    413: "the request is too large: lower export.max_series",
}


def require_messages() -> None:
    """Raise `UsageError` where the package with OpenTelemetry's messages is not installed."""
    try:
        import opentelemetry.proto.metrics.v1.metrics_pb2  # noqa: F401
    except ModuleNotFoundError as error:
        raise UsageError(
            "the Python package opentelemetry-proto is not installed", remedy='pip install "driftlog[opentelemetry]"'
        ) from error


@dataclass(frozen=True)
class Otlp:
    """The receiver at `endpoint`."""

    endpoint: str
    headers: tuple[Secret, ...] = ()
    temporality: Temporality = "cumulative"
    resource: tuple[str, ...] = ()
    ca_cert: str = ""
    events: bool = False
    poster: Poster = field(init=False)

    def __post_init__(self) -> None:
        pairs = [header.reveal().partition(":") for header in self.headers]
        values = tuple(value.strip() for _, _, value in pairs)
        given = {name.strip(): value.strip() for name, _, value in pairs}
        poster = Poster(
            given | {"Content-Type": "application/x-protobuf"},
            explain=lambda status: _REMEDIES.get(status, ""),
            secrets=tuple({part for value in values for part in (value, *value.split()) if len(part) > 5}),
            ca_cert=self.ca_cert,
        )
        object.__setattr__(self, "poster", poster)

    @property
    def name(self) -> str:
        return place(self.endpoint)

    @property
    def unsure(self) -> Unsure:
        return "repeat" if self.temporality == "cumulative" else "at_most_once"

    @property
    def url(self) -> str:
        bare = urlsplit(self.endpoint).path in ("", "/")
        return f"{self.endpoint.rstrip('/')}/v1/metrics" if bare else self.endpoint

    def send(self, readings: Sequence[Reading], changes: Sequence[Change], *, at: datetime, again: bool) -> Sent:
        """Request by request; points the receiver refuses for good are counted as dropped."""
        cumulative = self.temporality == "cumulative"
        if again and cumulative:
            return Sent()  # the sums that follow have it all
        total = Sent()
        wanted: list[Reading | Change] = [*(one for one in readings if one.kind == "gauge"), *changes]
        for start, part in enumerate(parts(wanted, MOST_SERIES)):
            body = request_of(part, at=at, cumulative=cumulative, resource=self.resource)
            done = self.poster.post(self.url, body.SerializeToString(), repeatable=cumulative)
            total = Sent(
                total.requests + done.attempts,
                total.size_bytes + (0 if done.error else done.size_bytes),
                done.error,
                unsure=done.unsure,
                dropped=total.dropped + (0 if done.error else _rejected(done.answer)),
            )
            if done.error is not None:
                rest = wanted[start * MOST_SERIES :]
                return total._replace(unsent=[one if isinstance(one, Reading) else one.reading for one in rest])
        return total

    def tell(self, event: Event) -> Sent:
        """OTLP metrics have no events."""
        del event
        return Sent(error=DeliveryError("OpenTelemetry metrics have no events"))

    def preview(self, readings: Sequence[Reading], changes: Sequence[Change], *, at: datetime) -> Iterator[str]:
        from google.protobuf.json_format import MessageToJson

        wanted: list[Reading | Change] = [*(one for one in readings if one.kind == "gauge"), *changes]
        for part in parts(wanted, MOST_SERIES):
            message = request_of(part, at=at, cumulative=self.temporality == "cumulative", resource=self.resource)
            yield str(MessageToJson(message, indent=None))


def request_of(
    wanted: Iterable[Reading | Change], *, at: datetime, cumulative: bool, resource: Sequence[str] = ()
) -> ExportMetricsServiceRequest:
    """One request: a resource, a scope, and a metric a name with a point a series."""
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

    message = ExportMetricsServiceRequest()
    of_resource = message.resource_metrics.add()
    given = dict(pair.split("=", 1) for pair in resource)
    for key, value in ({"service.name": "driftlog", "service.version": driftlog.__version__} | given).items():
        of_resource.resource.attributes.add(key=key).value.string_value = value
    scope = of_resource.scope_metrics.add()
    scope.scope.name, scope.scope.version = "driftlog", driftlog.__version__
    metrics: dict[str, Metric] = {}
    for one in wanted:
        reading = one if isinstance(one, Reading) else one.reading
        name = metric_name(reading)
        if name not in metrics:
            unit = next((unit for end, unit in _UNITS.items() if reading.name.endswith(end)), "")
            metrics[name] = scope.metrics.add(name=name, description=reading.help, unit=unit)
        if isinstance(one, Reading):
            _add_gauge(metrics[name], one, at)
        elif reading.buckets is None:
            _add_sum(metrics[name], one, at, cumulative=cumulative)
        else:
            _add_histogram(metrics[name], one, at, cumulative=cumulative)
    return message


def metric_name(reading: Reading) -> str:
    """``driftlog.latency`` of ``driftlog_latency_seconds``: OpenTelemetry says the unit apart.

    A ratio keeps the end of its name, for ``features_drifted`` is another metric than ``features_drifted_ratio``.

    >>> metric_name(Reading("driftlog_latency_seconds", "histogram", None, {}, "", "seconds"))
    'driftlog.latency'
    """
    return reading.name.replace("_", ".", 1).removesuffix("_seconds")


def _add_gauge(metric: Metric, one: Reading, at: datetime) -> None:
    if one.value is None:
        return
    point = metric.gauge.data_points.add(time_unix_nano=_nanoseconds(at), as_double=one.value)
    _attributes(point, one)


def _add_sum(metric: Metric, change: Change, at: datetime, *, cumulative: bool) -> None:
    metric.sum.is_monotonic = True
    metric.sum.aggregation_temporality = _temporality(cumulative=cumulative)
    value = change.total[0] if cumulative else change.numbers[0]
    point = metric.sum.data_points.add(
        start_time_unix_nano=_start(change, cumulative=cumulative), time_unix_nano=_nanoseconds(at), as_double=value
    )
    _attributes(point, change.reading)


def _add_histogram(metric: Metric, change: Change, at: datetime, *, cumulative: bool) -> None:
    buckets = change.reading.buckets
    assert buckets is not None  # noqa: S101 - the caller looked
    metric.histogram.aggregation_temporality = _temporality(cumulative=cumulative)
    numbers = change.total if cumulative else change.numbers
    counts = [round(number) for number in numbers[:-1]]
    point = metric.histogram.data_points.add(
        start_time_unix_nano=_start(change, cumulative=cumulative),
        time_unix_nano=_nanoseconds(at),
        count=sum(counts),
        sum=numbers[-1],
        bucket_counts=counts,
        explicit_bounds=buckets.edges[:-1],
    )
    _attributes(point, change.reading)


def _start(change: Change, *, cumulative: bool) -> int:
    return _nanoseconds(change.first if cumulative else change.since)


def _temporality(*, cumulative: bool) -> Any:
    from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

    kind = "CUMULATIVE" if cumulative else "DELTA"
    return AggregationTemporality.Value(f"AGGREGATION_TEMPORALITY_{kind}")


def _attributes(point: Any, one: Reading) -> None:
    for name, value in one.labels.items():
        if value:
            point.attributes.add(key=name).value.string_value = value


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1000


def _rejected(answer: bytes) -> int:
    """Points that a partial success refused."""
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

    try:
        return int(ExportMetricsServiceResponse.FromString(answer).partial_success.rejected_data_points)
    except DecodeError:  # an answer in JSON, or none
        return 0
