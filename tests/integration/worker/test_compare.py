"""Comparisons on a real Elasticsearch, against pandas on the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from tests.integration.api.traffic import BEFORE, DAY, DAYS, ROWS, START, Traffic, days, send, traffic

from driftlog.contract.comparison import Comparison, Side
from driftlog.contract.errors import ReferenceUnusable, UsageError
from driftlog.contract.measurement import Measurement
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.evaluate.drift.registry import DRIFT_MEASURES
from driftlog.profile.count import count_numeric
from driftlog.worker.compare import compare
from driftlog.worker.sides import chunk_windows, count_side

pytestmark = pytest.mark.elasticsearch


@pytest.fixture(scope="module")
def there(elasticsearch_url: str) -> Iterator[Traffic]:
    with traffic(elasticsearch_url) as made:
        yield made


def now() -> datetime:
    return datetime(2026, 4, 1, tzinfo=UTC)


def run(there: Traffic, current: Side, reference: Side | str = "active", **more: Any) -> Comparison:
    return compare(there.store, there.settings, current, reference, now=now, **more)


def one(comparison: Comparison, metric: str, field: str = "") -> Measurement:
    (found,) = [m for m in comparison.measurements if (m.metric, m.field) == (metric, field)]
    return found


def accuracy(frame: pd.DataFrame) -> float:
    return float((frame["label"] == frame["actual"]).mean())


def test_drift_is_that_of_the_rows(there: Traffic) -> None:
    """The value is the measure of the same rows counted with NumPy."""
    found = run(there, Side(days(BEFORE, DAYS)), Side(days(0, BEFORE)))
    bins = found.binning.fields["features.amount"]
    before, now_ = (count_numeric(there.between(*span)["amount"], bins) for span in ((0, BEFORE), (BEFORE, DAYS)))
    drift = one(found, "kolmogorov_smirnov", "features.amount")
    expected = DRIFT_MEASURES["kolmogorov_smirnov"](before, now_, bins, seed=1)
    assert drift.value == pytest.approx(expected.value)
    assert (drift.n_reference, drift.n_current) == (BEFORE * ROWS, (DAYS - BEFORE) * ROWS)
    assert drift.p_value is not None and drift.p_value < 1e-6
    assert one(found, "total_variation", "features.plan").value == pytest.approx(
        abs(
            (there.between(0, BEFORE)["plan"] == "plus").mean() - (there.between(BEFORE, DAYS)["plan"] == "plus").mean()
        )
    )


def test_stored_profiles_and_raw_events_give_the_same(there: Traffic) -> None:
    """A window of whole buckets is read from profiles, any other counted; the counts agree with pandas."""
    binning = run(there, Side(days(0, 1))).binning
    stored = count_side(there.store, there.settings, binning, Side(days(2, 5)))
    nothing_stored = msgspec.structs.replace(binning, id="other")
    raw = count_side(there.store, there.settings, nothing_stored, Side(days(2, 5)))
    assert (stored.stored, raw.stored) == (True, False)
    assert stored.predictions.n == raw.predictions.n == 3 * ROWS
    for name, counted in stored.predictions.fields.items():
        assert counted.counts.tolist() == raw.predictions.fields[name].counts.tolist(), name
    assert sum(day.n for day in stored.outcomes) == sum(day.n for day in raw.outcomes) == 3 * ROWS


def test_a_window_inside_a_bucket_counts_its_events_only(there: Traffic) -> None:
    """From 10:20 to 15:40: as many rows as pandas finds there."""
    start = START + 3 * DAY + timedelta(hours=10, minutes=20)
    window = Window(start, start + timedelta(hours=5, minutes=20))
    found = run(there, Side(window), Side(days(0, 3)))
    inside = (there.frame["at"] >= window.start) & (there.frame["at"] < window.end)
    assert found.now.n == int(inside.sum())
    assert one(found, "predictions").value == inside.sum()


@pytest.mark.parametrize(("version", "expected"), [("1", 8 * ROWS - 4 * ROWS), ("2", 4 * ROWS), ("*", 8 * ROWS)])
def test_versions_are_told_apart(there: Traffic, version: str, expected: int) -> None:
    """The four days before and after the change."""
    found = run(there, Side(days(BEFORE - 4, DAYS), version=version), Side(days(0, 4)))
    assert found.now.n == expected


def test_one_window_can_be_compared_by_variant(there: Traffic) -> None:
    """The same days, variant b against variant a: nothing differs, and no event is shared."""
    found = run(there, Side(days(0, 8), variant="b"), Side(days(0, 8), variant="a"))
    assert (found.now.n, found.before.n) == (2 * ROWS, 6 * ROWS)
    assert not any("share events" in note for note in found.notes)
    assert one(found, "total_variation", "features.country").verdict == "ok"


def test_performance_of_both_sides_and_their_difference(there: Traffic) -> None:
    """Accuracy as pandas computes it, and an interval around the difference."""
    found = run(there, Side(days(BEFORE, DAYS)), Side(days(0, BEFORE)))
    before, after = accuracy(there.between(0, BEFORE)), accuracy(there.between(BEFORE, DAYS))
    measured = one(found, "accuracy")
    assert (measured.reference_value, measured.value) == (pytest.approx(before), pytest.approx(after))
    assert measured.details["difference"] == pytest.approx(after - before)
    assert measured.details["difference_lower"] < after - before < measured.details["difference_upper"]
    assert not any(m.metric.endswith("_difference") for m in found.measurements)


def test_a_segment_that_is_not_watched_has_its_own_performance(there: Traffic) -> None:
    """Outcomes carry no features: they are joined to the segment's rows by id."""
    found = run(there, Side(days(0, 4), "plan=plus"), Side(days(0, 4), "plan=basic"))
    frame = there.between(0, 4)
    plus, basic = (frame[frame["plan"] == name] for name in ("plus", "basic"))
    assert (found.now.n, found.before.n) == (len(plus), len(basic))
    measured = one(found, "accuracy")
    assert (measured.value, measured.reference_value) == (pytest.approx(accuracy(plus)), pytest.approx(accuracy(basic)))
    assert measured.segment == "features.plan=plus"
    assert not any(m.field == "features.plan" for m in found.measurements)


