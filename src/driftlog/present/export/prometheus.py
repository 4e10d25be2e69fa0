"""Readings in the formats that Prometheus reads: text 0.0.4, and OpenMetrics 1.0 for those who ask for it."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from driftlog.contract.errors import UsageError
from driftlog.present.export.reading import INFINITY, Reading

if TYPE_CHECKING:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

    Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_END: Final = b"# EOF\n"


def require_client() -> None:
    """Raise `UsageError` where the extra is not installed."""
    try:
        import prometheus_client  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "prometheus-client is not installed", remedy="pip install 'driftlog[worker,prometheus]'"
        ) from error


def wants_openmetrics(accept: str) -> bool:
    """Whether an ``Accept`` header names OpenMetrics.

    >>> wants_openmetrics("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")
    True
    >>> wants_openmetrics("*/*")
    False
    """
    return any(part.partition(";")[0].strip() == "application/openmetrics-text" for part in accept.split(","))


def families(readings: Iterable[Reading]) -> list[Metric]:
    """Readings grouped by name, in the order in which the names turn up."""
    found: dict[str, Family] = {}
    for reading in readings:
        family = found.get(reading.name)
        if family is None:
            family = found[reading.name] = _family(reading)
        _add(family, reading)
    return list(found.values())


def _family(reading: Reading) -> Family:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    made = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily, "histogram": HistogramMetricFamily}
    family: Family = made[reading.kind](reading.name, reading.help, labels=tuple(reading.labels))
    return family


def _add(family: Family, reading: Reading) -> None:
    from prometheus_client.core import HistogramMetricFamily

    values = tuple(reading.labels.values())
    if isinstance(family, HistogramMetricFamily):
        if reading.buckets is not None:
            edges = ["+Inf" if edge == INFINITY else repr(edge) for edge in reading.buckets.edges]
            counted = list(zip(edges, map(float, reading.buckets.counts), strict=True))
            family.add_metric(values, counted, sum_value=reading.buckets.total)
    elif reading.value is not None:
        family.add_metric(values, reading.value)


@dataclass(frozen=True)
class _Collected:
    """What the library's encoders take for a registry."""

    metrics: list[Metric]

    def collect(self) -> Iterator[Metric]:
        return iter(self.metrics)


def render(readings: Iterable[Reading], *, openmetrics: bool = False) -> bytes:
    """A whole page."""
    from prometheus_client import generate_latest
    from prometheus_client.openmetrics import exposition

    collected = _Collected(families(readings))
    if openmetrics:
        page: bytes = exposition.generate_latest(collected)  # type: ignore[no-untyped-call]
        return page
    return generate_latest(collected)


@dataclass
class Pages:
    """The pages of one set of readings, each made once: text and OpenMetrics, plain and compressed."""

    readings: list[Reading]
    _made: dict[tuple[bool, bool], bytes] = field(default_factory=dict)

    def page(self, extra: Iterable[Reading], *, openmetrics: bool, compress: bool) -> bytes:
        """The page, with `extra` readings (of names of their own) at its end."""
        end = render(extra, openmetrics=openmetrics)
        body = self.body(openmetrics=openmetrics, compress=compress)
        return body + (gzip.compress(end, 1) if compress else end)  # gzip files may follow each other

    def body(self, *, openmetrics: bool, compress: bool) -> bytes:
        """The page without its end."""
        key = (openmetrics, compress)
        body = self._made.get(key)
        if body is None:
            body = render(self.readings, openmetrics=openmetrics).removesuffix(_END)
            body = self._made[key] = gzip.compress(body, 1) if compress else body
        return body
