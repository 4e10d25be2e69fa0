"""The newest measurements of every model, purpose by purpose, asked for as little as possible.

The first look, and one an hour, finds the newest window of each model, environment and purpose in all results. Between
those only what was computed, or ended, since the look before is asked for. Purposes apart, because truths come late:
the newest window with a performance is not the newest with predictions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from driftlog.present.export.labels import parts
from driftlog.store.client import Store
from driftlog.store.values import Document

AFRESH: Final = timedelta(hours=1)
OVERLAP: Final = timedelta(minutes=5)
"""Results become searchable late, and clocks differ."""
_MOST_CLAUSES: Final = 200
WANTED: Final = (
    "model",
    "service.environment",
    "purpose",
    "metric",
    "field",
    "value",
    "lower",
    "upper",
    "reference.value",
    "limit",
    "verdict",
    "severity",
    "maturity",
    "n_current",
    "details.events",
    "window",
    "computed",
)

Group = tuple[str, str, str]
"""Model, environment and purpose."""


def newest_body(since: datetime | None = None) -> Document:
    """The newest window with a value by model, environment and purpose.

    ``{"query": {"bool": {"filter": [{"term": {"segment": ""}}, {"exists": {"field": "value"}}, {"bool": {"should":
    [{"range": {"computed": {"gte": since}}}, {"range": {"window.end": {"gte": since}}}]}}]}}, "aggs": {"models":
    {"terms": ..., "aggs": {"environments": {... "purposes": {... {"end": {"max": {"field": "window.end"}}}}}}}}}``
    """
    filters: list[Any] = [{"term": {"segment": ""}}, {"exists": {"field": "value"}}]
    if since is not None:
        either = [{"range": {name: {"gte": since.isoformat()}}} for name in ("computed", "window.end")]
        filters.append({"bool": {"should": either, "minimum_should_match": 1}})
    end = {"end": {"max": {"field": "window.end"}}}
    purposes = {"purposes": {"terms": {"field": "purpose", "size": 50}, "aggs": end}}
    environments = {"environments": {"terms": {"field": "service.environment", "size": 50}, "aggs": purposes}}
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {"bool": {"filter": filters}},
        "aggs": {"models": {"terms": {"field": "model.name", "size": 10_000}, "aggs": environments}},
    }


def newest_in(answer: Document) -> dict[Group, int]:
    """Answer of `newest_body`: milliseconds since 1970 at which the newest window of each group ended."""
    return {
        (model["key"], environment["key"], purpose["key"]): int(purpose["end"]["value"])
        for model in answer.get("aggregations", {}).get("models", {}).get("buckets", ())
        for environment in model["environments"]["buckets"]
        for purpose in environment["purposes"]["buckets"]
    }


def window_queries(ends: Mapping[Group, int]) -> Iterator[Document]:
    """Queries for the measurements of those windows; groups whose windows end together share a clause."""
    alike: dict[tuple[int, str, str], set[str]] = defaultdict(set)
    for (model, environment, purpose), end in ends.items():
        alike[end, environment, purpose].add(model)
    clauses = [
        {
            "bool": {
                "filter": [
                    {"terms": {"model.name": sorted(models)}},
                    {"term": {"service.environment": environment}},
                    {"term": {"purpose": purpose}},
                    {"term": {"window.end": datetime.fromtimestamp(end / 1000, UTC).isoformat()}},
                ]
            }
        }
        for (end, environment, purpose), models in sorted(alike.items())
    ]
    for part in parts(clauses, _MOST_CLAUSES):
        yield {
            "bool": {
                "filter": [{"term": {"segment": ""}}, {"bool": {"should": list(part), "minimum_should_match": 1}}],
            }
        }


@dataclass(slots=True)
class Latest:
    """The newest measurements, kept between looks. Documents as they are stored, of all rows (no segment)."""

    store: Store
    _groups: dict[Group, list[Document]] = field(default_factory=dict)
    _ends: dict[Group, int] = field(default_factory=dict)
    _afresh: datetime | None = None
    _looked: datetime | None = None

    def look(self, now: datetime) -> Iterable[list[Document]]:
        """Measurements by model, environment and purpose, sorted; what changed since the last look is read again."""
        pattern = self.store.names.every("results")
        afresh = self._afresh is None or self._looked is None or now - self._afresh >= AFRESH
        since = None if afresh or self._looked is None else self._looked - OVERLAP
        newest = newest_in(self.store.search(pattern, newest_body(since)))
        if afresh:
            self._groups = {group: found for group, found in self._groups.items() if group in newest}
            self._ends = {group: end for group, end in self._ends.items() if group in newest}
        due = {group: end for group, end in newest.items() if afresh or end >= self._ends.get(group, end)}
        fresh: dict[Group, list[Document]] = {group: [] for group in due}
        for query in window_queries(due):
            for hit in self.store.scan(pattern, query, source=list(WANTED), size=5000):
                source = hit["_source"]
                group = (source["model"]["name"], source["service"]["environment"], source["purpose"])
                if group in fresh:
                    fresh[group].append(source)
        self._groups |= fresh
        self._ends |= due
        self._looked = now
        if afresh:
            self._afresh = now
        return [found for _, found in sorted(self._groups.items())]
