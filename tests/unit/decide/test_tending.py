"""What time does to alerts: snoozes end, mutes and silences come and go, people are reminded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from driftlog.contract.alerting import AlertSettings, MaintenanceWindowSettings, RunbookSettings
from driftlog.contract.handling import Silence
from driftlog.decide.alert_steps import after_window
from driftlog.decide.alerts import advance
from driftlog.decide.planned import going_on
from driftlog.decide.runbooks import runbook_of
from driftlog.decide.tending import fits, is_due, tend
from driftlog.decide.transitions import moved

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
REMIND = AlertSettings(escalate_after=HOUR, escalate_from="warning")


@pytest.fixture
def now(make):
    """The moment the first window is over and judged."""
    return make.start + DAY


@pytest.fixture
def alert(make, now):
    (opened,) = advance([], {}, [make.judged("warning")], {}, now)
    return opened


@pytest.fixture
def fault(make, now):
    """An alert on the pipeline, of the same window."""
    judged = [make.judged("critical", metric="shipping_loss_share", purpose="integrity")]
    (opened,) = advance([], {}, judged, {}, now)
    return opened


def tended(alerts, settings, now, silences=()):
    """What changed, by purpose; the same again changes nothing."""
    changed = tend(alerts, settings, silences, now)
    rest = {alert.id: alert for alert in alerts} | {alert.id: alert for alert in changed}
    assert tend(rest.values(), settings, silences, now) == []
    return {alert.purpose: alert for alert in changed}


def test_nobody_acknowledges_and_people_are_reminded_again_and_again(alert, now):
    """Once an hour; a worker that was away for a day reminds once."""
    assert tended([alert], REMIND, now + 59 * MINUTE) == {}
    first = tended([alert], REMIND, now + HOUR)["data_drift"]
    assert (first.escalations, first.escalated, first.status) == (1, now + HOUR, "open")
    assert tended([first], REMIND, now + HOUR + 59 * MINUTE) == {}
    second = tended([first], REMIND, now + DAY)["data_drift"]
    assert (second.escalations, second.history[-1].kind) == (2, "escalated")


def test_what_is_acknowledged_mild_or_quiet_is_not_escalated(alert, now):
    """Nor where the settings do not ask for it."""
    later = now + 5 * HOUR
    assert is_due(alert, REMIND, later)
    quiet = [
        {"status": "acknowledged"},
        {"snoozed_until": now + DAY},
        {"muted_by": "x"},
        {"silenced_by": "s"},
        {"severity": "info"},
        {"status": "resolved"},
    ]
    assert not any(is_due(msgspec.structs.replace(alert, **facets), REMIND, later) for facets in quiet)
    assert not is_due(alert, AlertSettings(), later)
    assert not is_due(alert, AlertSettings(escalate_after=HOUR), later)


def test_an_alert_that_gets_worse_waits_from_then_on(alert, make, now):
    """Where only critical ones are escalated, the hour begins when it became critical."""
    settings = AlertSettings(escalate_after=HOUR, escalate_from="critical")
    (worse,) = advance([alert], {alert.key: 1}, [make.judged("critical", window=1)], {}, now + 5 * HOUR)
    assert worse.history[-1].kind == "worsened"
    assert not is_due(worse, settings, now + 5 * HOUR + 59 * MINUTE)
    assert is_due(worse, settings, now + 6 * HOUR)
    (same,) = advance([alert], {alert.key: 1}, [make.judged("critical", window=1)], {}, now + 30 * MINUTE)
    assert is_due(same, REMIND, now + HOUR), "it was as severe as asked for before it got worse"


def test_a_clock_that_was_far_ahead_does_not_silence_reminders_for_ever(alert, now):
    """Its times count as passed; a little ahead is waited for."""
    ahead = moved(alert, "escalated", now + 400 * DAY, escalations=1)
    assert is_due(ahead, REMIND, now + HOUR)
    assert not is_due(moved(alert, "escalated", now + 90 * MINUTE, escalations=1), REMIND, now + HOUR)


def test_a_snooze_ends_and_the_waiting_begins_again(alert, now):
    """By driftlog itself, and once; the reminder comes an hour after that."""
    snoozed = msgspec.structs.replace(alert, snoozed_until=now + 3 * HOUR)
    assert tended([snoozed], REMIND, now + 2 * HOUR) == {}
    awake = tended([snoozed], REMIND, now + 3 * HOUR)["data_drift"]
    assert (awake.snoozed_until, awake.history[-1].kind, awake.history[-1].by) == (None, "unsnoozed", "driftlog")
    assert not is_due(awake, REMIND, now + 3 * HOUR + 59 * MINUTE)
    assert is_due(awake, REMIND, now + 4 * HOUR)


def test_a_pipeline_at_fault_mutes_the_drift_it_explains(alert, fault, now):
    """Until it is well again; then people are told of what is still open."""
    muted = tended([alert, fault], AlertSettings(), now)["data_drift"]
    assert (muted.muted_by, muted.status) == (fault.id, "open")
    assert "the pipeline loses" in muted.history[-1].text
    over = msgspec.structs.replace(fault, status="resolved")
    back = tended([muted, over], AlertSettings(), now + HOUR)["data_drift"]
    assert (back.muted_by, back.history[-1].kind) == ("", "unmuted")


def test_what_opened_before_the_fault_is_not_explained_by_it(make, now):
    """Nor is latency, nor the fault itself, nor what is over."""
    (drift,) = advance([], {}, [make.judged("warning")], {}, now)
    judged = [
        make.judged("critical", metric="shipping_loss_share", purpose="integrity", window=1),
        make.judged("critical", metric="latency_p99_ms", purpose="operational", window=1),
    ]
    later = advance([], {}, judged, {}, now + DAY)
    over = msgspec.structs.replace(drift, status="resolved", first_window=make.window(3))
    assert tended([drift, *later], AlertSettings(), now + DAY) == {}
    assert tended([over, *later], AlertSettings(), now + DAY) == {}


def test_a_drift_alert_is_muted_in_the_write_that_opens_it(make, now):
    """Fault and drift of one window: nobody can be told in between."""
    judged = [
        make.judged("warning"),
        make.judged("critical", metric="shipping_loss_share", purpose="integrity"),
    ]
    changed = after_window({}, {}, judged, {}, make.settings(), [], now)
    drift = next(alert for alert in changed if alert.purpose == "data_drift")
    assert [one.kind for one in drift.history] == ["opened", "muted"]


NIGHTLY = MaintenanceWindowSettings(name="backup", cron="0 2 * * *", duration=2 * HOUR, why="restore test")


def planned(make, opened, now):
    """A warning that opened at `opened`, as it is at `now`, with nightly maintenance from two to four (UTC)."""
    (alert,) = advance([], {}, [make.judged("warning")], {}, opened)
    settings = AlertSettings(maintenance=(NIGHTLY,))
    (alert,) = tend([alert], settings, (), opened) or [alert]
    return tended([alert], settings, now).get("data_drift", alert)


def test_what_opens_in_a_maintenance_window_is_told_afterwards(make, now):
    """If it is still open then."""
    inside = planned(make, now + 3 * HOUR, now + 3 * HOUR)
    assert inside.muted_by == "maintenance: backup"
    assert (inside.history[-1].text, inside.history[-1].until) == (
        "planned maintenance backup: restore test",
        now + 4 * HOUR,
    )
    after = planned(make, now + 3 * HOUR, now + 4 * HOUR)
    assert (after.muted_by, after.history[-1].text) == ("", "the maintenance is over")


def test_what_was_open_before_maintenance_is_not_muted_by_it(make, now):
    """Nor what opens after it; nor is yesterday's alert muted by tonight's maintenance."""
    assert planned(make, now + HOUR, now + 3 * HOUR).muted_by == ""
    assert planned(make, now + 5 * HOUR, now + 5 * HOUR).muted_by == ""
    once = planned(make, now + 3 * HOUR, now + 5 * HOUR)
    settings = AlertSettings(maintenance=(NIGHTLY,))
    assert tend([once], settings, (), now + DAY + 3 * HOUR) == []


@pytest.mark.parametrize(
    ("cron", "begins", "ends"),
    [
        ("30 2 * * *", "2026-03-29T01:00", "2026-03-29T02:00"),
        ("30 2 * * *", "2026-10-25T00:30", "2026-10-25T01:30"),
        ("0 4 * * *", "2026-07-01T02:00", "2026-07-01T03:00"),
        ("0 4 * * *", "2026-01-01T03:00", "2026-01-01T04:00"),
        ("0 4 * * SUN", "2026-03-29T02:00", "2026-03-29T03:00"),
    ],
)
def test_maintenance_follows_the_clock_on_the_wall(cron, begins, ends):
    """In Berlin: half past two is skipped in March and comes twice in October, but the maintenance is once."""
    window = MaintenanceWindowSettings(name="w", cron=cron, duration=HOUR)
    start, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (begins, ends))
    on = [
        start - 5 * HOUR + n * 10 * MINUTE
        for n in range(60)
        if going_on([window], "Europe/Berlin", start - 5 * HOUR + n * 10 * MINUTE)
    ]
    assert (on[0], on[-1]) == (start, end - 10 * MINUTE)
    assert len(on) == 6


def test_maintenance_that_overlaps_itself_goes_on():
    """Every hour for ninety minutes is always; the oldest that goes on is told."""
    window = MaintenanceWindowSettings(name="w", cron="0 * * * *", duration=90 * MINUTE)
    at = datetime(2026, 5, 1, 12, 10, tzinfo=UTC)
    (found,) = going_on([window], "UTC", at)
    assert found.start == datetime(2026, 5, 1, 11, 0, tzinfo=UTC)


def test_maintenance_has_a_time_zone_of_its_own():
    """Else the model's."""
    window = MaintenanceWindowSettings(name="w", cron="0 9 * * *", duration=HOUR, timezone="America/New_York")
    assert going_on([window], "Europe/Berlin", datetime(2026, 7, 1, 13, 30, tzinfo=UTC))
    assert not going_on([window], "Europe/Berlin", datetime(2026, 7, 1, 7, 30, tzinfo=UTC))


