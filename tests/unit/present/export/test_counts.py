"""Versions and variants of a model that have counters of their own, and the others together."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from driftlog.present.export.counts import (
    ERRORS,
    LATENCY_EDGES_NS,
    MOST_VERSIONS,
    OTHERS,
    PREDICTIONS,
    Counts,
    DayCounts,
    Stock,
    Versions,
)
from driftlog.present.export.totals import Totals

KEY = ("churn", "production")
DAY = datetime(2026, 3, 1, tzinfo=UTC)


def test_the_largest_have_labels_and_the_rest_are_other() -> None:
    """And what a version is shown as stays, while it is there: a counter does not go back."""
    versions = Versions(2)
    versions.look({KEY: {("1", ""): 5, ("2", ""): 9, ("3", ""): 7}})
    assert [versions.shown(KEY, (name, "")) for name in "123"] == [OTHERS, ("2", ""), ("3", "")]
    versions.look({KEY: {("1", ""): 500, ("3", ""): 7, ("4", ""): 600}})
    assert [versions.shown(KEY, (name, "")) for name in "134"] == [OTHERS, ("3", ""), ("4", "")]


def test_after_a_restart_those_that_had_labels_come_first() -> None:
    """Their counters go on, though others have become larger."""
    versions = Versions(1)
    versions.look({KEY: {("1", ""): 5, ("2", ""): 9}}, {(KEY, ("1", ""))})
    assert versions.shown(KEY, ("1", "")) == ("1", "")


def test_a_version_a_request_does_not_become_a_series_a_request() -> None:
    """Nothing is lost in the sum, errors included."""
    sizes: dict[str, int] = {f"v{number}": 10 for number in range(3 * MOST_VERSIONS)}

    def hits(*_: object, **__: object) -> list[dict[str, Any]]:
        return [
            {
                "_id": version,
                "_source": {
                    "model": {"name": "churn", "version": version},
                    "service": {"environment": "production"},
                    "bucket": {"start": DAY.isoformat()},
                    "binning_id": "b",
                    "n": n,
                    "failures": 0,
                },
            }
            for version, n in sizes.items()
        ]

    def unpack(source: Mapping[str, Any]) -> DayCounts:
        return DayCounts([0] * (len(LATENCY_EDGES_NS) + 1), 0.0, {"KeyError": source["n"]})

    store = SimpleNamespace(
        names=SimpleNamespace(every=lambda kind: kind),
        scan=hits,
        search=lambda index, body: {
            "hits": {"hits": [hit for hit in hits() if hit["_id"] in body["query"]["ids"]["values"]]}
        },
    )
    totals, stocks = Totals(), {KEY: Stock("b", DAY, 1, 0, 0)}
    counts = Counts(cast("Any", store), totals, unpack, max_errors=3)
    counts.note(stocks)
    totals.settle()
    for version in sizes:
        sizes[version] += 2
    counts.note(stocks)
    totals.settle()
    for name in (PREDICTIONS, ERRORS):
        found = totals.every(name)
        assert len(found) == MOST_VERSIONS + 1
        assert sum(numbers[0] for _, numbers in found) == 2 * len(sizes)
        (rest,) = [numbers for labels, numbers in found if dict(labels)["version"] == "other"]
        assert rest == [2.0 * (len(sizes) - MOST_VERSIONS)]