def test_a_numeric_segment(there: Traffic) -> None:
    """Ranges are half open."""
    found = run(there, Side(days(0, 4), "amount=[100,120)"), Side(days(0, 4)))
    amounts = there.between(0, 4)["amount"]
    assert found.now.n == int(((amounts >= 100) & (amounts < 120)).sum())
    assert any("share events" in note for note in found.notes)


def test_a_long_reference_is_cut_and_says_what_is_usual(there: Traffic) -> None:
    """Nine days before one day: nine stretches, and a limit from them."""
    quiet = run(there, Side(days(9, 10)), Side(days(0, 9)))
    assert quiet.chunks == 9
    assert one(quiet, "kolmogorov_smirnov", "features.amount").verdict == "ok"
    moved = run(there, Side(days(12, 13)), Side(days(0, 9)))
    drift = one(moved, "kolmogorov_smirnov", "features.amount")
    assert drift.verdict in ("warning", "critical") and drift.chunks is not None and drift.chunks.k == 9


def test_a_short_reference_says_so(there: Traffic) -> None:
    """Three stretches are too few."""
    found = run(there, Side(days(9, 10)), Side(days(0, 3)))
    assert any("3 stretches" in note for note in found.notes)
    assert "reference_too_short" in one(found, "kolmogorov_smirnov", "features.amount").marks


