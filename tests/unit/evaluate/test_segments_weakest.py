"""Weak segments are found; lucky and unlucky ones are not called weak."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
from scipy import stats

from driftlog.contract.measurement import Chunks, Measurement
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.evaluate.proportions import wilson_interval
from driftlog.evaluate.segments.weakest import rank_segments

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = Window(START, START + timedelta(days=1))
WEEK = Window(START, START + timedelta(days=7))
SETTINGS = ModelSettings(name="m")
SIZES = (100, 120, 150, 200, 200, 300, 300, 500, 800, 1000, 2000, 5000)


def measured(metric, segment, value, n, **rest):
    rest = {"purpose": "performance", "window": DAY} | rest
    return Measurement(model="m", environment="e", metric=metric, segment=segment, value=value, n_current=n, **rest)


def accuracy(segment, right, n, **rest):
    low, high = wilson_interval(right, n)
    return measured("accuracy", segment, right / n, n, lower=low, upper=high, method="95 % Wilson", **rest)


def window_of(right, sizes=SIZES):
    """Accuracy of the whole and of segments of these sizes."""
    parts = [accuracy(f"features.s={i:02}", int(r), n) for i, (r, n) in enumerate(zip(right, sizes, strict=True))]
    return [accuracy("", int(sum(right)), sum(sizes)), *parts]


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95, 0.99])
def test_no_segment_is_weak_by_chance(share):
    """Twelve segments that do not differ: in at most 5 % of 1,500 windows (and a margin) one is called weak."""
    generator = np.random.default_rng(1)
    hits = [
        any(rank.weak for rank in rank_segments(window_of(generator.binomial(SIZES, share)), SETTINGS))
        for _ in range(1500)
    ]
    assert np.mean(hits) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 1500)


@pytest.mark.parametrize(
    ("size", "gap", "found"), [(100, 0.2, 0.8), (300, 0.15, 0.95), (1000, 0.1, 0.99), (5000, 0.05, 0.99)]
)
def test_planted_weak_segments_come_first(size, gap, found):
    """Of 0.9 accuracy by so much less: the share of 200 windows in which it is called weak and comes first."""
    generator = np.random.default_rng(2)
    sizes = (*SIZES, size)
    hits = 0
    for _ in range(200):
        right = [*generator.binomial(SIZES, 0.9), generator.binomial(size, 0.9 - gap)]
        first = rank_segments(window_of(right, sizes), SETTINGS)[0]
        hits += first.weak and first.segment == f"features.s={len(SIZES):02}"
    assert hits / 200 >= found


def test_a_small_segment_needs_a_larger_gap_to_come_first():
    """25 wrong of 100 is 0.13 below the whole; 2,000 rows at 0.1 below are the surer case."""
    ranks = rank_segments(window_of([75, 1560, 9000], (100, 2000, 10_000)), SETTINGS)
    assert [(rank.segment[-2:], rank.weak) for rank in ranks] == [("01", True), ("00", True), ("02", False)]
    assert ranks[0].gap < ranks[1].gap
    assert ranks[0].lower > ranks[1].lower > 0 > ranks[2].lower


def test_segments_below_the_minimum_and_unusable_values_are_not_ranked():
    """Nor immature ones, nor those of a faulty pipeline, nor single classes."""
    whole, part = accuracy("", 900, 1000), accuracy("features.s=a", 50, 100)
    assert [r.segment for r in rank_segments([whole, part], SETTINGS)] == ["features.s=a"]
    larger = msgspec.structs.replace(SETTINGS, min_segment_rows=101)
    assert rank_segments([whole, part], larger) == []
    for change in ({"marks": ("immature",)}, {"marks": ("integrity",)}, {"value": None}, {"field": "class:a"}):
        assert rank_segments([whole, msgspec.structs.replace(part, **change)], SETTINGS) == []
    assert rank_segments([part], SETTINGS) == []
    assert rank_segments([], SETTINGS) == []


def test_ties_are_ranked_by_name_in_any_order():
    """The same list whatever the order of the measurements."""
    found = window_of([40, 40, 40, 400], (50, 50, 50, 450))
    settings = msgspec.structs.replace(SETTINGS, min_segment_rows=10)
    names = [rank.segment for rank in rank_segments(found, settings)]
    assert names == sorted(names[:3]) + names[3:]
    assert rank_segments(found[::-1], settings) == rank_segments(found, settings)


def test_the_worse_side_depends_on_the_metric():
    """A larger error is worse; a larger AUC is better; metrics without a worse side are not ranked."""
    regression = msgspec.structs.replace(SETTINGS, task="regression")
    errors = [
        measured("mae", segment, value, n, lower=value - 0.1, upper=value + 0.1)
        for segment, value, n in [("", 5.0, 5000), ("features.s=bad", 6.0, 500), ("features.s=good", 4.0, 500)]
    ]
    assert [(r.segment, r.weak) for r in rank_segments(errors, regression)] == [
        ("features.s=bad", True),
        ("features.s=good", False),
    ]
    named = [msgspec.structs.replace(m, metric="roc_auc", value=1 / m.value, lower=0.1, upper=0.3) for m in errors]
    assert rank_segments(named, SETTINGS)[0].segment == "features.s=bad"
    assert rank_segments(named, SETTINGS, metrics=("accuracy",)) == []
    bias = [msgspec.structs.replace(m, metric="bias") for m in errors]
    assert rank_segments(bias, regression, metrics=("bias",)) == []


def test_days_and_chunks_widen_the_uncertainty():
    """An interval clustered by 7 days has 6 degrees of freedom; chunks that vary more than rows say count instead."""
    whole = accuracy("", 9000, 10_000, window=WEEK)
    rows = measured("accuracy", "features.s=a", 0.86, 1000, window=WEEK, lower=0.84, upper=0.88, method="95 % Wilson")
    clustered = msgspec.structs.replace(rows, method="95 % clustered by day (7 days, jackknife)")
    (by_rows,), (by_days,) = (rank_segments([whole, m], SETTINGS) for m in (rows, clustered))
    se = 0.02 / stats.t.ppf(0.975, 6) * np.sqrt(0.9)
    assert by_days.p_value == pytest.approx(stats.t.sf(0.04 / se, 6))
    assert by_days.lower == pytest.approx(0.04 - stats.t.ppf(0.95, 6) * se)
    assert by_rows.p_value < by_days.p_value
    unsteady = msgspec.structs.replace(rows, chunks=Chunks(k=12, mean=0.88, sd=0.03))
    assert not rank_segments([whole, unsteady], SETTINGS)[0].weak


def drifted(segment, value, *, field="features.x", p_value=1e-9, chunks=None, **rest):
    return measured(
        "kolmogorov_smirnov", segment, value, 500, field=field, p_value=p_value, chunks=chunks,
        purpose="data_drift", n_reference=5000, **rest,
    )  # fmt: skip


def test_drift_is_ranked_beyond_what_is_usual():
    """A segment that always varies has to move farther; the fields that make a segment do not count."""
    steady, restless = Chunks(k=12, mean=0.05, sd=0.01), Chunks(k=12, mean=0.25, sd=0.05)
    ranks = rank_segments(
        [
            drifted("features.s=steady", 0.2, chunks=steady),
            drifted("features.s=restless", 0.3, chunks=restless),
            drifted("features.s=restless", 1.0, field="features.s", chunks=steady),
        ],
        SETTINGS,
    )
    assert [(r.segment, r.weak, r.field) for r in ranks] == [
        ("features.s=steady", True, "features.x"),
        ("features.s=restless", False, "features.x"),
    ]
    assert ranks[0].usual == 0.05
    assert rank_segments([drifted("features.s=a", 0.2, p_value=0.4, chunks=steady)], SETTINGS)[0].weak is False
    assert rank_segments([drifted("features.s=a", 0.2)], SETTINGS)[0].weak is True
    assert rank_segments([drifted("features.s=a", 0.2, p_value=None)], SETTINGS) == []


def test_no_segment_drifts_by_chance():
    """Uniform p-values of 10 segments with 14 fields each: at most 5 % of 500 windows."""
    generator = np.random.default_rng(3)
    hits = 0
    for _ in range(500):
        p = generator.uniform(size=(10, 14))
        found = [
            drifted(f"features.s={i}", 0.05, field=f"features.x{j}", p_value=float(p[i, j]))
            for i in range(10)
            for j in range(14)
        ]
        hits += any(rank.weak for rank in rank_segments(found, SETTINGS))
    assert hits / 500 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 500)


def test_performance_comes_before_drift():
    """Two rankings, one after the other, each adjusted for itself."""
    ranks = rank_segments([*window_of([50, 900], (100, 1000)), drifted("features.s=00", 0.5)], SETTINGS)
    assert [rank.purpose for rank in ranks] == ["performance", "performance", "data_drift"]


def test_fields_that_vary_from_window_to_window_name_no_segment():
    """Effects are |normal|, as of windows whose mean moves by itself; 12 chunks; 10 segments with 10 fields each.

    Student's t alone, with the chunks' mean and standard deviation, names one in a third of the windows.
    """
    generator = np.random.default_rng(4)
    hits = 0
    for _ in range(400):
        effects = np.abs(generator.normal(0, 0.03, size=(10, 10, 13)))
        mean, sd = effects[..., :12].mean(axis=-1), effects[..., :12].std(axis=-1, ddof=1)
        found = [
            drifted(
                f"features.s={i}",
                float(effects[i, j, 12]),
                field=f"features.x{j}",
                chunks=Chunks(12, float(mean[i, j]), float(sd[i, j])),
            )
            for i in range(10)
            for j in range(10)
        ]
        hits += any(rank.weak for rank in rank_segments(found, SETTINGS))
    assert hits / 400 <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)
