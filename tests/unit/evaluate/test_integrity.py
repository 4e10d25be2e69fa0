"""Pipeline integrity as measurements, and what it does to the drift of its window."""

from __future__ import annotations

import pytest

from driftlog.contract.integrity import IntegritySummary
from driftlog.evaluate.integrity.suppression import SUPPRESSED, affected, faults, with_integrity_mark
from driftlog.evaluate.integrity.window import integrity_measurements


def _measured(build, **numbers):
    summary = IntegritySummary(window=build.window(), **numbers)
    return {m.metric: m for m in integrity_measurements(summary, build.settings(), build.context())}


def _healthy(build, **numbers):
    usual = {
        "stored": 1000,
        "arrived": 1000,
        "dropped": 0,
        "shipped": 1000,
        "processes": 2,
        "sampled": 1000,
        "lag_p50_s": 0.5,
        "lag_p95_s": 2.0,
        "compared": 300,
        "expected_hours": 100,
    }
    return _measured(build, **(usual | numbers))


def test_a_healthy_stream_has_all_six_and_no_fault(build):
    """Zero everywhere but for the lag."""
    found = _healthy(build)
    assert {metric: m.value for metric, m in found.items()} == {
        "shipping_loss_share": 0,
        "quarantine_rate": 0,
        "duplicate_share": 0,
        "clock_skew_share": 0,
        "ingest_lag_p95_s": 2.0,
        "silent_hours": 0,
    }
    assert not affected(found.values())
    assert {m.purpose for m in found.values()} == {"integrity"}


def test_what_cannot_be_known_is_not_measured(build):
    """An import: no processes, nothing that arrived by itself, no weeks before."""
    assert _measured(build, stored=5000) == {}


def test_shares_are_of_what_was_sent(build):
    """Lost and stored, refused and arrived, copies and compared."""
    found = _healthy(build, dropped=250, quarantined={"rejected": 60, "id_reused": 40}, repeated=60.0, ahead=100)
    assert found["shipping_loss_share"].value == pytest.approx(0.2)
    assert found["quarantine_rate"].value == pytest.approx(100 / 1100)
    assert found["quarantine_rate"].details == {"rejected": 60.0, "id_reused": 40.0}
    assert found["duplicate_share"].value == pytest.approx(0.2)
    assert found["duplicate_share"].details["reused_ids"] == 40
    assert found["clock_skew_share"].value == pytest.approx(0.1)
    for name in ("shipping_loss_share", "quarantine_rate", "duplicate_share", "clock_skew_share"):
        assert 0 <= found[name].lower < found[name].value < found[name].upper <= 1


def test_samples_are_marked_approximate(build):
    """Not where the sample is the window."""
    found = _healthy(build, stored=5000)
    assert found["ingest_lag_p95_s"].marks == found["clock_skew_share"].marks == ("approximate",)
    assert _healthy(build)["clock_skew_share"].marks == ()


def test_few_events_have_no_value(build):
    """And say how many there would have to be."""
    found = _measured(build, stored=5, arrived=4, quarantined={"rejected": 1}, sampled=5, lag_p95_s=9.0, compared=5)
    assert {m.value for m in found.values()} == {None}
    assert found["quarantine_rate"].note == "fewer than 30 events"
    assert not affected(found.values())


def test_everything_refused_is_a_rate_of_one(build):
    """Nothing arrived."""
    assert _measured(build, quarantined={"rejected": 50})["quarantine_rate"].value == 1.0


@pytest.mark.parametrize(
    "numbers",
    [
        {"dropped": 100},
        {"quarantined": {"rejected": 100}},
        {"repeated": 40.0},
        {"silent_hours": 21},
    ],
)
def test_a_tenth_lost_refused_or_doubled_or_a_fifth_silent_is_a_fault(build, numbers):
    """Each by itself."""
    found = _healthy(build, **numbers)
    assert affected(found.values())
    assert len(faults(found.values())) == 1


@pytest.mark.parametrize(
    "numbers",
    [
        {"dropped": 20},
        {"quarantined": {"rejected": 55}},
        {"repeated": 16.0},
        {"silent_hours": 20},
        {"silent_hours": 1, "expected_hours": 1},
        {"arrived": 28, "quarantined": {"rejected": 4}},
        {"lag_p95_s": 5e6, "backfilled": 900},
        {"ahead": 1000},
    ],
)
def test_small_or_uncertain_or_late_is_no_fault(build, numbers):
    """A few percent, four of 32, one hour at night, a back-fill, clocks seconds ahead."""
    assert not affected(_healthy(build, **numbers).values())


def test_drift_and_performance_of_a_faulty_window_are_marked(build):
    """Once, with the reason in the note; quality and operation stay, and so does everything in a sound window."""
    context = build.context()
    purposes = [*SUPPRESSED, "quality", "operational", "integrity"]
    measurements = [context.measurement("m", purpose, 0.5) for purpose in purposes]
    noted = context.measurement("n", "data_drift", 0.5, note="small sample", marks=("season_unseen",))
    integrity = list(_healthy(build, dropped=250, silent_hours=50).values())
    marked = with_integrity_mark([*measurements, noted], integrity)
    assert [m.purpose for m in marked if "integrity" in m.marks] == [*SUPPRESSED, "data_drift"]
    assert marked[0].note == "pipeline at fault: shipping_loss_share 20%, 50 of 100 hours without events"
    assert marked[-1].note.startswith("small sample; pipeline at fault: ")
    assert marked[-1].marks == ("season_unseen", "integrity")
    assert with_integrity_mark(marked, integrity) == marked
    assert with_integrity_mark(measurements, list(_healthy(build).values())) == measurements
    assert with_integrity_mark(measurements, []) == measurements


def test_other_purposes_are_no_faults(build):
    """A custom metric of the same name."""
    assert not affected([build.context().measurement("quarantine_rate", "custom", 1.0, lower=1.0)])
