"""What people ask for: one transition a request, whatever its order and however often it comes."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from driftlog.contract.alert import Alert
from driftlog.contract.handling import AlertRequest
from driftlog.decide.alerts import advance
from driftlog.decide.lifecycle import fold, refusal

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def alert(make) -> Alert:
    """Opened by the first window, a warning."""
    (opened,) = advance([], {}, [make.judged("warning")], {}, make.start + DAY)
    return opened


@pytest.fixture
def ask(make):
    """Requests, by default by ann, an hour after the alert opened."""

    def request(kind, *, id="r1", after=HOUR, by="ann", episode=1, **fields):
        return AlertRequest(
            id=id, alert_id=f"m|e||data_drift#{episode}", model="m", environment="e", kind=kind, by=by,
            at=make.start + DAY + after, **fields,
        )  # fmt: skip

    return request


def after(alert: Alert, *requests: AlertRequest, episodes=None) -> Alert:
    (changed,) = fold([alert], requests, episodes or {})
    assert fold([changed], requests, episodes or {}) == []
    return changed


def test_an_alert_is_acknowledged_with_who_when_and_why(alert, ask):
    """And goes on: acknowledging ends nothing."""
    seen = after(alert, ask("acknowledge", text="on it"))
    assert (seen.status, seen.acknowledged_by, seen.acknowledged) == ("acknowledged", "ann", ask("acknowledge").at)
    last = seen.history[-1]
    assert (last.number, last.kind, last.by, last.text, last.request) == (2, "acknowledged", "ann", "on it", "r1")
    assert seen.updated == last.at


def test_a_second_acknowledgement_is_a_comment(alert, ask):
    """The first of them has it; the request leaves its trace all the same."""
    seen = after(alert, ask("acknowledge", id="b", by="bob", after=2 * HOUR), ask("acknowledge", id="a"))
    assert (seen.acknowledged_by, [one.kind for one in seen.history]) == (
        "ann",
        ["opened", "acknowledged", "commented"],
    )
    assert seen.history[-1].text == "acknowledge not done: ann has acknowledged it"


def test_requests_are_folded_in_order_of_time_and_once(alert, ask):
    """In whatever order, and however often, they were found."""
    requests = [ask("comment", id=f"r{n}", after=n * HOUR, text=str(n)) for n in range(5)]
    forwards = after(alert, *requests)
    assert after(alert, *reversed(requests), *requests) == forwards
    assert [one.text for one in forwards.history[1:]] == ["0", "1", "2", "3", "4"]


def test_a_request_that_comes_late_is_added_at_the_end(alert, ask):
    """What is written is not written again, though the clock says otherwise."""
    first = after(alert, ask("comment", id="late", after=5 * HOUR, text="5"))
    second = after(first, ask("comment", id="early", after=HOUR, text="1"))
    assert second.history[:2] == first.history
    assert (second.history[2].text, second.updated) == ("1", first.updated)


def test_a_person_resolves_with_cause_and_lesson(alert, ask, make):
    """The windows it has seen do not open it again; a later one opens the next episode."""
    request = ask("resolve", cause="the join", lesson="count rows", false_alarm=False, text="fixed")
    over = after(alert, request)
    assert (over.status, over.resolved, over.resolved_by) == ("resolved", request.at, "ann")
    assert (over.cause, over.lesson, over.false_alarm, over.resolution) == ("the join", "count rows", False, "fixed")
    assert over.history[-1].text == "fixed; cause: the join; lesson: count rows; no false alarm"
    same = [make.judged("critical")]
    assert advance([over], {over.key: 1}, same, {}, make.start + 3 * DAY) == []
    (again,) = advance([over], {over.key: 1}, [make.judged("warning", window=1)], {}, make.start + 3 * DAY)
    assert (again.episode, again.status) == (2, "open")


def test_a_cool_down_does_not_undo_what_a_person_closed(alert, ask, make):
    """It is for causes whose windows were well again and are not any more."""
    over = after(alert, ask("resolve"))
    later = [make.judged("warning", window=1)]
    (again,) = advance([over], {over.key: 1}, later, {}, make.start + 3 * DAY, cooldown=30 * DAY)
    assert again.episode == 2


def test_a_clock_that_is_behind_cannot_reopen_what_is_over(alert, ask, make):
    """Somebody's clock says it was resolved before it opened; it counts as resolved at the end of its window."""
    over = after(alert, ask("resolve", after=-9 * DAY))
    assert over.resolved == alert.last_window.end
    assert advance([over], {over.key: 1}, [make.judged("warning")], {}, make.start + 3 * DAY) == []


