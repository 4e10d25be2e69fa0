"""Who is told, and when: hours across changes of the clock, conditions of routes, what hides an alert."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.integration.act.stories import alert

from driftlog.act.notify.backoff import LONGEST, pause
from driftlog.act.notify.hours import next_open
from driftlog.act.notify.routing import choose, consider
from driftlog.act.notify.tellings import hidden_now, tellings
from driftlog.contract.alerting import AlertSettings
from driftlog.contract.handling import Silence, Transition
from driftlog.contract.notification import Telling
from driftlog.contract.notifying import RouteSettings
from driftlog.contract.opening import Opening, parse_opening
from driftlog.decide.tending import tend

AT = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)  # a Tuesday
BERLIN = ZoneInfo("Europe/Berlin")


def local(text: str, *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).astimezone(UTC)


def opens(hours: str, days: str, at: datetime) -> datetime:
    return next_open(parse_opening(hours, days), "Europe/Berlin", at)


def telling(kind: str = "opened", severity: str = "warning", suppressed: str = "") -> Telling:
    return Telling(number=1, kind=kind, at=AT, severity=severity, suppressed=suppressed)


def history(*kinds: str, every: timedelta = timedelta(hours=1), until: timedelta | None = None) -> list[Transition]:
    return [
        Transition(
            number=n,
            kind=kind,  # type: ignore[arg-type]
            at=AT + (n - 1) * every,
            until=AT + (n - 1) * every + until if until is not None and kind in ("snoozed", "muted") else None,
            severity="warning",
        )
        for n, kind in enumerate(kinds, 1)
    ]


def told(*kinds: str) -> list[tuple[str, str]]:
    return [(one.kind, one.suppressed) for one in tellings(history(*kinds))]


# hours


def test_inside_its_hours_a_route_is_open() -> None:
    """At once; the end itself is outside."""
    assert opens("08:00-18:00", "mon-fri", local("2026-03-03T08:00")) == local("2026-03-03T08:00")
    assert opens("08:00-18:00", "mon-fri", local("2026-03-03T18:00")) == local("2026-03-04T08:00")


def test_the_opening_is_local_on_both_sides_of_a_change_of_the_clock() -> None:
    """Eight in the morning is 7:00 UTC in winter and 6:00 UTC in summer."""
    assert opens("08:00-18:00", "mon-fri", local("2026-03-27T19:00")).hour == 6  # summer time begins on the 29th
    assert opens("08:00-18:00", "mon-fri", local("2026-10-23T19:00")).hour == 7  # and ends on the 25th


def test_an_opening_in_the_hour_that_is_skipped_begins_after_it() -> None:
    """02:30 does not exist on 2026-03-29: 03:30 summer time is the same instant."""
    assert opens("02:30-05:00", "sun", local("2026-03-28T12:00")) == local("2026-03-29T03:30")


def test_an_opening_in_the_hour_that_comes_twice_lasts_until_its_second_end() -> None:
    """02:30 comes twice on 2026-10-25."""
    second = local("2026-10-25T02:15", fold=1)
    assert second - local("2026-10-25T02:15", fold=0) == timedelta(hours=1)
    assert opens("00:00-02:30", "sun", second) == second


def test_hours_over_midnight_belong_to_the_day_they_begin_on() -> None:
    """Friday's night is open on Saturday at five, Saturday's is not."""
    assert opens("22:00-06:00", "fri", local("2026-03-07T05:00")) == local("2026-03-07T05:00")
    assert opens("22:00-06:00", "fri", local("2026-03-08T05:00")) == local("2026-03-13T22:00")


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    st.integers(0, 1439),
    st.integers(1, 1440),
    st.sets(st.integers(0, 6), min_size=1),
)
def test_an_opening_is_never_in_the_past_and_always_open(at: datetime, start: int, end: int, days: set[int]) -> None:
    """Asked again at the instant it names, a route is open; at most a week and a change of the clock away."""
    if start == end:
        return
    opening = Opening(start, end, frozenset(days))
    found = next_open(opening, "Europe/Berlin", at)
    assert at <= found <= at + timedelta(days=7, hours=2)
    assert next_open(opening, "Europe/Berlin", found) == found


@pytest.mark.parametrize("text", ["8-18", "08:00-25:00", "08:00", "18:00-18:00", "aa:bb-cc:dd", "08:00-18:00x"])
def test_hours_written_otherwise_are_refused(text: str) -> None:
    """With what to write."""
    with pytest.raises(ValueError, match=r"write|leave"):
        parse_opening(text, "")


# routes


@pytest.mark.parametrize(
    ("route", "fits"),
    [
        ({}, True),
        ({"models": ("fl*",)}, True),
        ({"models": ("churn",)}, False),
        ({"owners": ("team-air",)}, True),
        ({"owners": ("team-sea",)}, False),
        ({"severity": "critical"}, False),
        ({"severity": "info"}, True),
        ({"kinds": ("resolved",)}, False),
        ({"hours": "13:00-14:00"}, True),
        ({"hours": "13:00-14:00", "outside": "drop"}, False),
        ({"hours": "11:00-14:00", "outside": "drop"}, True),
    ],
)
def test_every_condition_of_a_route_has_to_be_met(route: dict[str, object], fits: bool) -> None:
    """Model, owner, severity, kind, hours."""
    settings = RouteSettings(channels=("team",), **route)  # type: ignore[arg-type]
    found = consider([settings], telling(), model="flights", owner="team-air", now=AT)
    assert (found[0].due is not None) == fits
    assert found[0].why


def test_what_falls_outside_the_hours_waits() -> None:
    """The answer says until when."""
    route = RouteSettings(channels=("team",), hours="08:00-10:00", days="wed", timezone="Europe/Berlin")
    (found,) = consider([route], telling(), model="flights", owner="", now=AT)
    assert found.due == datetime(2026, 3, 4, 7, tzinfo=UTC)
    assert "waits until 2026-03-04 07:00 UTC" in found.why


def test_of_several_routes_to_one_channel_the_earliest_counts() -> None:
    """A route that waits does not hold up one that does not."""
    routes = [
        RouteSettings(channels=("team", "boss"), hours="15:00-16:00"),
        RouteSettings(channels=("team",)),
        RouteSettings(channels=("nobody",), models=("churn",)),
    ]
    found = choose(consider(routes, telling(), model="flights", owner="", now=AT))
    assert found == {"team": AT, "boss": AT + timedelta(hours=3)}


def test_what_is_suppressed_goes_nowhere() -> None:
    """The reason is the telling's."""
    (found,) = consider([RouteSettings(channels=("team",))], telling(suppressed="muted"), model="m", owner="", now=AT)
    assert (found.due, found.why) == (None, "nobody is told: muted")


