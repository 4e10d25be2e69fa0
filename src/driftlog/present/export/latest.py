"""The newest measurements of every model, purpose by purpose, asked for as little as possible.

The first look, and one an hour, finds the newest window of each model, environment and purpose in all results. Between
those only what was computed, or ended, since the newest that was seen is asked for, and read where it has changed: once
and once more at the next look, as the first may have come upon a window that was half written.

Purposes apart, because truths come late: the newest window with a performance is not the newest with predictions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from driftlog.store.client import Store
from driftlog.store.searching import parts
from driftlog.store.values import Document

AFRESH: Final = timedelta(hours=1)
OVERLAP: Final = timedelta(minutes=2)
"""Clocks of workers differ, and a window is computed a while before it is written."""
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


class Newest(NamedTuple):
    """When the newest window of a group ended, and was computed: milliseconds since 1970 (0: not said)."""

    end: int
    computed: int


def newest_body(since: datetime | None = None) -> Document:
    """The newest window with a value by model, environment and purpose, and when something of it was last computed.

    ``{"query": {"bool": {"filter": [{"term": {"segment": ""}}, {"exists": {"field": "value"}}, {"bool": {"should":
    [{"range": {"computed": {"gte": since}}}, {"range": {"window.end": {"gte": since}}}]}}]}}, "aggs": {"models":
    {"terms": ..., "aggs": {"environments": {... "purposes": {... {"end": {"max": {"field": "window.end"}},
    "computed": {"max": {"field": "computed"}}}}}}}}}``
    """
    filters: list[Any] = [{"term": {"segment": ""}}, {"exists": {"field": "value"}}]
    if since is not None:
        either = [{"range": {name: {"gte": since.isoformat()}}} for name in ("computed", "window.end")]
        filters.append({"bool": {"should": either, "minimum_should_match": 1}})
    newest = {"end": {"max": {"field": "window.end"}}, "computed": {"max": {"field": "computed"}}}
    purposes = {"purposes": {"terms": {"field": "purpose", "size": 50}, "aggs": newest}}
    environments = {"environments": {"terms": {"field": "service.environment", "size": 50}, "aggs": purposes}}
    return {
        "size": 0,
        "track_total_hits": False,
        "query": {"bool": {"filter": filters}},
        "aggs": {"models": {"terms": {"field": "model.name", "size": 10_000}, "aggs": environments}},
    }


def newest_in(answer: Document) -> dict[Group, Newest]:
    """Answer of `newest_body`."""
    return {
        (model["key"], environment["key"], purpose["key"]): Newest(
            int(purpose["end"]["value"]), int(purpose["computed"]["value"] or 0)
        )
        for model in answer.get("aggregations", {}).get("models", {}).get("buckets", ())
        for environment in model["environments"]["buckets"]
        for purpose in environment["purposes"]["buckets"]
    }


def window_queries(newest: Mapping[Group, Newest]) -> Iterator[Document]:
    """Queries for the measurements of those windows; groups whose windows end together share a clause."""
    alike: dict[tuple[int, str, str], set[str]] = defaultdict(set)
    for (model, environment, purpose), (end, _) in newest.items():
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
    _newest: dict[Group, Newest] = field(default_factory=dict)
    _afresh: datetime | None = None
    _unsettled: set[Group] = field(default_factory=set)

    def look(self, now: datetime) -> Iterable[list[Document]]:
        """Measurements by model, environment and purpose, sorted; what changed since the last look is read again."""
        pattern = self.store.names.every("results")
        afresh = self._afresh is None or now - self._afresh >= AFRESH
        newest = newest_in(self.store.search(pattern, newest_body(None if afresh else self._since())))
        if afresh:
            self._groups = {group: found for group, found in self._groups.items() if group in newest}
            self._newest = {group: known for group, known in self._newest.items() if group in newest}
        changed = {group: found for group, found in newest.items() if self._changed(group, found)}
        due = {group: self._newest[group] for group in self._unsettled if group in self._newest} | changed
        self._unsettled = set(changed)
        fresh: dict[Group, list[Document]] = {group: [] for group in due}
        for query in window_queries(due):
            for hit in self.store.scan(pattern, query, source=list(WANTED), size=5000):
                source = hit["_source"]
                group = (source["model"]["name"], source["service"]["environment"], source["purpose"])
                if group in fresh:
                    fresh[group].append(source)
        self._groups |= fresh
        self._newest |= due
        if afresh:
            self._afresh = now
        return [found for _, found in sorted(self._groups.items())]

    def _since(self) -> datetime | None:
        """By the workers' clocks, not this process's own."""
        seen = max((newest.computed for newest in self._newest.values()), default=0)
        return datetime.fromtimestamp(seen / 1000, UTC) - OVERLAP if seen else None

    def _changed(self, group: Group, found: Newest) -> bool:
        """Whether a group has a later window, or one computed since; an earlier window judged again is neither.

        A result without a time of its computation is read each time.
        """
        known = self._newest.get(group)
        if known is None or not found.computed:
            return True
        return found.end >= known.end and found != known