def test_a_stored_reference_by_the_beginning_of_its_id(there: Traffic) -> None:
    """And the active one is the same."""
    by_id = run(there, Side(days(12, 13)), there.reference_id[:8])
    active = run(there, Side(days(12, 13)))
    assert by_id.reference_id == active.reference_id == there.reference_id
    assert [m.value for m in by_id.measurements] == [m.value for m in active.measurements]


def test_methods_are_the_only_ones_measured(there: Traffic) -> None:
    """Each on the fields it is defined on."""
    found = run(there, Side(days(12, 13)), methods=["wasserstein", "jensen_shannon"])
    drift = {(m.metric, m.field) for m in found.measurements if m.purpose == "data_drift"}
    assert ("wasserstein", "features.amount") in drift and ("jensen_shannon", "features.plan") in drift
    assert {metric for metric, _ in drift} == {"wasserstein", "jensen_shannon"}
    assert ("wasserstein", "features.plan") not in drift


def test_events_that_no_profile_counts_yet_are_counted(there: Traffic) -> None:
    """A day whose profile is behind is counted from its events."""
    late = there.frame.iloc[:5].copy()
    late["at"] = [START + 20 * DAY + timedelta(minutes=i) for i in range(5)]
    late.index = np.arange(10_000, 10_005)
    send(there.store, late)
    found = run(there, Side(days(20, 21)), Side(days(0, 9)))
    assert found.now.n == 5
    assert one(found, "kolmogorov_smirnov", "features.amount").verdict == "insufficient_data"


def test_no_data_names_the_nearest_windows(there: Traffic) -> None:
    """On either side, in windows of the model's length."""
    with pytest.raises(UsageError) as refused:
        run(there, Side(days(16, 17)))
    assert "no predictions" in refused.value.message and "2026-03-15/2026-03-16" in refused.value.remedy
    with pytest.raises(UsageError) as refused:
        run(there, Side(days(0, 1), "country=XX"), Side(days(0, 1)))
    assert "DE" in refused.value.remedy and f"{ROWS:,} in that window" in refused.value.message


def test_what_cannot_be_compared_is_refused(there: Traffic) -> None:
    """With what to do instead."""
    with pytest.raises(UsageError, match="not a drift measure") as unknown:
        run(there, Side(days(0, 1)), methods=["ks"])
    assert "kolmogorov_smirnov" in unknown.value.remedy
    with pytest.raises(UsageError, match="does not keep the segment"):
        run(there, Side(days(0, 1), "plan=plus"))
    with pytest.raises(ReferenceUnusable, match="no reference 'ffff'"):
        run(there, Side(days(0, 1)), "ffff")
    with pytest.raises(UsageError, match="not of the form"):
        run(there, Side(days(0, 1), "plus"), Side(days(0, 1)))
    elsewhere = replace(there, settings=ModelSettings(name="credit", environment="elsewhere"))
    with pytest.raises(ReferenceUnusable) as bare:
        run(elsewhere, Side(days(0, 1)), Side(days(0, 1)))
    assert "driftlog reference set" in bare.value.remedy


def test_stretches_keep_to_local_midnight() -> None:
    """Across the change of the clock a day in Berlin is 23 hours long."""
    monday = Window(datetime(2026, 4, 5, 22, tzinfo=UTC), datetime(2026, 4, 6, 22, tzinfo=UTC))
    month = Window(datetime(2026, 3, 27, 23, tzinfo=UTC), datetime(2026, 3, 30, 22, tzinfo=UTC))
    found = chunk_windows(month, monday, "Europe/Berlin")
    assert [w.length for w in found] == [DAY, timedelta(hours=23), DAY]


def test_many_short_stretches_keep_to_the_time_of_day() -> None:
    """Two years of hours would be 17,520: those of the same hour, the latest 120."""
    hour = Window(START, START + timedelta(hours=1))
    found = chunk_windows(Window(START - 730 * DAY, START), hour, "UTC")
    assert len(found) == 120 and {w.start.hour for w in found} == {0} and found[-1].end == START - timedelta(hours=23)
