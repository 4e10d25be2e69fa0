"""Datadog's HTTP API as a destination: series (v2), distributions (v1) and events (v1), with the API key in a header.

Datadog keeps one value a series and time stamp, the last one it was given: a batch of which nobody knows whether it
arrived is sent again as it was. Distributions and events it would add a second time: those are sent at most once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import msgspec

from driftlog.contract.errors import DeliveryRefused
from driftlog.contract.strict import Secret
from driftlog.present.export.event import Event
from driftlog.present.export.ledger import Change, Unsure
from driftlog.present.export.posting import Posted, Poster, place
from driftlog.present.export.push import Sent
from driftlog.present.export.reading import Reading
from driftlog.present.export.statsd import metric_name, middles, tags_of
from driftlog.store.searching import parts

log = logging.getLogger("driftlog.export")

COUNT: Final = 1
GAUGE: Final = 3
"""Datadog's numbers for kinds of series."""
MOST_SERIES: Final = 2000
"""Series of one request: some 600 KB before compression, of 5 MB that are allowed."""
MOST_DISTRIBUTIONS: Final = 40
"""Of one request."""
MOST_VALUES: Final = 1000
"""Values of one distribution in one request; more are thinned out in proportion."""
_UNITS: Final = {"seconds": "second", "ratio": "fraction"}
_REMEDIES: Final = {
    400: "a newer driftlog may send what it wants; --dry-run shows what is sent",
    401: "check export.datadog.api_key, and that it is of export.datadog.site",
    403: "check export.datadog.api_key, and that it is of export.datadog.site",
    404: "check export.datadog.site or url",
    413: "the request is too large: lower export.max_series",
    429: "Datadog limits requests: push less often, or lower export.max_series",
}


