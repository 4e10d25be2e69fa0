"""What a user is told about judging itself, from rows through counts and measures to verdict and alert.

For every purpose of drift: data, prediction, attribution and target.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import msgspec
import numpy as np
import pandas as pd
import pytest

from driftlog.contract.profile import ProfileKey
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import DAY, WEEK, Window
from driftlog.decide.alerts import advance
from driftlog.decide.judge import DRIFT_PURPOSES, judge
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.drift.window import drift_measurements
from driftlog.evaluate.performance.window import performance_measurements
from driftlog.profile.count import count_frame, count_outcomes
from driftlog.profile.reference_frame import reference_from_frame

START = datetime(2025, 1, 6, tzinfo=UTC)
SETTINGS = ModelSettings(name="m", environment="e", positive_label="1", window=WEEK, bucket=DAY, min_maturity=0.0)
ROWS = 140


def rows(week, *, wander=0.0, shift=0.0, share=0.5):
    """One week; weeks differ by `wander` from each other; `shift` and `share` of positives are planted."""
    generator = np.random.default_rng([week + 1000, 1])
    x = generator.normal(wander * week + shift, 1.0, ROWS)
    actual = np.where(generator.random(ROWS) < share, "1", "0")
    times = [START + week * WEEK + timedelta(minutes=70 * i) for i in range(ROWS)]
    return pd.DataFrame(
        {
            "@timestamp": times,
            "features.x": x,
            "prediction.score": np.clip(0.5 + x / 20, 0, 1) if not wander else np.clip(0.01 * week + x / 1e4, 0, 1),
            "prediction.label": np.where(x > 0, "1", "0"),
            "prediction.attributions.x": x / 2,
            "outcome.actual": actual,
        }
    )


@cache
def scenario(name):
    """Judged drift of the week after the reference: purpose -> measurement."""
    if name == "restless":
        shares = (0.0, 0.5, 1.0, 0.5)
        return judged([rows(w, wander=9.0, share=shares[w % 4]) for w in range(12)], rows(12, wander=9.0, shift=500.0))
    weeks = {"1 week": range(1), "7 weeks": range(7), "12 weeks": range(12), "a year": range(0, 60, 5)}[
        name.removesuffix(", quiet")
    ]
    week = rows(60) if name.endswith("quiet") else rows(60, shift=9.0, share=1.0)
    return judged([rows(w) for w in weeks], week)


def judged(reference_rows, window_rows):
    """Judged drift of one week, one measurement a purpose: that of the numbers, and of the target."""
    reference_rows = pd.concat(reference_rows)
    binning, reference = reference_from_frame(reference_rows, SETTINGS, origin="test", created=START)
    first = window_rows["@timestamp"].min()
    window = Window(first, first + WEEK)
    key = ProfileKey("m", "e", "*", "*", "", binning.id, window)
    current = count_frame(window_rows, binning, key)
    context = SeriesContext("m", "e", window, reference_id=reference.id)
    days = [
        count_outcomes(
            part,
            binning,
            ProfileKey("m", "e", "*", "*", "", binning.id, Window(first + n * DAY, first + (n + 1) * DAY)),
            positive_label="1",
        )
        for n, part in window_rows.assign(**{"outcome.predicted": window_rows["prediction.label"]}).groupby(
            (window_rows["@timestamp"] - first) // DAY
        )
    ]
    found = drift_measurements(reference, current, binning, SETTINGS, context)
    found += performance_measurements(reference, days, current.n, binning, SETTINGS, context)
    fields = {"features.x", "prediction.score", "prediction.attributions.x", "outcome.actual"}
    drift = [judge(m, SETTINGS) for m in found if m.purpose in DRIFT_PURPOSES and m.field in fields]
    return {m.purpose: m for m in drift}


@pytest.mark.parametrize("purpose", DRIFT_PURPOSES)
def test_a_limit_above_the_maximum_cannot_alarm(purpose):
    """Weeks that differ from each other in everything: nothing could be seen, and it says so with the number."""
    found = scenario("restless")[purpose]
    assert found.verdict == "cannot_alarm"
    assert found.limit.smallest_detectable > 1
    assert found.limit.smallest_detectable == found.limit.warning
    assert "12 chunks" in found.limit.reason
    assert advance([], {}, [found], {found.series: ["cannot_alarm"] * 3}, START) == []


@pytest.mark.parametrize("purpose", DRIFT_PURPOSES)
@pytest.mark.parametrize("weeks", ["1 week", "7 weeks"])
def test_fewer_than_eight_chunks_warn_at_most(purpose, weeks):
    """The mark stands on the measurement and in the alert; the smallest detectable effect allows for few rows."""
    found = scenario(weeks)[purpose]
    assert "reference_too_short" in found.marks
    assert found.value > 0.4
    assert (found.verdict, found.limit.critical) == ("warning", None)
    asked = 1.6276 * np.sqrt(1 / found.n_reference + 1 / found.n_current)
    assert found.limit.smallest_detectable == pytest.approx(max(0.1, asked))
    (alert,) = advance([], {}, [found], {found.series: ["warning"]}, START)
    assert "reference_too_short" in alert.marks
    assert "The reference is too short" in alert.message
    quiet = scenario(f"{weeks}, quiet")[purpose]
    assert (quiet.verdict, "reference_too_short" in quiet.marks) == ("ok", True)


@pytest.mark.parametrize("purpose", DRIFT_PURPOSES)
@pytest.mark.parametrize(("weeks", "unseen"), [("12 weeks", True), ("a year", False)])
def test_below_a_year_a_season_may_be_unseen(purpose, weeks, unseen):
    """Marked and judged; what could be detected stands beside it; the alert bears it in mind."""
    found = scenario(weeks)[purpose]
    assert ("season_unseen" in found.marks) == unseen
    assert "reference_too_short" not in found.marks
    assert found.verdict == "critical"
    assert 0.05 <= found.limit.smallest_detectable < 0.5
    (alert,) = advance([], {}, [found], {found.series: ["critical"]}, START)
    assert ("a season it has not seen" in alert.message) == unseen


def test_rows_that_are_too_few_to_ever_alarm_are_said():
    """Three rows a side: no distance up to 1 has a p-value below 0.01."""
    found = scenario("1 week")["data_drift"]
    few = judge(msgspec.structs.replace(found, n_reference=3, n_current=3, value=1.0), SETTINGS)
    assert few.verdict == "cannot_alarm"
    assert few.limit.smallest_detectable > 1
