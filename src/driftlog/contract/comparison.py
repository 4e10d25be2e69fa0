"""Comparisons: any two stretches of a model's traffic beside each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from driftlog.contract.binning import Binning
from driftlog.contract.measurement import Measurement
from driftlog.contract.profile import PredictionProfile
from driftlog.contract.window import Window

ANY = "*"


@dataclass(frozen=True, slots=True)
class Side:
    """Whose predictions stand on one side.

    Attributes
    ----------
    segment
        As `driftlog.contract.segment` writes it; empty is everything.
    version, variant
        ``*`` is any; the empty name is that of events that carry none.

    >>> from datetime import UTC, timedelta
    >>> start = datetime(2026, 3, 2, tzinfo=UTC)
    >>> Side(Window(start, start + timedelta(days=7)), "features.carrier=UA", version="2").label()
    '2026-03-02/2026-03-09, features.carrier=UA, version 2'
    """

    window: Window
    segment: str = ""
    version: str = ANY
    variant: str = ANY

    def label(self) -> str:
        parts = [self.window.label()]
        parts += [self.segment] if self.segment else []
        parts += [f"{name} {value or '(none)'}" for name, value in self._named() if value != ANY]
        return ", ".join(parts)

    def _named(self) -> tuple[tuple[str, str], ...]:
        return ("version", self.version), ("variant", self.variant)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides and everything measured between them.

    Attributes
    ----------
    current, reference
        The two sides; a stored reference without time stamps has None.
    reference_id, reference_origin
        Of a stored reference, else empty.
    measurements
        Of the current side against the other one: drift, performance (with ``difference`` and its interval in
        `details`), quality and operation. p-values are i.i.d.
    binning
        The bins that `now` and `before` are counted in.
    chunks
        How many stretches as long as the current window the other side was cut into (0: too short).
    notes
        What to bear in mind, a sentence each.
    """

    model: str
    environment: str
    current: Side
    reference: Side | None
    measurements: tuple[Measurement, ...]
    binning: Binning
    before: PredictionProfile
    now: PredictionProfile
    computed: datetime
    reference_id: str = ""
    reference_origin: str = ""
    chunks: int = 0
    notes: tuple[str, ...] = field(default=())

    @property
    def reference_label(self) -> str:
        """The other side in words."""
        if self.reference_id or self.reference is None:
            return f"reference {self.reference_id[:8]} ({self.reference_origin})"
        return self.reference.label()
