"""One pass of an exporter that pushes: what is handed on once, whatever fails, and what may be lost."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.present.export.pushed import MINUTE, NOW, Books, alert, counter, gauge, latency

from driftlog.contract.alert import Alert
from driftlog.contract.errors import StoreUnavailable, UsageError
from driftlog.present.export.ledger import Ledger, alone
from driftlog.present.export.push import Push, Pushed, run
from driftlog.present.export.reading import Reading


class Source:
    """Readings and alerts, as the test sets them."""

    def __init__(self) -> None:
        self.count = 100.0
        self.alerts: list[Alert] = []

    def read(self, now: datetime) -> list[Reading]:
        return [gauge(0.8), counter(self.count), latency(1, 2, int(self.count))]


@pytest.fixture
def source() -> Source:
    return Source()


def push_with(source: Source, books: Books, folder: Path) -> Push:
    """As a process that has just started."""
    ledger = Ledger(folder / "sent.json", unsure=books.unsure)
    return Push(source.read, lambda since: source.alerts, ledger, books)


def test_growth_is_sent_once_and_nothing_of_before(source, tmp_path):
    """The first pass only takes note; then what came since, across restarts."""
    books = Books()
    push_with(source, books, tmp_path).once(NOW)
    assert books.sums["driftlog_predictions"] == 0
    for minute, count in enumerate((130, 130, 150), 1):
        source.count = count
        done = push_with(source, books, tmp_path).once(NOW + minute * MINUTE)
        assert (done.error, done.series) == ("", 3)
    assert books.sums["driftlog_predictions"] == 50
    assert books.sums["driftlog_latency_seconds"] == 50


@pytest.mark.parametrize("unsure", ["at_most_once", "repeat"])
def test_a_receiver_that_is_away_loses_nothing(unsure, source, tmp_path):
    """Its growth comes with the next pass, as one."""
    books = Books(unsure, events=False)
    push = push_with(source, books, tmp_path)
    push.once(NOW)
    for minute, count in enumerate((110, 120, 130), 1):
        source.count, books.faults = count, ["away"]
        assert push.once(NOW + minute * MINUTE).error == "no answer"
    assert books.sums["driftlog_predictions"] == 0
    source.count = 140
    push_with(source, books, tmp_path).once(NOW + 4 * MINUTE)
    assert books.sums["driftlog_predictions"] == 40


@pytest.mark.parametrize("fault", ["lost", "broken"])
def test_without_an_answer_growth_counts_as_sent_where_receivers_add_up(fault, source, tmp_path):
    """At most once: never counted double, lost where it did not arrive."""
    books = Books("at_most_once", events=False)
    push = push_with(source, books, tmp_path)
    push.once(NOW)
    source.count, books.faults = 110, [fault]
    push.once(NOW + MINUTE)
    source.count = 125
    push.once(NOW + 2 * MINUTE)
    assert books.sums["driftlog_predictions"] == {"lost": 25, "broken": 15}[fault]


@pytest.mark.parametrize("fault", ["lost", "broken"])
def test_without_an_answer_growth_is_sent_again_where_receivers_overwrite(fault, source, tmp_path):
    """Under the same time stamp and with the same numbers, before anything new; after a restart too."""
    books = Books("repeat", events=False)
    push = push_with(source, books, tmp_path)
    push.once(NOW)
    source.count, books.faults = 110, [fault]
    push.once(NOW + MINUTE)
    source.count = 125
    push_with(source, books, tmp_path).once(NOW + 2 * MINUTE)
    kept = {at: batch["driftlog_predictions"] for at, _, batch in books.batches}
    assert kept == {NOW: 0, NOW + MINUTE: 10, NOW + 2 * MINUTE: 15}
    assert [again for at, again, _ in books.batches if at == NOW + MINUTE][-1] is True


@pytest.mark.parametrize(("unsure", "expected"), [("at_most_once", 15), ("repeat", 25)])
def test_killed_between_writing_down_and_sending(unsure, expected, source, tmp_path):
    """What was pending counts as sent, or is sent again."""
    books = Books(unsure, events=False)
    push_with(source, books, tmp_path).once(NOW)
    source.count = 110
    Ledger(tmp_path / "sent.json", unsure=unsure).begin(source.read(NOW), now=NOW + MINUTE)  # and killed
    source.count = 125
    push_with(source, books, tmp_path).once(NOW + 2 * MINUTE)
    assert books.sums["driftlog_predictions"] == expected


def test_what_is_too_old_to_be_overwritten_counts_as_sent(source, tmp_path):
    """Datadog refuses points of more than an hour ago."""
    books = Books("repeat", events=False, faults=["", "broken"])
    push = push_with(source, books, tmp_path)
    push.once(NOW)
    source.count = 110
    push.once(NOW + MINUTE)
    source.count = 125
    push.once(NOW + timedelta(hours=2))
    assert books.sums["driftlog_predictions"] == 15


def test_new_series_and_series_that_begin_again_count_from_zero(tmp_path):
    """A first error type; a counter that was forgotten and went back."""
    ledger = Ledger(tmp_path / "sent.json", unsure="at_most_once")
    ledger.begin([counter(50)], now=NOW)
    ledger.confirm()
    changes = ledger.begin([counter(20), counter(7, "driftlog_errors")], now=NOW + MINUTE)
    assert [tuple(change.numbers) for change in changes] == [(20,), (7,)]
    assert [change.first for change in changes] == [NOW, NOW]
    ledger.confirm()
    (change,) = ledger.begin([counter(30)], now=NOW + 2 * MINUTE)
    assert (tuple(change.numbers), change.since, tuple(change.total), change.first) == (
        (10,), NOW + MINUTE, (30,), NOW,
    )  # fmt: skip


def test_only_what_did_not_leave_comes_again(tmp_path):
    """Of a batch that broke off halfway."""
    ledger = Ledger(tmp_path / "sent.json", unsure="at_most_once")
    ledger.begin([counter(0), counter(0, "driftlog_errors")], now=NOW)
    ledger.confirm()
    late = counter(4, "driftlog_errors")
    ledger.begin([counter(9), late], now=NOW + MINUTE)
    ledger.withdraw([late])
    changes = ledger.begin([counter(9), late], now=NOW + 2 * MINUTE)
    assert [tuple(change.numbers) for change in changes] == [(0,), (4,)]


def test_alerts_become_events_once(source, tmp_path):
    """Those that open and are resolved after the first look; none twice, across restarts."""
    books = Books()
    source.alerts = [alert("opened", episode=1)]
    push_with(source, books, tmp_path).once(NOW)
    assert books.told == []
    source.alerts = [alert("opened", "acknowledged", "resolved", episode=1), alert("opened", episode=2)]
    for minute in (1, 2):
        push_with(source, books, tmp_path).once(NOW + minute * MINUTE)
    assert [event.title for event in books.told] == [
        "resolved: flights: performance is worse",
        "opened: flights: performance is worse",
    ]
    assert [event.kind for event in books.told] == ["success", "error"]


@pytest.mark.parametrize(("fault", "times"), [("away", 1), ("lost", 1), ("broken", 0)])
def test_an_event_is_sent_at_most_once(fault, times, source, tmp_path):
    """Again only where it certainly was not taken."""
    books = Books()
    push_with(source, books, tmp_path).once(NOW)
    source.alerts, books.faults = [alert("opened")], ["", fault]
    push_with(source, books, tmp_path).once(NOW + MINUTE)
    push_with(source, books, tmp_path).once(NOW + 2 * MINUTE)
    assert len(books.told) == times


def test_an_event_that_is_refused_does_not_stop_others(source, tmp_path):
    """It is counted, and left out."""
    books = Books()
    push_with(source, books, tmp_path).once(NOW)
    source.alerts, books.faults = [alert("opened", episode=1), alert("opened", episode=2)], ["", "refused"]
    done = push_with(source, books, tmp_path).once(NOW + MINUTE)
    assert (done.error, done.events, done.dropped) == ("", 1, 1)
    push_with(source, books, tmp_path).once(NOW + 2 * MINUTE)
    assert len(books.told) == 1


def test_a_loop_outlives_a_store_and_a_receiver_that_are_away(source, tmp_path):
    """Each failed pass is told; the growth comes with the next good one."""
    books = Books(events=False, faults=["", "away"])
    push = push_with(source, books, tmp_path)
    read, passes, stop = push.read, [], threading.Event()

    def reading(now: datetime) -> list[Reading]:
        if len(passes) == 2:
            raise StoreUnavailable("Elasticsearch is away")
        source.count += 10
        return read(now)

    def told(done: Pushed) -> None:
        passes.append(done.error)
        if len(passes) == 4:
            stop.set()

    push.read = reading
    run(push, timedelta(milliseconds=5), now=lambda: NOW + len(passes) * MINUTE, stop=stop, on_pass=told)
    assert passes == ["", "no answer", "Elasticsearch is away", ""]
    assert books.sums["driftlog_predictions"] == 20


def test_the_state_does_not_grow(source, tmp_path):
    """Series and alerts that are gone are forgotten."""
    books = Books()
    push = push_with(source, books, tmp_path)
    for minute in range(30):
        source.alerts = [alert("opened", episode=minute + 1)]
        push.read = lambda now, minute=minute: [counter(1, error_type=f"E{minute}")]
        push.once(NOW + minute * MINUTE)
    assert len((tmp_path / "sent.json").read_bytes()) < 1000


def test_a_damaged_state_is_told(tmp_path):
    """And is not taken for none."""
    (tmp_path / "sent.json").write_text('{"at": "yesterday"')
    with pytest.raises(UsageError, match="no state of an exporter"):
        Ledger(tmp_path / "sent.json", unsure="repeat")


def test_two_processes_do_not_share_a_state(tmp_path):
    """Both would send the same growth."""
    with alone(tmp_path, "datadog"), pytest.raises(UsageError, match="another process exports to datadog"):
        alone(tmp_path, "datadog").__enter__()
    with alone(tmp_path, "datadog"):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        alone(tmp_path / "file", "datadog").__enter__()
