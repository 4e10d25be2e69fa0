"""Readings, a destination and alerts that are made up, for tests of what pushes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
from tests.unit.present.story import measurement, week

from driftlog.contract.alert import Alert
from driftlog.contract.errors import DeliveryError, DeliveryRefused
from driftlog.contract.handling import Transition
from driftlog.present.export.event import Event
from driftlog.present.export.ledger import Change, Unsure
from driftlog.present.export.push import Sent
from driftlog.present.export.reading import Buckets, Reading

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
INFINITY = float("inf")


def counter(value: float, name: str = "driftlog_predictions", **labels: str) -> Reading:
    return Reading(name, "counter", value, {"model": "churn", **labels}, "Predictions.")


def gauge(value: float, name: str = "driftlog_performance", **labels: str) -> Reading:
    return Reading(name, "gauge", value, {"model": "churn", **labels}, "Performance.")


def latency(*counts: int, total: float = 1.0) -> Reading:
    """Cumulative counts up to 0.1 s, 0.4 s and above."""
    buckets = Buckets((0.1, 0.4, INFINITY), counts, total)
    return Reading("driftlog_latency_seconds", "histogram", None, {"model": "churn"}, "Latency.", "seconds", buckets)


def alert(*kinds: str, episode: int = 1) -> Alert:
    """An alert with these transitions, a minute apart, the last of them now."""
    history = tuple(
        Transition(number=number, kind=kind, at=NOW - (len(kinds) - number) * MINUTE)  # type: ignore[arg-type]
        for number, kind in enumerate(kinds, 1)
    )
    evidence = measurement("roc_auc", "performance", week(0), 0.6)
    given = {
        "key": "flights|demo||performance", "episode": episode, "model": "flights", "environment": "demo",
        "purpose": "performance", "metric": "roc_auc", "status": "resolved" if kinds[-1] == "resolved" else "open",
        "severity": "critical", "title": "flights: performance is worse",
        "message": "roc_auc 0.6 | limit 0.7\nsince Monday",
        "opened": NOW, "updated": NOW, "evidence": evidence, "latest": evidence, "first_window": week(0),
        "last_window": week(1), "resolution": "within limits", "resolved": NOW if kinds[-1] == "resolved" else None,
    }  # fmt: skip
    return msgspec.structs.replace(msgspec.convert(given, Alert), history=history)


@dataclass
class Books:
    """A destination that adds up, as a receiver of deltas does; `faults` are told in order, then it takes everything.

    A fault is ``away`` (nothing taken), ``lost`` (taken, and no answer) ``broken`` (not taken, and no answer) or
    ``refused`` (for good).
    """

    unsure: Unsure = "at_most_once"
    events: bool = True
    name: str = "books"
    faults: list[str] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    batches: list[tuple[datetime, bool, dict[str, float]]] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)

    def send(self, readings: Sequence[Reading], changes: Sequence[Change], *, at: datetime, again: bool) -> Sent:
        fault = self.faults.pop(0) if self.faults else ""
        batch = {change.reading.name: sum(change.numbers[:-1] or change.numbers) for change in changes}
        if fault in ("", "lost"):
            for name, growth in batch.items():
                self.sums[name] = self.sums.get(name, 0.0) + growth
            self.batches.append((at, again, batch))
        return self._sent(fault)

    def tell(self, event: Event) -> Sent:
        fault = self.faults.pop(0) if self.faults else ""
        if fault in ("", "lost"):
            self.told.append(event)
        return self._sent(fault)

    def preview(self, readings: Sequence[Reading], changes: Sequence[Change], *, at: datetime) -> Iterator[str]:
        yield from (one.name for one in readings)

    @staticmethod
    def _sent(fault: str) -> Sent:
        if not fault:
            return Sent(1, 1)
        if fault == "refused":
            return Sent(1, 0, DeliveryRefused("answered 400"))
        return Sent(1, 0, DeliveryError("no answer"), unsure=fault != "away")
