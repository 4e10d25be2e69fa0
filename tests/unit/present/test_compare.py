"""Comparisons and scenarios for people: order, words, and names that mean harm."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from driftlog.contract.binning import Binning, CategoricalBins, NumericBins
from driftlog.contract.comparison import Comparison, Side
from driftlog.contract.measurement import Limit, Measurement
from driftlog.contract.profile import LATENCY_EDGES_NS, FieldCounts, PredictionProfile, ProfileKey
from driftlog.contract.scenario import Reproduction, Scenario, ScenarioLine
from driftlog.contract.window import Window
from driftlog.present.compare_lines import comparison_lines, describe_change, effect, signed, summary
from driftlog.present.compare_page import comparison_fragment, render_comparison
from driftlog.present.compare_table import comparison_table
from driftlog.present.scenario_lines import scenario_lines, would_fire
from driftlog.present.scenario_lines import summary as scenario_summary
from driftlog.present.scenario_page import render_scenario
from driftlog.present.scenario_table import scenario_table

START = datetime(2026, 3, 2, tzinfo=UTC)
WEEK = Window(START, START + timedelta(days=7))
EVIL = "<script>alert(1)</script>"
BINS = Binning(
    "0123456789abcdef",
    "credit",
    "test",
    {
        "features.amount": NumericBins(edges=(10.0, 20.0), coarse=(0, 1, 2), shift=15.0, scale=5.0),
        f"features.{EVIL}": CategoricalBins(("A", EVIL)),
    },
    START,
)


def profile(amounts: list[int], kinds: list[int], *, total: float = 0.0, missing: int = 0) -> PredictionProfile:
    fields = {
        "features.amount": FieldCounts(np.array(amounts), missing=missing, total=total, minimum=1.0, maximum=30.0),
        f"features.{EVIL}": FieldCounts(np.array([*kinds, 0])),
    }
    key = ProfileKey("credit", "test", "*", "*", "", BINS.id, WEEK)
    return PredictionProfile(key, sum(amounts) + missing, fields, np.zeros(len(LATENCY_EDGES_NS) + 1, dtype=np.int64))


BEFORE, NOW = profile([10, 80, 10], [90, 10]), profile([5, 35, 50], [60, 40], total=270.0, missing=10)


def measured(metric: str, purpose: Any, value: float | None, field: str = "", **rest: Any) -> Measurement:
    return Measurement(
        model="credit",
        environment="test",
        metric=metric,
        purpose=purpose,
        window=WEEK,
        value=value,
        field=field,
        **rest,
    )


def limit(warning: float) -> Limit:
    return Limit("default_drift", "above", warning=warning, of_windows=(2, 3))


DRIFT = measured(
    "kolmogorov_smirnov", "data_drift", 0.4, "features.amount", verdict="critical", limit=limit(0.1), p_value=1e-9
)
CALM = measured("total_variation", "data_drift", 0.05, f"features.{EVIL}", verdict="ok", limit=limit(0.1))
AUC = measured(
    "roc_auc", "performance", 0.7, lower=0.65, upper=0.75, reference_value=0.8, unit="share", verdict="warning",
    details={"difference": -0.1, "difference_lower": -0.17, "difference_upper": -0.03, "reference_lower": 0.77},
)  # fmt: skip
ABSENT = measured("accuracy", "performance", None, note="fewer than 30 outcomes", verdict="insufficient_data")
BROKEN = measured("log_loss", "performance", float("inf"), reference_value=0.5, unit="nats")


def comparison(**changes: Any) -> Comparison:
    made = Comparison(
        model="credit",
        environment="test",
        current=Side(WEEK, f"features.kind={EVIL}", version=EVIL),
        reference=Side(WEEK, variant="b"),
        measurements=(CALM, ABSENT, DRIFT, BROKEN, AUC),
        binning=BINS,
        before=BEFORE,
        now=NOW,
        computed=START,
        notes=(f"A note about {EVIL}.",),
    )
    return replace(made, **changes)


def printed(renderable: Any) -> str:
    console = Console(file=io.StringIO(), width=220, color_system=None)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_lines_are_ordered_by_family_and_effect() -> None:
    """Performance before features, the largest first, what has no value last."""
    assert [line.measurement.metric for line in comparison_lines(comparison())] == [
        "roc_auc", "accuracy", "log_loss", "kolmogorov_smirnov", "total_variation",
    ]  # fmt: skip
    assert effect(ABSENT) == -1.0 and effect(AUC) == pytest.approx(0.1)


def test_the_sentence_names_what_moved() -> None:
    """And the measure that got worse."""
    said = summary(comparison_lines(comparison()))
    assert "1 of 2 features differ more than usual: amount." in said
    assert "ROC AUC is worse: 0.800 → 0.700." in said
    assert summary([]) == "There is nothing to compare."


def test_a_change_in_words() -> None:
    """Means with their move in deviations; categories that moved most; missing where it matters."""
    amount, kind = BINS.fields["features.amount"], BINS.fields[f"features.{EVIL}"]
    assert describe_change(amount, BEFORE.fields["features.amount"], NOW.fields["features.amount"]) == (
        "mean 15 → 18 (+0.60 sd), missing 0 % → 10 %"
    )
    assert "A 90 % → 60 %" in describe_change(kind, BEFORE.fields[f"features.{EVIL}"], NOW.fields[f"features.{EVIL}"])


def test_differences_carry_their_sign() -> None:
    """Rounding errors are no difference."""
    assert (signed(AUC, -0.1), signed(AUC, 0.25), signed(AUC, 1e-16)) == ("−0.100", "+0.250", "0")


@pytest.mark.parametrize("render", [render_comparison, comparison_fragment])
def test_pages_escape_what_comes_from_outside(render: Any) -> None:
    """Names of features, versions, segments, categories and notes."""
    page = render(comparison())
    assert "<script" not in page and "&lt;script&gt;" in page
    assert "nan" not in page.lower().replace("finance", "") and "inf " not in page


def test_a_page_without_measurements_says_so() -> None:
    """Nothing to draw is no error."""
    page = render_comparison(
        comparison(measurements=(), reference=None, reference_id="ab" * 16, reference_origin="file x")
    )
    assert "There is nothing to compare." in page and "Stored reference" in page


def test_the_table_shows_sides_lines_and_notes() -> None:
    """With symbols, not by colour alone."""
    text = printed(comparison_table(comparison()))
    assert "current    2026-03-02/2026-03-09" in text and "variant b" in text
    assert "▲▲ critical" in text and "−0.170 to −0.030" in text and "< 0.0001" in text and "A note" in text


def scenario(**changes: Any) -> Scenario:
    moved = measured("kolmogorov_smirnov", "data_drift", 0.4, "features.amount")
    made = Scenario(
        model="credit",
        environment="test",
        window=WEEK,
        changes=("amount=+20%", f"kind={EVIL}"),
        function=f"m:{EVIL}",
        rows=100,
        population=500,
        effective_rows=40.0,
        seed=0,
        reproduction=Reproduction("score", 100, 2, 0.1),
        reference_id="ab" * 16,
        lines=(
            ScenarioLine(measured("roc_auc", "performance", 0.8, unit="share", verdict="ok"), AUC),
            ScenarioLine(replace_value(DRIFT, 0.02, "ok"), DRIFT),
            ScenarioLine(replace_value(CALM, 0.3, "warning"), replace_value(CALM, 0.31, "warning")),
            ScenarioLine(ABSENT, None),
            ScenarioLine(None, measured("missing_share", "quality", 0.5, "features.amount", unit="share")),
        ),
        moved=(moved,),
        binning=BINS,
        actual=BEFORE,
        scenario=NOW,
        computed=START,
        notes=(f"Think of {EVIL}.",),
    )
    return replace(made, **changes)


def replace_value(m: Measurement, value: float, verdict: Any) -> Measurement:
    from msgspec.structs import replace as replaced

    return replaced(m, value=value, verdict=verdict)


def test_new_alerts_come_first() -> None:
    """Critical before warnings; what is crossed already last."""
    fires = would_fire(scenario_lines(scenario()))
    assert [(line.source.either.metric, line.fired) for line in fires] == [
        ("kolmogorov_smirnov", False), ("roc_auc", False), ("total_variation", True),
    ]  # fmt: skip
    said = scenario_summary(scenario(), scenario_lines(scenario()))
    assert "Expected ROC AUC: 0.800 → 0.700." in said and "amount" in said


def test_a_scenario_as_table_and_page() -> None:
    """Actual, scenario, change; nothing from outside is markup."""
    text = printed(scenario_table(scenario()))
    assert "gives another score on 2 of 100 unchanged rows (2.00%)" in text
    assert "after 2 of 3 windows" in text and "crossed already" in text and "+0.380" in text
    page = render_scenario(scenario())
    assert "<script" not in page and "amount=+20%" in page and "<svg" in page
    assert "No threshold would be crossed." in printed(scenario_table(scenario(lines=(), moved=())))
    assert "crosses no threshold" in render_scenario(scenario(lines=(), moved=()))