def silence(now, **fields):
    return Silence(id=fields.pop("id", "s1"), by="ann", why="load test", start=now, until=now + HOUR, **fields)


def test_a_silence_comes_and_goes(alert, now):
    """Marked with who and why, and taken off when it is over."""
    one = silence(now, purpose="*_drift")
    marked = tended([alert], AlertSettings(), now, [one])["data_drift"]
    assert (marked.silenced_by, marked.status) == ("s1", "open")
    assert (marked.history[-1].by, marked.history[-1].text, marked.history[-1].until) == (
        "ann",
        "load test",
        now + HOUR,
    )
    heard = tended([marked], AlertSettings(), now + HOUR, [one])["data_drift"]
    assert (heard.silenced_by, heard.history[-1].kind) == ("", "unsilenced")


def test_a_silence_that_was_ended_or_has_not_begun_does_nothing(alert, now):
    """Half-open, like every span."""
    ended = msgspec.structs.replace(silence(now), ended=now + MINUTE)
    assert tended([alert], AlertSettings(), now + MINUTE, [ended]) == {}
    assert tended([alert], AlertSettings(), now - MINUTE, [silence(now)]) == {}


def test_a_silence_that_ends_under_another_is_no_noise(alert, now):
    """The alert stays silenced; by whom, its history tells."""
    first, second = silence(now), silence(now, id="s2")
    marked = tended([alert], AlertSettings(), now, [first, second])["data_drift"]
    ended = msgspec.structs.replace(first, ended=now + MINUTE)
    other = tended([marked], AlertSettings(), now + MINUTE, [ended, second])["data_drift"]
    assert (other.silenced_by, [one.kind for one in other.history]) == ("s2", ["opened", "silenced", "silenced"])


