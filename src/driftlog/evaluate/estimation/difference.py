"""Estimated against realised performance, once truths have arrived."""

from __future__ import annotations

import math
from collections.abc import Sequence

from driftlog.contract.measurement import Measurement
from driftlog.evaluate.performance.registry import PERFORMANCE_METRICS

Key = tuple[object, ...]


def estimation_errors(estimated: Sequence[Measurement], realised: Sequence[Measurement]) -> list[Measurement]:
    """``estimated - realised`` for each metric that has both.

    Parameters
    ----------
    estimated
        Of `driftlog.evaluate.estimation.window.estimated_measurements`.
    realised
        Of the same windows; measurements of other purposes are ignored.

    The interval combines both: ``value - sqrt((e - e_lower)^2 + (r_upper - r)^2)`` below, likewise above; it is missing
    where one of them is. It is on the wide side, because the chance by which labels fall is in both. A value outside it
    says that the concept has drifted, that the labels so far are not typical (see `maturity`, which is the realised
    one's), or that the score means something else than on the reference. Totals are compared for as many rows as have
    their truth.
    """
    held = {_key(one): one for one in realised if one.purpose == "performance" and one.value is not None}
    pairs = [(one, held[_key(one)]) for one in estimated if one.value is not None and _key(one) in held]
    return [_error(one, other) for one, other in pairs]


def _key(one: Measurement) -> Key:
    return (one.model, one.environment, one.version, one.variant, one.segment, one.metric, one.field, one.window)


def _error(estimated: Measurement, realised: Measurement) -> Measurement:
    scale = _scale(estimated, realised)
    before, after = (estimated.value or 0.0) * scale, realised.value or 0.0
    value = before - after
    ends = (estimated.lower, estimated.upper, realised.lower, realised.upper)
    lower = upper = None
    if None not in ends:
        low, high, real_low, real_high = (float(end or 0.0) for end in ends)
        lower = value - math.hypot(before - low * scale, real_high - after)
        upper = value + math.hypot(high * scale - before, after - real_low)
    return Measurement(
        model=estimated.model,
        environment=estimated.environment,
        metric=estimated.metric,
        purpose="estimation_error",
        window=estimated.window,
        value=value,
        field=estimated.field,
        version=estimated.version,
        variant=estimated.variant,
        segment=estimated.segment,
        lower=lower,
        upper=upper,
        n_reference=estimated.n_reference,
        n_current=realised.n_current,
        maturity=realised.maturity,
        method="estimated - realised; interval from both",
        unit=estimated.unit,
        reference_id=estimated.reference_id,
        details={"estimated": before, "realised": after},
        marks=tuple(dict.fromkeys((*estimated.marks, *realised.marks))),
        computed=estimated.computed,
        run_id=estimated.run_id,
    )


def _scale(estimated: Measurement, realised: Measurement) -> float:
    metric = PERFORMANCE_METRICS.get(estimated.metric)
    if metric is None or not metric.extensive or estimated.n_current <= 0:
        return 1.0
    return realised.n_current / estimated.n_current
