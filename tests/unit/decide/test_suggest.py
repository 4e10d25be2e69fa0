"""Likely causes: what moved together with an alert, the most telling first."""

from __future__ import annotations

import pytest

from driftlog.contract.alert import Contribution, Decomposition
from driftlog.contract.alerting import ObjectiveSettings
from driftlog.contract.measurement import Limit
from driftlog.decide.alerts import advance
from driftlog.decide.suggest import MOST, suggested, with_context

BELOW = Limit("relative", "below", warning=0.68)


@pytest.fixture
def worse(make):
    """ROC AUC fell from 0.70 to 0.61."""
    return make.measurement(
        "roc_auc", "performance", 0.61, reference_value=0.70, verdict="critical", limit=BELOW, n_current=900
    )


def drift(make, field, value, **rest):
    limit = Limit("default_drift", "above", warning=0.1)
    return make.measurement(field=f"features.{field}", value=value, verdict="warning", limit=limit, **rest)


def test_nothing_else_out_of_order_suggests_nothing(make, worse):
    """No sentence is made of what is as usual."""
    calm = make.measurement(value=0.02, verdict="ok")
    assert suggested([worse], [worse, calm]) == ()
    assert suggested([], [calm]) == ()


def test_a_fault_of_the_pipeline_comes_first(make, worse):
    """Then broken values, then features that drifted."""
    lost = make.judged("critical", metric="shipping_loss_share", purpose="integrity", value=0.08)
    broken = make.judged("warning", metric="missing_share", purpose="quality", field="features.fare", value=0.4)
    found = suggested([worse], [worse, drift(make, "x", 0.3), broken, lost])
    assert (
        found[0]
        == "The pipeline was at fault in the same window: shipping_loss_share 0.08 (limit 0.1); look there first."
    )
    assert found[1] == "In the same window 40% of the values of fare were missing."
    assert found[2] == "x moved together with it: kolmogorov_smirnov 0.3 (limit 0.1)."


def test_versions_that_differ_are_named_with_their_rows(make, worse):
    """The worse one first; versions that are alike are no cause."""
    old = make.measurement("roc_auc", "performance", 0.70, version="1", n_current=400)
    new = make.measurement("roc_auc", "performance", 0.52, version="2", n_current=500)
    assert suggested([worse], [worse, old, new]) == (
        "Version 2 has roc_auc 0.52 (500 rows), version 1 has 0.7 (400 rows).",
    )
    alike = make.measurement("roc_auc", "performance", 0.68, version="2", n_current=500)
    assert suggested([worse], [worse, old, alike]) == ()


def test_segments_that_add_most_of_the_change_are_named(make, worse):
    """From a fifth of the change on, the largest first."""
    largest = (
        Contribution("features.origin=EWR", -0.06),
        Contribution("features.origin=JFK", -0.02),
        Contribution("features.origin=LGA", -0.01),
    )
    split = Decomposition("roc_auc", ("features.origin",), -0.09, 0.0, -0.09, 0.0, largest=largest)
    assert suggested([worse], [worse], {"roc_auc": split}) == (
        "Segment origin=EWR adds -0.06 of -0.09 to the change of roc_auc.",
        "Segment origin=JFK adds -0.02 of -0.09 to the change of roc_auc.",
    )


def test_features_are_ranked_by_what_they_matter_to_the_model(make, worse):
    """Effect times share of the attributions, where these are known."""
    found = [drift(make, "loud", 0.4), drift(make, "quiet", 0.2)]
    assert suggested([worse], [worse, *found])[0].startswith("loud")
    weights = [
        make.measurement(
            "kolmogorov_smirnov",
            "attribution_drift",
            0.01,
            field=f"prediction.attributions.{name}",
            details={"root_mean_square": size},
        )
        for name, size in (("loud", 0.1), ("quiet", 0.9))
    ]
    first = suggested([worse], [worse, *found, *weights])[0]
    assert (
        first == "quiet moved together with it: kolmogorov_smirnov 0.2 (limit 0.1), and makes 90% of the attributions."
    )


def test_a_drift_alert_names_what_moved_most(make):
    """Its own members."""
    members = [drift(make, "x", 0.5), drift(make, "y", 0.3), drift(make, "z", 0.2)]
    found = suggested(members, members)
    assert [one.split()[0] for one in found] == ["x", "y"]
    assert "moved most" in found[0]


def test_errors_are_named_by_type_and_resources_beside_them(make):
    """Of the type most of them are."""
    rate = make.judged("critical", metric="error_rate", purpose="operational", value=0.2)
    kinds = [
        make.measurement("error_rate_by_type", "operational", value, field=kind)
        for kind, value in (("ValueError", 0.05), ("TimeoutError", 0.15))
    ]
    memory = make.judged("critical", metric="host_memory_percent_max", purpose="resource", value=99.0)
    assert suggested([rate], [rate, *kinds, memory]) == (
        "75% of the errors are TimeoutError.",
        "In the same window host_memory_percent_max 99 (limit 0.1).",
    )


def test_five_at_most_and_never_because(make, worse):
    """People read five; none of them claims a cause."""
    several = [drift(make, f"f{i}", 0.2 + i / 100) for i in range(9)]
    broken = [
        make.judged("warning", metric="missing_share", purpose="quality", field=f"features.f{i}", value=0.4)
        for i in range(9)
    ]
    lost = make.judged("critical", metric="shipping_loss_share", purpose="integrity", value=0.08)
    parts = [make.measurement("roc_auc", "performance", v, version=str(v)) for v in (0.5, 0.7)]
    found = suggested([worse], [worse, *several, *broken, *parts, lost])
    assert len(found) == MOST
    assert not any("because" in one or "caused" in one for one in found)


def test_other_windows_say_nothing(make, worse):
    """Only what was measured in the same window moved together."""
    assert suggested([worse], [worse, drift(make, "x", 0.9, window=1)]) == ()


def test_alerts_carry_causes_and_objectives(make, worse):
    """Those that the window changed; a resolved one keeps what it had."""
    own = make.settings(objectives=(ObjectiveSettings(name="good", metric="roc_auc", target=0.7),))
    judged = [worse, drift(make, "x", 0.3)]
    (alert,) = [one for one in advance([], {}, judged, {}, make.window().end) if one.purpose == "performance"]
    (known,) = with_context([alert], judged, own)
    assert known.objectives == ("good",) and known.suggested[0].startswith("x moved together")
    assert with_context([known], [], own) == [known]
    assert with_context([known], judged, own) == [known]