@pytest.mark.parametrize(
    ("fields", "fitting"),
    [
        ({}, True),
        ({"model": "m*"}, True),
        ({"model": "M"}, False),
        ({"environment": "prod"}, False),
        ({"purpose": "data_*"}, True),
        ({"metric": "data_drift"}, True),
        ({"metric": "kolmogorov*"}, True),
        ({"metric": "latency_*"}, False),
        ({"segment": ""}, True),
        ({"segment": "carrier=*"}, False),
        ({"alert_id": "m|e||data_drift#1"}, True),
        ({"alert_id": "m|e||data_drift#2"}, False),
        ({"model": "m", "metric": "nothing"}, False),
    ],
)
def test_every_pattern_has_to_fit(alert, now, fields, fitting):
    """Or the episode that is named."""
    assert fits(silence(now, **fields), alert) is fitting


def test_segments_fit_without_their_prefix(make, now):
    """As people write them."""
    (alert,) = advance([], {}, [make.judged("warning", segment="features.carrier=UA")], {}, now)
    assert fits(silence(now, segment="carrier=U*"), alert)


def test_the_first_runbook_that_fits_is_linked(make, now):
    """By cause or metric, and purpose; where none fits there is none."""
    books = (
        RunbookSettings(url="https://w/latency", metric="latency*"),
        RunbookSettings(url="https://w/ks", metric="kolmogorov_*", purpose="*_drift"),
        RunbookSettings(url="https://w/all"),
    )
    settings = make.settings(alerts=AlertSettings(runbooks=books))
    (alert,) = after_window({}, {}, [make.judged("warning")], {}, settings, [], now)
    assert alert.runbook == "https://w/ks"
    assert runbook_of(alert, books[:1]) == ""
    assert after_window({alert.key: alert}, {alert.key: 1}, [make.judged("warning")], {}, settings, [], now) == []
