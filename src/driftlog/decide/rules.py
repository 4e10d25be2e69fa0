"""Every rule in force for a model, and where it comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from driftlog.contract.measurement import Measurement
from driftlog.contract.settings import ModelSettings, ThresholdSettings
from driftlog.decide import anomaly
from driftlog.decide.defaults import DEFAULT_DRIFT, DEFAULT_TARGET_SHIFT, DEFAULTS, OF_SETTINGS, of_settings
from driftlog.decide.judge import DRIFT_PURPOSES, find_threshold

DEFAULT: Final = "default"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One threshold.

    Attributes
    ----------
    source
        ``thresholds[2]``, ``alerts.no_data_after``, or ``default``.
    series
        Series of the given measurements that it judges.
    """

    source: str
    purpose: str
    """Empty: any that fits."""
    threshold: ThresholdSettings
    series: int = 0


def rules_in_force(settings: ModelSettings, measurements: Iterable[Measurement]) -> tuple[Rule, ...]:
    """The settings' thresholds in their order, what the settings of alerts ask for, and the defaults.

    Parameters
    ----------
    measurements
        Of the latest window, say: what each rule judges is counted among them. Defaults that judge nothing there
        (a threshold of the settings comes first, or nothing of the kind is measured) are in the list with 0.
    """
    counted: Counter[tuple[str, ThresholdSettings]] = Counter()
    for series in {one.series: one for one in measurements}.values():
        threshold = find_threshold(series, settings)
        if threshold is not None and _is_judged_alone(series):
            counted["" if threshold in settings.thresholds else series.purpose, threshold] += 1
    rules = [(f"thresholds[{i}]", "", one) for i, one in enumerate(settings.thresholds)]
    for metric, name in OF_SETTINGS.items():
        asked = of_settings(metric, settings)
        if asked is not None:
            rules.append((f"alerts.{name}", "operational" if metric == "predictions" else "integrity", asked))
    rules += [(DEFAULT, purpose, DEFAULT_DRIFT) for purpose in DRIFT_PURPOSES]
    rules += [(DEFAULT, "target_drift", DEFAULT_TARGET_SHIFT)]
    rules += [(DEFAULT, purpose, one) for purpose, several in DEFAULTS.items() for one in several]
    return tuple(
        Rule(source=source, purpose=purpose or one.purpose, threshold=_in_force(one), series=counted[purpose, one])
        for source, purpose, one in rules
    )


def _is_judged_alone(measurement: Measurement) -> bool:
    """Versions and variants are measured apart, and judged with the whole."""
    return measurement.purpose == "custom" or (measurement.version, measurement.variant) == ("*", "*")


def _in_force(threshold: ThresholdSettings) -> ThresholdSettings:
    """With the limits that ``anomaly`` has where the settings name none."""
    limits = (threshold.info, threshold.warning, threshold.critical)
    if threshold.kind != "anomaly" or any(limit is not None for limit in limits):
        return threshold
    return msgspec.structs.replace(threshold, warning=anomaly.WARNING, critical=anomaly.CRITICAL)
