"""Readings as lines of StatsD, with tags as Datadog's agent reads them (DogStatsD) or with all labels in the name.

::

    driftlog.churn.production.predictions:120|c                                  StatsD
    driftlog.predictions:120|c|#environment:production,model:churn               DogStatsD

Counters go as what came since the last time, gauges as they are. A histogram goes as one value a bucket with a sample
rate of one in its count, so that the receiver counts it as often as it was seen; the value is the middle of the bucket.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from driftlog.present.export.ledger import Change
from driftlog.present.export.reading import Buckets, Reading

UDP_BYTES: Final = 1432
"""Payload that fits the smallest usual MTU (1500, with IPv6 or a tunnel)."""
UNIX_BYTES: Final = 8192
MAX_TAG: Final = 200
MAX_NAME: Final = 200
_NOT_NAME: Final = re.compile(r"[^A-Za-z0-9_.]+")
_NOT_PART: Final = re.compile(r"[^A-Za-z0-9_-]+")
_NOT_TAG: Final = re.compile(r"[^\w.:/\-]+")


class Line(NamedTuple):
    """One line, and the reading it is about; a reading may need several."""

    text: str
    reading: Reading


def metric_name(reading: Reading, namespace: str) -> str:
    """``driftlog_latency_seconds`` in the namespace: ``driftlog.latency_seconds``.

    >>> metric_name(Reading("driftlog_latency_seconds", "gauge", 1.0, {}), "ml.prod")
    'ml.prod.latency_seconds'
    """
    return f"{namespace}.{_NOT_NAME.sub('_', reading.name.removeprefix('driftlog_'))}"[:MAX_NAME]


def tags_of(labels: Mapping[str, str], more: Sequence[str] = ()) -> list[str]:
    """Labels as tags: without empty ones, of characters that Datadog keeps, in lower case, at most 200 of them each.

    >>> tags_of({"model": "churn", "variant": "", "feature": "Größe|x,y"}, ["team:risk"])
    ['team:risk', 'feature:größe_x_y', 'model:churn']
    """
    return [*more, *sorted(tag(name, value) for name, value in labels.items() if value)]


def tag(name: str, value: str) -> str:
    """One tag; ``*`` (all versions, all variants) is written ``all``."""
    cleaned = "all" if value == "*" else _NOT_TAG.sub("_", value).lower()
    return f"{name}:{cleaned}"[:MAX_TAG]


def path_name(reading: Reading, prefix: str) -> str:
    """Name with all labels in it: model and environment first, the rest behind the metric, by label.

    >>> labels = {"model": "churn", "environment": "prod", "version": "*", "feature": "temp.c"}
    >>> path_name(Reading("driftlog_drift", "gauge", 0.1, labels), "driftlog")
    'driftlog.churn.prod.drift.feature.temp_c.version.all'
    """
    labels = {name: _part(value) for name, value in reading.labels.items() if value}
    first = [labels.pop(name) for name in ("model", "environment") if name in labels]
    rest = [part for pair in sorted(labels.items()) for part in pair]
    own = _NOT_NAME.sub("_", reading.name.removeprefix("driftlog_"))
    return ".".join([prefix, *first, own, *rest])


def _part(value: str) -> str:
    return "all" if value == "*" else _NOT_PART.sub("_", value)


def dogstatsd_lines(
    readings: Iterable[Reading], changes: Iterable[Change], *, namespace: str, tags: Sequence[str] = ()
) -> Iterator[Line]:
    """Lines for Datadog's agent; histograms are distributions."""
    for one in readings:
        if one.kind == "gauge" and one.value is not None:
            yield Line(f"{metric_name(one, namespace)}:{plain(one.value)}|g{_tagged(one, tags)}", one)
    for change in changes:
        one = change.reading
        name, tagged = metric_name(one, namespace), _tagged(one, tags)
        if one.buckets is None:
            if change.numbers[0]:
                yield Line(f"{name}:{plain(change.numbers[0])}|c{tagged}", one)
            continue
        for value, count in middles(one.buckets, change.numbers):
            yield Line(f"{name}:{plain(value)}|d{_rate(count)}{tagged}", one)


def statsd_lines(readings: Iterable[Reading], changes: Iterable[Change], *, prefix: str) -> Iterator[Line]:
    """Lines for a plain StatsD server; histograms are timers in milliseconds.

    A sign would add to a gauge: one below zero is first set to 0, on the line before it.
    """
    for one in readings:
        if one.kind == "gauge" and one.value is not None:
            name = path_name(one, prefix)
            zero = f"{name}:0|g\n" if one.value < 0 else ""
            yield Line(f"{zero}{name}:{plain(one.value)}|g", one)
    for change in changes:
        one = change.reading
        name = path_name(one, prefix)
        if one.buckets is None:
            if change.numbers[0]:
                yield Line(f"{name}:{plain(change.numbers[0])}|c", one)
            continue
        for value, count in middles(one.buckets, change.numbers):
            yield Line(f"{name}:{plain(value * 1000)}|ms{_rate(count)}", one)


def middles(buckets: Buckets, numbers: Sequence[float]) -> list[tuple[float, int]]:
    """(geometric middle, count) of each bucket in which something came; the open ends count as their edge.

    >>> middles(Buckets((0.1, 0.4, float("inf")), (1, 3, 4), 0.9), [1, 2, 1, 0.9])
    [(0.1, 1), (0.2, 2), (0.4, 1)]
    """
    found = []
    for index, edge in enumerate(buckets.edges):
        count = round(numbers[index])
        if count > 0:
            low = buckets.edges[index - 1] if index else edge
            found.append((float(f"{math.sqrt(low * edge):.6g}") if math.isfinite(edge) else low, count))
    return found


def _rate(count: int) -> str:
    return f"|@{plain(1 / count)}" if count != 1 else ""


def _tagged(one: Reading, more: Sequence[str]) -> str:
    tags = tags_of(one.labels, more)
    return f"|#{','.join(tags)}" if tags else ""


def plain(value: float) -> str:
    """A number without an exponent, which some servers do not read.

    >>> plain(12.0), plain(1e-07), plain(-0.25)
    ('12', '0.0000001', '-0.25')
    """
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return format(Decimal(repr(value)), "f")


class Packet(NamedTuple):
    """Bytes of one datagram, and the readings in it."""

    data: bytes
    readings: tuple[Reading, ...]


def packets(lines: Iterable[Line], most: int) -> Iterator[Packet]:
    """Lines packed into datagrams of at most `most` bytes; a line that is longer is left out."""
    held: list[bytes] = []
    about: list[Reading] = []
    size = 0
    for line in lines:
        data = line.text.encode()
        if len(data) > most:
            continue
        if held and size + 1 + len(data) > most:
            yield Packet(b"\n".join(held), tuple(about))
            held, about, size = [], [], 0
        size += len(data) + (1 if held else 0)
        held.append(data)
        about.append(line.reading)
    if held:
        yield Packet(b"\n".join(held), tuple(about))
