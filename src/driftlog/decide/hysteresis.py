"""Hysteresis: the level at which an open alert may end, on the good side of the one at which it opened."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from driftlog.contract.measurement import Measurement
from driftlog.contract.settings import ThresholdSettings
from driftlog.decide.verdicts import Decision, beyond

AS_WRITTEN = frozenset({"constant", "default_drift"})
"""Kinds whose `clear` is a level of the value itself."""


def with_clear(
    decision: Decision, threshold: ThresholdSettings, decide: Callable[[ThresholdSettings], Decision]
) -> Decision:
    """`decision` with the threshold's `clear` as a number in its limit.

    Of the kinds that compute their limits (relative, quantile, seasonal) the level is what `decide`, the kind's own
    rule, makes of a threshold whose `warning` is `clear`.
    """
    if threshold.clear is None or decision.verdict == "not_judged":
        return decision
    level: float | None = threshold.clear
    if threshold.kind not in AS_WRITTEN:
        level = decide(msgspec.structs.replace(threshold, warning=threshold.clear, critical=None)).limit.warning
    return Decision(msgspec.structs.replace(decision.limit, clear=level), decision.verdict)


def is_clear(measurement: Measurement) -> bool:
    """Whether the value has come back as far as an open alert asks for; without a value, or a level, nothing is asked.

    >>> from datetime import UTC, datetime
    >>> from driftlog.contract.measurement import Limit
    >>> from driftlog.contract.window import Window
    >>> day = Window(datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
    >>> limit = Limit("constant", "above", warning=0.2, clear=0.1)
    >>> about = dict(model="m", environment="e", metric="error_rate", purpose="operational", window=day)
    >>> [is_clear(Measurement(**about, value=value, limit=limit)) for value in (0.05, 0.1, 0.15)]
    [True, True, False]
    """
    limit = measurement.limit
    if limit is None or limit.clear is None or measurement.value is None:
        return True
    return not beyond(measurement.value, limit.clear, limit.direction)