@dataclass(frozen=True)
class DatadogApi:
    """The API at `url`, such as ``https://api.datadoghq.eu``."""

    url: str
    api_key: Secret
    namespace: str = "driftlog"
    tags: tuple[str, ...] = ()
    events: bool = True
    unsure: Unsure = "repeat"
    poster: Poster = field(init=False)

    def __post_init__(self) -> None:
        key = self.api_key.reveal()
        headers = {"DD-API-KEY": key, "Content-Type": "application/json", "Accept": "application/json"}
        poster = Poster(headers, explain=lambda status: _REMEDIES.get(status, ""), secrets=(key,))
        object.__setattr__(self, "poster", poster)

    @property
    def name(self) -> str:
        return place(self.url)

    def send(self, readings: Sequence[Reading], changes: Sequence[Change], *, at: datetime, again: bool) -> Sent:
        """Series first, request by request, then distributions."""
        wanted = [
            *((one, self._gauge(one, at)) for one in readings if one.kind == "gauge" and one.value is not None),
            *((change.reading, self._count(change, at)) for change in changes if change.reading.buckets is None),
        ]
        total = Sent()
        for start, part in enumerate(parts(wanted, MOST_SERIES)):
            done = self._post("/api/v2/series", {"series": [body for _, body in part]}, repeatable=True)
            total = _with(total, done)
            if done.error is not None:
                rest = [one for one, _ in wanted[start * MOST_SERIES :]]
                histograms = [change.reading for change in changes if change.reading.buckets is not None]
                return total._replace(unsent=[*rest, *histograms], unbegun=histograms)
        if again:  # distributions that are still pending were begun, as far as is known: once is enough
            return total
        return self._distributions(changes, at, total)

    def _distributions(self, changes: Sequence[Change], at: datetime, total: Sent) -> Sent:
        """What is refused or lost here is not sent again: the numbers of the series have been taken.

        What certainly did not arrive, and what was not begun after something was lost, comes with the next pass.
        """
        wanted = [(change.reading, body) for change in changes if (body := self._distribution(change, at)) is not None]
        for start, part in enumerate(parts(wanted, MOST_DISTRIBUTIONS)):
            points = {"series": [body for _, body in part]}
            done = self._post("/api/v1/distribution_points", points, repeatable=False)
            if done.error is None:
                total = _with(total, done)
                continue
            total = total._replace(requests=total.requests + done.attempts)
            refused = isinstance(done.error, DeliveryRefused)
            if refused or done.unsure:
                total = total._replace(dropped=total.dropped + len(part))
            if not refused:
                log.warning("distributions: %s", done.error.message)
                rest = wanted[(start + 1 if done.unsure else start) * MOST_DISTRIBUTIONS :]
                return total._replace(unbegun=[one for one, _ in rest])
        return total

    def tell(self, event: Event) -> Sent:
        body = {
            "title": event.title,
            "text": event.text,
            "date_happened": int(event.at.timestamp()),
            "alert_type": event.kind,
            "priority": "normal",
            "aggregation_key": event.key,
            "source_type_name": "driftlog",
            "tags": list(event.tags),
        }
        return _with(Sent(), self._post("/api/v1/events", body, repeatable=False))

    def preview(self, readings: Sequence[Reading], changes: Sequence[Change], *, at: datetime) -> Iterator[str]:
        for one in readings:
            if one.kind == "gauge" and one.value is not None:
                yield msgspec.json.encode(self._gauge(one, at)).decode()
        for change in changes:
            shown = self._count(change, at) if change.reading.buckets is None else self._distribution(change, at)
            if shown is not None:
                yield msgspec.json.encode(shown).decode()

    def _post(self, path: str, body: dict[str, Any], *, repeatable: bool) -> Posted:
        done = self.poster.post(f"{self.url.rstrip('/')}{path}", msgspec.json.encode(body), repeatable=repeatable)
        errors = _errors(done.answer)
        if done.error is None and errors:
            problem = DeliveryRefused(f"{self.name} took {path} with errors: {errors}", remedy=_REMEDIES[400])
            return replace(done, error=problem)
        return done

    def _gauge(self, one: Reading, at: datetime) -> dict[str, Any]:
        return self._series(one, GAUGE, one.value or 0.0, at)

    def _count(self, change: Change, at: datetime) -> dict[str, Any]:
        seconds = max(1, round((at - change.since).total_seconds()))
        return self._series(change.reading, COUNT, change.numbers[0], at) | {"interval": seconds}

    def _series(self, one: Reading, kind: int, value: float, at: datetime) -> dict[str, Any]:
        unit = {"unit": _UNITS[one.unit]} if one.unit in _UNITS else {}
        return {
            "metric": metric_name(one, self.namespace),
            "type": kind,
            "points": [{"timestamp": int(at.timestamp()), "value": value}],
            "tags": tags_of(one.labels, self.tags),
            **unit,
        }

    def _distribution(self, change: Change, at: datetime) -> dict[str, Any] | None:
        one = change.reading
        if one.buckets is None:
            return None
        values = thinned(middles(one.buckets, change.numbers), MOST_VALUES)
        if not values:
            return None
        return {
            "metric": metric_name(one, self.namespace),
            "points": [[int(at.timestamp()), values]],
            "tags": tags_of(one.labels, self.tags),
            "type": "distribution",
        }


def thinned(counts: Sequence[tuple[float, int]], most: int) -> list[float]:
    """Each value as often as it was counted, or in proportion where that would be more than `most`.

    >>> thinned([(0.1, 2), (0.2, 1)], 10), thinned([(0.1, 2000), (0.2, 1000)], 3)
    ([0.1, 0.1, 0.2], [0.1, 0.1, 0.2])
    """
    total = sum(count for _, count in counts)
    if total <= most:
        return [value for value, count in counts for _ in range(count)]
    exact = [(value, count * most / total) for value, count in counts]
    kept = [int(share) for _, share in exact]
    rest = sorted(range(len(exact)), key=lambda index: kept[index] - exact[index][1])
    for index in rest[: most - sum(kept)]:
        kept[index] += 1
    return [value for (value, _), count in zip(exact, kept, strict=True) for _ in range(count)]


def _errors(answer: bytes) -> str:
    try:
        said = msgspec.json.decode(answer) if answer else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
    errors = said.get("errors") if isinstance(said, dict) else None
    return ", ".join(str(each) for each in errors)[:300] if isinstance(errors, list) else ""


def _with(total: Sent, done: Posted) -> Sent:
    return total._replace(
        requests=total.requests + done.attempts,
        size_bytes=total.size_bytes + (0 if done.error else done.size_bytes),
        error=done.error,
        unsure=done.unsure,
    )
