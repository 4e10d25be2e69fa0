"""Thresholds at quantiles of a series' own history, and what may teach them."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import numpy as np
import pytest

from driftlog.contract.settings import ThresholdSettings
from driftlog.decide.judge import judge
from driftlog.decide.past import PastValues, lessons, past_value, past_values, span_of, windows_needed


@pytest.fixture
def history(make):
    """Measurements of windows 0, 1, ... with these values, judged as told."""

    def build(values, verdicts=None, **rest):
        verdicts = verdicts or ["ok"] * len(values)
        return [
            make.judged(verdict, window=i, value=float(value), metric="rate", purpose="custom", **rest)
            for i, (value, verdict) in enumerate(zip(values, verdicts, strict=True))
        ]

    return build


def decided(make, past, value, *, window=None, **threshold):
    settings = make.settings({"metric": "rate", "kind": "quantile", **threshold})
    window = len(past or ()) if window is None else window
    return judge(make.measurement("rate", "custom", value, window=window), settings, past)


def test_the_limit_is_an_order_statistic(make, history):
    """Of 99 values the 0.99 quantile is the largest, and the 0.5 quantile the middle one."""
    past = history(np.random.default_rng(1).permutation(99))
    judged = decided(make, past, 98.5, warning=0.5, critical=0.99)
    assert (judged.limit.warning, judged.limit.critical, judged.verdict) == (49.0, 98.0, "critical")
    assert decided(make, past, 98.0, warning=0.5, critical=0.99).verdict == "warning"
    low = decided(make, past, 0.5, direction="below", warning=0.1, critical=0.01)
    assert (low.limit.warning, low.limit.critical, low.verdict) == (9.0, 0.0, "warning")


@pytest.mark.parametrize("quantile", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("draw", ["normal", "exponential", "standard_cauchy"])
def test_an_unchanged_series_lies_beyond_in_one_minus_q(make, quantile, draw):
    """Whatever its distribution: 3,000 histories of the fewest values, one further value each."""
    generator = np.random.default_rng(2)
    n = windows_needed(quantile)
    values = getattr(generator, draw)(size=(3000, n + 1))
    limits = np.quantile(values[:, :n], quantile, axis=1, method="weibull")
    rate = float((values[:, n] > limits).mean())
    assert abs(rate - (1 - quantile)) < 4 * np.sqrt(quantile * (1 - quantile) / 3000)
    past = [
        make.judged("ok", window=i, value=float(v), metric="rate", purpose="custom") for i, v in enumerate(values[0])
    ]
    assert decided(make, past[:n], 0.0, warning=quantile).limit.warning == pytest.approx(limits[0])


def test_too_short_a_history_judges_nothing_and_says_so(make, history):
    """Or judges by the limit that it can tell."""
    short = decided(make, history(range(98)), 1000.0, warning=0.99)
    assert (short.verdict, short.limit.warning) == ("not_judged", None)
    assert "98 earlier values; the 0.99 quantile needs 99" in short.limit.reason
    assert decided(make, None, 1000.0, warning=0.9).verdict == "not_judged"
    partly = decided(make, history(range(98)), 1000.0, warning=0.9, critical=0.99)
    assert (partly.verdict, partly.limit.critical) == ("warning", None)


def test_only_earlier_windows_of_the_same_series_teach(make, history):
    """Not later ones, not this one, not other fields, not values that are immature or of a faulty pipeline."""
    past = history([1.0] * 30)
    assert decided(make, past, 2.0, window=30, warning=0.9).verdict == "warning"
    assert decided(make, past, 2.0, window=10, warning=0.9).verdict == "not_judged"
    other = [msgspec.structs.replace(m, field="features.other") for m in past]
    assert decided(make, other, 2.0, warning=0.9).verdict == "not_judged"
    for mark in ("immature", "integrity"):
        assert past_value(msgspec.structs.replace(past[0], marks=(mark,))) is None
    assert past_value(msgspec.structs.replace(past[0], value=None)) is None


def test_judging_again_with_this_window_among_the_past_changes_nothing(make, history):
    """Later evaluations of a window find its own first result in the store."""
    past = history(range(30))
    once = decided(make, past, 40.0, window=30, warning=0.9)
    assert decided(make, [*past, once], 40.0, window=30, warning=0.9) == once


def test_an_incident_is_not_taught_as_normal(make, history):
    """Thirty good values and ten of an incident: the limit stays where it was."""
    values = [*range(30), *[500.0] * 10]
    verdicts = ["ok"] * 30 + ["warning"] * 10
    judged = decided(make, history(values, verdicts), 400.0, warning=0.9)
    assert (judged.verdict, judged.limit.warning) == ("warning", pytest.approx(26.9))
    assert "30 earlier values (10 in alarm left out)" in judged.limit.reason


def test_a_lasting_change_becomes_normal_after_four_weeks(make, history):
    """From the 29th day of the incident on, its values count as they are."""
    learned = past_values(history([1.0] * 30 + [500.0] * 40, ["ok"] * 30 + ["warning"] * 40))
    counted = [past.value for past in lessons(next(iter(learned.by_series.values())))]
    assert counted == [1.0] * 30 + [500.0] * 12


def test_a_lone_breach_counts_as_the_limit_that_it_crossed(make, history):
    """The limit of `judged` is 0.1: a value of 500 teaches a mean 0.1, and a quantile that it happened."""
    learned = past_values(history([0.05] * 5 + [500.0] + [0.05] * 5, ["ok"] * 5 + ["warning"] + ["ok"] * 5))
    counted = [past.value for past in lessons(next(iter(learned.by_series.values())))]
    assert counted == [0.05] * 5 + [0.1] + [0.05] * 5
    (series,) = learned.by_series.values()
    assert lessons(series, clip=False) == series


@pytest.mark.parametrize("quantile", [0.8, 0.95])
def test_a_limit_that_teaches_itself_does_not_creep(make, quantile):
    """Long unchanged series judged by their own past: breaches stay near 1 - q in their last two thirds."""
    settings = make.settings({"metric": "rate", "kind": "quantile", "warning": quantile})
    breaches = []
    for seed in range(4):
        past = []
        for window, value in enumerate(np.random.default_rng(seed).exponential(size=600)):
            past.append(judge(make.measurement("rate", "custom", float(value), window=window), settings, past[-100:]))
        breaches += [m.verdict == "warning" for m in past[200:]]
    assert 0.7 < np.mean(breaches) / (1 - quantile) < 1.3


def test_a_limit_does_not_depend_on_how_much_was_loaded(make, history):
    """Four times the windows that are needed (8 weeks at least, 1,500 windows and two years at most) are looked at."""
    days = {
        (q, hours): span_of(ThresholdSettings(metric="x", kind="quantile", warning=q), timedelta(hours=hours)).days
        for q, hours in [(0.9, 24), (0.99, 24), (0.999, 24), (0.99, 1), (0.999, 1)]
    }
    assert days == {(0.9, 24): 80, (0.99, 24): 396, (0.999, 24): 730, (0.99, 1): 56, (0.999, 1): 62}
    past = history([*[900.0] * 100, *range(80)])
    all_of_it, enough = (decided(make, known, 0.0, window=180, warning=0.9) for known in (past, past[100:]))
    assert all_of_it == enough
    assert PastValues().before(past[0]) == []