def test_what_is_learned_later_is_added_to_what_is_over(alert, ask, make):
    """An alert that its windows ended: cause and lesson are kept, its end stays what it was."""
    (over,) = advance([alert], {alert.key: 1}, [make.judged("ok", window=1)], {}, make.start + 2 * DAY)
    told = after(over, ask("resolve", cause="a holiday", false_alarm=True, after=3 * DAY))
    assert (told.status, told.resolved, told.resolved_by) == ("resolved", over.resolved, "")
    assert (told.cause, told.false_alarm, told.history[-1].kind) == ("a holiday", True, "commented")


@pytest.mark.parametrize("kind", ["acknowledge", "snooze", "unsnooze"])
def test_what_is_over_is_not_handled_any_more(alert, ask, kind):
    """The request is kept as a comment that says so."""
    over = after(alert, ask("resolve"))
    seen = after(over, ask(kind, id="r2", after=2 * HOUR, until=alert.updated + DAY, text="late"))
    assert (seen.status, seen.snoozed_until, seen.acknowledged) == ("resolved", None, None)
    assert seen.history[-1].text == f"{kind} not done: it is resolved. late"


def test_a_person_reopens_the_last_episode_only(alert, ask):
    """And what was said of its end is taken back, in the fields, not in the history."""
    over = after(alert, ask("acknowledge"), ask("resolve", id="r2", after=2 * HOUR, cause="the join"))
    request = ask("reopen", id="r3", after=3 * HOUR, text="it was not")
    again = after(over, request, episodes={alert.key: 1})
    assert (again.status, again.resolved, again.cause, again.acknowledged) == ("open", None, "", None)
    assert [one.kind for one in again.history] == ["opened", "acknowledged", "resolved", "reopened"]
    refused = after(over, request, episodes={alert.key: 2})
    assert refused.status == "resolved"
    assert refused.history[-1].text == "reopen not done: the cause is back as episode 2. it was not"


def test_what_a_person_reopened_is_not_ended_by_the_windows_that_had_ended_it(alert, ask, make):
    """Evaluating them again changes nothing; a later good window ends it."""
    judged = [make.judged("ok", window=1)]
    (over,) = advance([alert], {alert.key: 1}, judged, {}, make.start + 2 * DAY)
    again = after(over, ask("reopen", after=2 * DAY))
    assert advance([again], {alert.key: 1}, judged, {}, make.start + 3 * DAY) == []
    assert advance([again], {alert.key: 1}, [make.judged("ok")], {}, make.start + 3 * DAY) == []
    (ended,) = advance([again], {alert.key: 1}, [make.judged("ok", window=2)], {}, make.start + 3 * DAY)
    assert (ended.status, ended.resolved_by) == ("resolved", "")


def test_a_snooze_has_an_end_after_its_beginning(alert, ask):
    """Else it is refused; unsnoozing takes it off."""
    end = alert.updated + DAY
    snoozed = after(alert, ask("snooze", until=end))
    assert (snoozed.status, snoozed.snoozed_until, snoozed.history[-1].until) == ("open", end, end)
    assert after(snoozed, ask("unsnooze", id="r2", after=2 * HOUR)).snoozed_until is None
    assert "not done" in after(alert, ask("snooze", until=alert.opened)).history[-1].text
    assert "not done" in after(alert, ask("snooze")).history[-1].text
    assert "not done" in after(alert, ask("unsnooze")).history[-1].text


def test_an_alert_is_assigned_and_taken_away_again(alert, ask):
    """An assignment is no acknowledgement."""
    bobs = after(alert, ask("assign", assignee="bob", text="knows the join"))
    assert (bobs.assignee, bobs.status, bobs.history[-1].text) == ("bob", "open", "to bob: knows the join")
    nobodys = after(bobs, ask("assign", id="r2", after=2 * HOUR))
    assert (nobodys.assignee, nobodys.history[-1].text) == ("", "to nobody")


def test_a_refusal_is_known_before_anything_is_asked(alert, ask):
    """The command line says so instead of leaving a comment; the alert stays as it is."""
    assert refusal(alert, ask("acknowledge"), 1) == ""
    assert refusal(alert, ask("comment", text="x"), 1) == ""
    assert refusal(alert, ask("reopen"), 1) == "it is not resolved"
    assert len(alert.history) == 1


def test_requests_of_other_alerts_are_passed_over(alert, ask):
    """Of another episode, say."""
    assert fold([alert], [ask("acknowledge", episode=2)], {}) == []


def test_long_words_are_cut(alert, ask):
    """A history is no place for files."""
    assert len(after(alert, ask("comment", text="x" * 100_000)).history[-1].text) == 2000


def test_a_document_of_before_this_history_was_kept_is_handled_too(alert, ask):
    """Alerts that were written without one."""
    old = msgspec.structs.replace(alert, history=())
    assert [one.number for one in after(old, ask("acknowledge")).history] == [1]
