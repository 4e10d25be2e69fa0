"""Thresholds that cannot be used are refused, with what to write instead."""

from __future__ import annotations

import pytest

from driftlog.config.decode import SettingRefused
from driftlog.config.threshold_rules import check_threshold
from driftlog.contract.settings import ThresholdSettings


def refused(**values) -> SettingRefused:
    with pytest.raises(SettingRefused) as caught:
        check_threshold(ThresholdSettings(metric="mae", **values), ("thresholds", 0))
    return caught.value


@pytest.mark.parametrize(
    "values",
    [
        {"info": 1.0},
        {"info": 1.0, "warning": 2.0, "critical": 3.0},
        {"info": 2.0, "warning": 2.0},
        {"direction": "below", "info": 3.0, "warning": 2.0, "critical": 1.0},
        {"kind": "relative", "info": 0.01},
        {"kind": "anomaly"},
        {"kind": "anomaly", "direction": "both", "warning": 4.0, "critical": 6.0},
        {"kind": "default_drift"},
        {"kind": "none"},
    ],
)
def test_usable_thresholds_pass(values) -> None:
    """Info alone is a limit; anomaly and default_drift have limits of their own."""
    check_threshold(ThresholdSettings(metric="mae", **values), ("thresholds", 0))


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({}, ["has no limit", "info, warning, critical"]),
        ({"kind": "seasonal", "direction": "both", "warning": 3.0}, ["anomaly"]),
        ({"direction": "both", "warning": 3.0}, ["kind: anomaly"]),
        ({"kind": "default_drift", "info": 0.1}, ["default_drift", "floor"]),
        ({"info": 3.0, "warning": 2.0}, ["crossed before info", "above info"]),
        ({"info": 3.0, "critical": 2.0}, ["crossed before info", "above info"]),
        ({"direction": "below", "info": 1.0, "warning": 2.0}, ["crossed before info", "below info"]),
        ({"kind": "anomaly", "direction": "below", "warning": 6.0, "critical": 4.0}, ["crossed before warning"]),
        ({"kind": "anomaly", "warning": -4.0}, ["must be positive", "robust standard deviations"]),
        ({"kind": "anomaly", "floor": -0.1}, ["must not be negative"]),
        ({"warning": float("nan")}, ["is no number"]),
        ({"warning": 1.0, "of_windows": (3, 2)}, ["N of M"]),
    ],
)
def test_unusable_ones_say_what_to_write(values, parts) -> None:
    """What, where, and the remedy."""
    error = str(refused(**values).args) + str(vars(refused(**values)))
    assert all(part in error for part in parts), error
