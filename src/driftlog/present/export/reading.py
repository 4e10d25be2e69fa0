"""What exporters hand on: one number, or one histogram, with its name, labels and meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[tuple[str, str], ...]


class Buckets(NamedTuple):
    """A histogram: cumulative counts up to each upper edge (the last is infinity), and the sum of the values."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    total: float

    @property
    def n(self) -> int:
        return self.counts[-1] if self.counts else 0


class Reading(NamedTuple):
    """One value of one series at one moment.

    Attributes
    ----------
    name
        Without a suffix for counters: ``driftlog_predictions``, unit at the end where there is one.
    value
        Of counters and gauges. A value that is not known has no reading.
    buckets
        Of histograms.
    labels
        In a fixed order for each name; `model` is among them where the value is one of a model.
    """

    name: str
    kind: Kind
    value: float | None
    labels: Mapping[str, str]
    help: str = ""
    unit: str = ""
    buckets: Buckets | None = None

    @property
    def key(self) -> tuple[str, Labels]:
        """What tells series apart."""
        return self.name, tuple(self.labels.items())


INFINITY: Final = float("inf")
