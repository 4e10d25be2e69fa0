"""Small builders of measurements and settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from driftlog.contract.measurement import Chunks, Limit, Measurement
from driftlog.contract.settings import ModelSettings, ThresholdSettings
from driftlog.contract.window import Window

START = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True)
class Make:
    """Builders, as plain functions."""

    start: datetime = START

    def window(self, number=0):
        return Window(START + timedelta(days=number), START + timedelta(days=number + 1))

    def measurement(self, metric="kolmogorov_smirnov", purpose="data_drift", value=0.3, *, window=0, **rest):
        field = rest.pop("field", "features.x" if purpose in ("data_drift", "quality") else "")
        return Measurement(
            model="m",
            environment="e",
            metric=metric,
            purpose=purpose,
            value=value,
            field=field,
            window=self.window(window),
            n_current=rest.pop("n_current", 500),
            **rest,
        )

    def judged(self, verdict, *, window=0, of=(1, 1), **rest):
        limit = Limit("constant", "above", warning=0.1, of_windows=of)
        value = {"ok": 0.05, "warning": 0.15, "critical": 0.5}.get(verdict)
        rest.setdefault("value", value)
        return self.measurement(window=window, verdict=verdict, limit=limit, **rest)

    def chunks(self, k=12, mean=0.05, sd=0.01):
        return Chunks(k=k, mean=mean, sd=sd)

    def settings(self, *thresholds, **values):
        return ModelSettings(
            name="m", environment="e", thresholds=tuple(ThresholdSettings(**t) for t in thresholds), **values
        )


@pytest.fixture(scope="session")
def make():
    return Make()
