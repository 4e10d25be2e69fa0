"""What all measurements of one series in one window have in common."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from driftlog.contract.measurement import Measurement, Purpose
from driftlog.contract.window import Window
from driftlog.evaluate.randomness import seed_of


@dataclass(frozen=True, slots=True)
class SeriesContext:
    """Whose window is evaluated, against which reference, when and by which run.

    >>> from datetime import UTC
    >>> day = Window(datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
    >>> SeriesContext("churn", "production", day).measurement("roc_auc", "performance", 0.8).series
    'churn|production|*|*||performance|roc_auc|'
    """

    model: str
    environment: str
    window: Window
    version: str = "*"
    variant: str = "*"
    segment: str = ""
    reference_id: str = ""
    computed: datetime | None = None
    run_id: str = ""

    def seed(self, metric: str, field: str) -> int:
        """Seed of a measurement's random numbers: the same whenever this window is evaluated against this reference."""
        series = (self.model, self.environment, self.version, self.variant, self.segment, metric, field)
        return seed_of(*series, self.window.label(), self.reference_id)

    def measurement(self, metric: str, purpose: Purpose, value: float | None, **rest: Any) -> Measurement:
        """A measurement of this series; `rest` are further attributes of `Measurement`."""
        return Measurement(
            model=self.model,
            environment=self.environment,
            version=self.version,
            variant=self.variant,
            segment=self.segment,
            window=self.window,
            reference_id=self.reference_id,
            computed=self.computed,
            run_id=self.run_id,
            metric=metric,
            purpose=purpose,
            value=None if value is None else float(value),
            **rest,
        )
