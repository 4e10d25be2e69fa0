"""From sums of units to verdicts and sentences."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from driftlog.contract.experiment import ExperimentData, ExperimentResult, UnitSums
from driftlog.contract.settings import ExperimentSettings
from driftlog.evaluate.experiments.analysis import MIN_UNITS, analyse, units_per_day
from driftlog.evaluate.multiple_testing import holm

FIRST = date(2026, 3, 2)
UNTIL = datetime(2026, 3, 16, tzinfo=UTC)
SETTINGS = ExperimentSettings(name="ab", control="a", treatments=("b",), minimum_effect=0.02)


def arm(successes: int, n: int, *, exposed: int | None = None, days: int = 14) -> dict[date, UnitSums]:
    """`n` units over `days`, successes spread evenly."""
    found = {}
    for day in range(days):
        units = n // days + (day < n % days)
        sums = UnitSums(exposed=units)
        before = successes * day // days
        hits = min(units, successes * (day + 1) // days - before)
        for index in range(units):
            sums.add(float(index < hits))
        found[FIRST + timedelta(days=day)] = sums
    found[FIRST].exposed += (exposed if exposed is not None else n) - n
    return found


def result(settings: ExperimentSettings = SETTINGS, *, until: datetime = UNTIL, **arms: Any) -> ExperimentResult:
    return analyse(ExperimentData("subject", until, arms, rows=10_000), settings, model="m", environment="test")


def test_a_clear_difference_is_decided_at_any_look() -> None:
    """300 against 420 of 2,000."""
    found = result(a=arm(300, 2000), b=arm(420, 2000))
    (only,) = found.comparisons
    assert (found.verdict, only.verdict, only.difference) == (
        "treatment_better",
        "treatment_better",
        pytest.approx(0.06),
    )
    assert only.lower > 0 and only.p_value < 0.05 and 0 < only.expected < 0.06
    assert only.lower < only.fixed_lower < only.fixed_upper < only.upper
    assert found.sentence.startswith("b is better than a: +6.00 pp, +40.0%")
    assert any("winner's curse" in note for note in found.notes)
    assert len(only.looks) == 14 and only.looks[-1].lower == pytest.approx(only.lower)


def test_less_is_better_where_the_setting_says_so() -> None:
    """The same counts, read the other way."""
    below = msgspec.structs.replace(SETTINGS, direction="below")
    assert result(below, a=arm(300, 2000), b=arm(420, 2000)).verdict == "treatment_worse"
    assert result(below, a=arm(420, 2000), b=arm(300, 2000)).verdict == "treatment_better"


def test_no_difference_is_said_only_when_the_interval_is_inside_the_minimum_effect() -> None:
    """Equal arms: open with 2,000, settled with 60,000 units."""
    assert result(a=arm(400, 2000), b=arm(400, 2000)).verdict == "keep_collecting"
    assert result(a=arm(12_000, 60_000), b=arm(12_000, 60_000)).verdict == "no_difference"


def test_before_the_end_only_the_sequential_test_decides_and_at_the_end_the_fixed_one() -> None:
    """A difference of fixed p = 0.02: open before, decided after."""
    settings = msgspec.structs.replace(SETTINGS, start="2026-03-02", end="2026-03-16")
    arms = {"a": arm(400, 2000), "b": arm(460, 2000)}
    before = result(settings, until=UNTIL - timedelta(hours=1), **arms)
    after = result(settings, until=UNTIL, **arms)
    assert (before.verdict, after.verdict) == ("keep_collecting", "treatment_better")
    assert before.comparisons[0].fixed_p_value == after.comparisons[0].fixed_p_value < 0.04
    assert (before.comparisons[0].level, after.comparisons[0].fixed_level) == (pytest.approx(0.99), pytest.approx(0.96))
    assert not any("winner" in note for note in after.notes)


def test_an_end_without_a_decision_is_inconclusive() -> None:
    """It is neither a difference nor the absence of one, and must not be extended."""
    settings = msgspec.structs.replace(SETTINGS, end="2026-03-16")
    found = result(settings, a=arm(400, 2000), b=arm(430, 2000))
    assert found.verdict == "inconclusive"
    assert "do not extend" in found.sentence


def test_a_sample_ratio_mismatch_silences_everything_else() -> None:
    """A clear difference with 2,000 against 1,700 units where halves were meant."""
    found = result(a=arm(300, 2000), b=arm(420, 1700))
    assert found.verdict == "sample_ratio_mismatch"
    assert {c.verdict for c in found.comparisons} == {"sample_ratio_mismatch"}
    assert found.sentence.startswith("Do not read these results")
    meant = msgspec.structs.replace(SETTINGS, shares=(0.54, 0.46))
    assert result(meant, a=arm(300, 2000), b=arm(420, 1700)).verdict == "treatment_better"


def test_units_without_a_value_count_for_the_sample_ratio_only() -> None:
    """And a note says so when one arm misses more of them."""
    found = result(a=arm(300, 1500, exposed=2000), b=arm(300, 1900, exposed=2000))
    assert found.sample_ratio_p_value == 1.0
    assert [a.units for a in found.arms] == [1500, 1900]
    assert sum("missing more often" in note for note in found.notes) == 1


def test_few_units_are_not_enough_data() -> None:
    """One unit short of the smallest arm; none at all; no variance."""
    short = result(a=arm(10, MIN_UNITS), b=arm(10, MIN_UNITS - 1))
    assert (short.verdict, short.comparisons[0].lower) == ("insufficient_data", None)
    assert short.comparisons[0].difference is not None
    empty = result(a={}, b={})
    assert (empty.verdict, empty.comparisons[0].difference, empty.units_per_day) == ("insufficient_data", None, None)
    numeric = msgspec.structs.replace(SETTINGS, kind="numeric")
    constant = UnitSums(exposed=100, n=100, rows=100, mean=3.5, m2=0.0, low=3.5, high=3.5)
    assert result(numeric, a={FIRST: constant}, b={FIRST: constant}).verdict == "insufficient_data"


def test_arms_without_any_success_are_not_taken_for_certain() -> None:
    """None of 60 against none of 60 proves nothing."""
    found = result(a=arm(0, 60), b=arm(0, 60))
    assert found.verdict == "keep_collecting"
    assert found.comparisons[0].upper > 0.02


def test_several_treatments_share_alpha() -> None:
    """p-values by Holm; intervals at 1 - alpha / 2; one better treatment decides."""
    settings = msgspec.structs.replace(SETTINGS, treatments=("b", "c"))
    found = result(settings, a=arm(300, 2000), b=arm(310, 2000), c=arm(420, 2000))
    assert [c.verdict for c in found.comparisons] == ["keep_collecting", "treatment_better"]
    assert found.verdict == "treatment_better" and found.sentence.startswith("c is better")
    raw = [c.p_value for c in found.comparisons]
    assert [c.p_adjusted for c in found.comparisons] == pytest.approx(holm(raw))
    assert {round(c.level, 6) for c in found.comparisons} == {0.975}
    assert any("Holm" in note for note in found.notes)


def test_numbers_are_compared_by_welch() -> None:
    """Means 10 and 11, sd 4, 500 units each."""
    settings = msgspec.structs.replace(SETTINGS, kind="numeric", minimum_effect=0.5)
    a = UnitSums(exposed=500, n=500, rows=900, mean=10.0, m2=499 * 16.0, low=-3.0, high=25.0)
    b = UnitSums(exposed=500, n=500, rows=900, mean=11.0, m2=499 * 16.0, low=-3.0, high=25.0)
    found = result(settings, a={FIRST: a}, b={FIRST: b})
    (only,) = found.comparisons
    assert (only.method, only.relative) == ("welch", pytest.approx(0.1))
    assert only.fixed_lower == pytest.approx(1 - 1.9623 * 4 * (2 / 500) ** 0.5, abs=1e-3)
    assert found.verdict == "treatment_better"


def test_what_was_left_out_is_said() -> None:
    """Contamination and rows without a subject, with their shares and what to do."""
    data = ExperimentData(
        "subject",
        UNTIL,
        {"a": arm(300, 2000), "b": arm(310, 2000)},
        contaminated=100,
        rows=5000,
        rows_without_subject=900,
    )
    notes = " ".join(analyse(data, SETTINGS).notes)
    assert "100 subjects (2.44%)" in notes and "assignment does not hold" in notes
    assert "900 predictions (18.00%)" in notes and "Log subject=" in notes


def test_traffic_is_that_of_the_last_week() -> None:
    """Old days and days after the look do not count."""
    data = ExperimentData("subject", UNTIL, {"a": arm(300, 1400), "b": arm(300, 700)})
    assert units_per_day(data) == pytest.approx(150)
    half_a_day = ExperimentData("subject", UNTIL - timedelta(hours=12), {"a": arm(0, 1400)})
    assert units_per_day(half_a_day) == pytest.approx(700 / 6.5)
    assert units_per_day(ExperimentData("subject", UNTIL, {})) is None


def test_results_survive_json() -> None:
    """They are stored when an experiment is stopped."""
    found = result(a=arm(300, 2000), b=arm(420, 2000))
    assert msgspec.json.decode(msgspec.json.encode(found), type=ExperimentResult) == found