# what hides an alert


def test_an_alert_that_nothing_hides_is_told_as_it_goes() -> None:
    """Its end, too."""
    assert told("opened", "worsened", "resolved") == [("opened", ""), ("worsened", ""), ("resolved", "")]


@pytest.mark.parametrize("hide", ["mute", "silence", "snooze"])
def test_what_was_hidden_is_told_when_it_comes_back_and_is_still_open(hide: str) -> None:
    """The end of a mute, silence or snooze is told as the opening, once."""
    word = {"mute": "muted", "silence": "silenced", "snooze": "snoozed"}[hide]
    found = told(word, "opened", f"un{word}", "worsened", "resolved")
    assert found == [(word, ""), ("opened", word), ("opened", ""), ("worsened", ""), ("resolved", "")]


def test_an_alert_that_was_over_before_it_came_back_is_never_told() -> None:
    """Neither its opening nor its end."""
    assert told("muted", "opened", "resolved", "unmuted")[1:] == [
        ("opened", "muted"),
        ("resolved", "muted"),
        ("unmuted", ""),
    ]


def test_the_end_of_what_was_told_is_told_although_it_is_silenced() -> None:
    """Whoever was called must hear that it is over."""
    assert told("opened", "silenced", "resolved")[-1] == ("resolved", "")


def test_of_two_that_hide_it_both_have_to_end() -> None:
    """A silence under a mute."""
    found = told("muted", "silenced", "opened", "unmuted", "unsilenced")
    assert found[2:] == [("opened", "muted"), ("unmuted", ""), ("opened", "")]


def test_an_alert_muted_by_the_look_that_opened_it_was_muted_from_the_start() -> None:
    """The mute stands after the opening in the history, a moment later."""
    found = tellings(history("opened", "muted", every=timedelta(seconds=2)))
    assert found[0].suppressed == "muted"


def test_a_mute_that_has_run_out_hides_nothing() -> None:
    """Also where its end is in nobody's history yet."""
    found = history("opened", "muted", until=timedelta(minutes=5))
    assert hidden_now(found, AT + timedelta(hours=1, minutes=4)) == "muted"
    assert hidden_now(found, AT + timedelta(hours=1, minutes=5)) == ""


KINDS = st.sampled_from(
    (
        *("opened", "worsened", "escalated", "reopened", "resolved", "commented"),
        *("muted", "unmuted", "silenced", "unsilenced", "snoozed", "unsnoozed"),
    )
)


@given(st.lists(KINDS, max_size=14))
def test_telling_never_goes_back_on_itself(kinds: list[str]) -> None:
    """Longer histories say the same of what was there before, in order, one telling a transition."""
    whole = tellings(history(*kinds))
    assert [one.number for one in whole] == list(range(1, len(kinds) + 1))
    for length in range(len(kinds)):
        assert tellings(history(*kinds))[:length] == tellings(history(*kinds[:length]))


def test_a_silence_as_the_worker_writes_it() -> None:
    """Opened and silenced by one look, unsilenced by a later one while it is still open: told once, then."""
    silence = Silence(id="s", by="ada", why="move", start=AT - timedelta(hours=1), until=AT + timedelta(hours=1))
    found = alert("opened", at=AT)
    (silenced,) = tend([found], AlertSettings(), [silence], AT + timedelta(seconds=3))
    (back,) = tend([silenced], AlertSettings(), [silence], AT + timedelta(hours=2))
    assert hidden_now(silenced.history, AT + timedelta(minutes=1)) == "silenced: move"
    assert hidden_now(back.history, AT + timedelta(hours=2)) == ""
    assert [(one.kind, one.suppressed) for one in tellings(back.history)] == [
        ("opened", "silenced: move"),
        ("silenced", ""),
        ("opened", ""),
    ]


# pauses


@given(st.integers(1, 100), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_and_are_spread(attempts: int, jitter: float) -> None:
    """Between three quarters and five quarters of what doubling gives, at most an hour and a quarter."""
    exact = min(30.0 * 2 ** min(attempts - 1, 40), LONGEST.total_seconds())
    found = pause(attempts, timedelta(seconds=30), jitter).total_seconds()
    assert 0.75 * exact - 1e-3 <= found <= 1.25 * exact + 1e-3
