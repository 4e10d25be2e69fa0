"""Failed predictions: their share, by type, and availability."""

from __future__ import annotations

from driftlog.contract.measurement import Measurement
from driftlog.contract.profile import PredictionProfile
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.proportions import two_proportion_p_value, wilson_interval

_METHOD = "share of events; Wilson 95 %"


def error_measurements(
    current: PredictionProfile, before: PredictionProfile | None, context: SeriesContext
) -> list[Measurement]:
    """Error rate, availability (1 - error rate), and the error rate of each type (`field`); none without events."""
    n = current.n
    if n == 0:
        return []
    n_before = before.n if before is not None else 0
    failures_before = before.failures if before is not None else 0

    def share(metric: str, count: int, count_before: int, field: str = "") -> Measurement:
        low, high = wilson_interval(count, n)
        return context.measurement(
            metric,
            "operational",
            count / n,
            field=field,
            lower=low,
            upper=high,
            p_value=two_proportion_p_value(count_before, n_before, count, n),
            reference_value=count_before / n_before if n_before else None,
            n_reference=n_before,
            n_current=n,
            unit="share",
            method=_METHOD,
            details={"events": float(count)},
        )

    errors_before = before.errors if before is not None else {}
    return [
        share("error_rate", current.failures, failures_before),
        share("availability", n - current.failures, n_before - failures_before),
        *(
            share("error_rate_by_type", count, errors_before.get(kind, 0), kind)
            for kind, count in sorted(current.errors.items())
            if count
        ),
    ]
