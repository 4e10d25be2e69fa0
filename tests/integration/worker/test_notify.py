"""From stored alerts to receivers and back: once, also with receivers down, workers killed and two at work."""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import subprocess
import sys
import textwrap
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.integration.act.receivers import HttpReceiver, Mailbox, wait_for
from tests.integration.act.stories import NOW, alert, channel, series, settings

from driftlog.act.notify import outbox
from driftlog.contract.alert import Alert
from driftlog.contract.audit import AuditEntry
from driftlog.contract.errors import StoreUnavailable
from driftlog.contract.handling import Delivery, Transition
from driftlog.contract.names import INSTALLATION, IndexNames
from driftlog.contract.notification import Message, Notice, Sent
from driftlog.contract.notifying import ChannelSettings, RouteSettings
from driftlog.contract.records import ModelRecord
from driftlog.contract.settings import ElasticsearchSettings, Settings, WorkerSettings
from driftlog.contract.strict import Secret
from driftlog.present.mail import Item
from driftlog.store.alerts import alerts_by_id, write_alerts
from driftlog.store.client import Store
from driftlog.store.models import register
from driftlog.store.results import write_measurements
from driftlog.store.templates import install, uninstall
from driftlog.store.values import Hit
from driftlog.worker import notify
from driftlog.worker.loop import Worker
from driftlog.worker.notify import Notifier

pytestmark = pytest.mark.elasticsearch
HELD = {"flights": 1}
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture(scope="module")
def module_store(elasticsearch_url: str) -> Iterator[Store]:
    names = IndexNames(f"test-{secrets.token_hex(4)}")
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), names) as store:
        install(store)
        yield store
        uninstall(store)


@pytest.fixture
def store(module_store: Store) -> Iterator[Store]:
    """Templates, and no documents."""
    yield module_store
    for info in module_store.list_indices():
        module_store.drop_index(info.name)


class Clock:
    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> datetime:
        return self.time


class Phone:
    """A receiver without a network: keeps what it gets, answers what it is told to."""

    def __init__(self, *answers: Sent) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[str, Message]] = []
        self.lock = threading.Lock()

    def __call__(self, url: Secret, message: Message, _channel: ChannelSettings) -> Sent:
        with self.lock:
            self.calls.append((url.reveal(), message))
            return self.answers.pop(0) if self.answers else Sent(ok=True)

    @property
    def titles(self) -> list[str]:
        return [message.title for _, message in self.calls]


class Office:
    """A store with alerts, a clock, and a notifier that a test steps through time."""

    def __init__(self, store: Store, made: Settings, deliver: Any = None) -> None:
        self.store, self.settings, self.clock = store, made, Clock()
        more = {"deliver": deliver} if deliver is not None else {}
        self.notifier = Notifier(store, made, holder="w", now=self.clock, jitter=lambda: 0.5, **more)

    def keep(self, *alerts: Alert) -> None:
        write_alerts(self.store, alerts, term=1)

    def step(self, after: timedelta = timedelta(0)) -> list[Notice]:
        """One pass, `after` the one before."""
        self.clock.time += after
        self.notifier.spread(HELD)
        changed = self.notifier.dispatch()
        self.notifier.note(HELD)
        return changed

    def deliveries(self, of: Alert | None = None) -> tuple[Delivery, ...]:
        (found,) = alerts_by_id(self.store, [(of or alert()).id])
        return found.deliveries


def down(**more: Any) -> Sent:
    return Sent(ok=False, reason="no connection", **more)


def several(count: int) -> list[Alert]:
    return [alert(key=f"flights|test|{n}", title=f"flights: alert {n}") for n in range(count)]


# once


def test_an_alert_is_told_once_with_its_chart(store: Store) -> None:
    """By email; the delivery is on the alert, and a second pass finds nothing to do."""
    with Mailbox() as box:
        url = f"mailto://127.0.0.1:{box.port}?from=driftlog@example.org&to=ada@example.org"
        office = Office(store, settings(channel("team", url)))
        office.keep(alert("opened"))
        write_measurements(store, series(), term=1)
        assert [notice.status for notice in office.step()] == ["sent"]
        assert office.step(HOUR) == []
        (email,) = box.emails
    assert "image/png" in [part.get_content_type() for part in email.walk()]
    (delivery,) = office.deliveries()
    assert (delivery.channel, delivery.transition, delivery.status, delivery.attempts) == ("team", 1, "sent", 1)


def test_later_transitions_are_told_as_they_come(store: Store) -> None:
    """Each once, and what stands together becomes one message."""
    phone = Phone()
    office = Office(store, settings(channel("team", "json://a")), phone)
    office.keep(alert("opened"))
    office.step()
    office.keep(with_history(office, "worsened", "resolved"))
    office.step(MINUTE)
    assert [message.kind for _, message in phone.calls] == ["opened", "resolved"]
    assert [delivery.status for delivery in office.deliveries()] == ["sent"] * 3


def test_a_new_process_tells_nothing_again(store: Store) -> None:
    """The outbox remembers."""
    phone = Phone()
    for _ in range(3):
        office = Office(store, settings(channel("team", "json://a")), phone)
        office.keep(alert("opened"))
        office.step()
    assert len(phone.calls) == 1


def test_nobody_is_told_where_no_route_fits(store: Store) -> None:
    """And nothing is written."""
    phone = Phone()
    routes = (RouteSettings(channels=("team",), models=("churn",)),)
    office = Office(store, settings(channel("team", "json://a"), routes=routes), phone)
    office.keep(alert("opened"))
    assert office.step() == []
    assert office.deliveries() == ()
    assert outbox.count(store) == {}


def test_what_happened_long_ago_is_not_told(store: Store) -> None:
    """Notifications that are new do not begin with last week."""
    phone = Phone()
    office = Office(store, settings(channel("team", "json://a")), phone)
    office.keep(alert("opened", at=NOW - timedelta(days=4)))
    office.step()
    assert phone.calls == []


def test_the_outbox_forgets_what_is_told_and_old(store: Store) -> None:
    """After twice the age at which it would no longer be told; nothing comes back."""
    phone = Phone()
    office = Office(store, settings(channel("team", "json://a")), phone)
    office.keep(alert("opened"))
    office.step()
    office.step(timedelta(days=5))
    assert sum(outbox.count(store).values()) == 1
    office.step(timedelta(days=2))
    assert outbox.count(store) == {}
    office.step(HOUR)
    assert len(phone.calls) == 1


# hidden


def test_a_muted_alert_is_told_when_it_comes_back(store: Store) -> None:
    """Until then the delivery says why not."""
    phone = Phone()
    office = Office(store, settings(channel("team", "json://a")), phone)
    office.keep(alert("muted", "opened"))
    office.step()
    assert [(one.status, one.reason) for one in office.deliveries()] == [("suppressed", "muted")]
    office.keep(with_history(office, "unmuted"))
    office.step(MINUTE)
    assert [message.kind for _, message in phone.calls] == ["opened"]


def test_what_waits_is_not_told_while_something_hides_it(store: Store) -> None:
    """A silence that comes between the opening and the opening hours."""
    phone = Phone()
    routes = (RouteSettings(channels=("team",), hours="13:00-18:00"),)
    office = Office(store, settings(channel("team", "json://a"), routes=routes), phone)
    office.keep(alert("opened"))
    assert office.step() == []
    office.keep(with_history(office, "silenced"))
    office.step(HOUR)
    assert phone.calls == []
    office.keep(with_history(office, "unsilenced"))
    office.step(HOUR)
    assert [message.kind for _, message in phone.calls] == ["opened"]


def test_outside_the_hours_it_waits_or_is_dropped(store: Store) -> None:
    """What is dropped is on the alert, with the hours."""
    phone = Phone()
    routes = (
        RouteSettings(channels=("team",), hours="13:00-18:00"),
        RouteSettings(channels=("boss",), hours="13:00-18:00", outside="drop"),
    )
    both = (channel("team", "json://a"), channel("boss", "json://b"))
    office = Office(store, settings(*both, routes=routes), phone)
    office.keep(alert("opened"))
    office.step()
    assert phone.calls == []
    office.step(HOUR)
    assert [url for url, _ in phone.calls] == ["json://a"]
    boss, team = office.deliveries()
    assert (boss.status, team.status) == ("suppressed", "sent")
    assert "outside 13:00-18:00 UTC" in boss.reason


# receivers that fail


def test_a_receiver_that_is_down_is_tried_again_and_then_the_fallback_gets_it(store: Store) -> None:
    """After 30, 60 and 120 seconds with the jitter in the middle; the delivery counts the attempts."""
    phone = Phone(*[down()] * 4)
    pair = (channel("team", "json://a", attempts=4, fallback="boss"), channel("boss", "json://b"))
    office = Office(store, settings(*pair), phone)
    office.keep(alert("opened"))
    for wait_s, calls in ((0, 1), (29, 1), (1, 2), (59, 2), (1, 3), (119, 3), (1, 4)):
        office.step(timedelta(seconds=wait_s))
        assert len(phone.calls) == calls
    (waiting,) = [one for one in office.deliveries() if one.channel == "team"]
    assert (waiting.status, waiting.attempts) == ("failed", 4)
    assert waiting.reason == "no connection; handed to boss"
    office.step(timedelta(seconds=5))
    assert [url for url, _ in phone.calls][-1] == "json://b"
    assert {one.channel: one.status for one in office.deliveries()} == {"team": "failed", "boss": "sent"}


def test_a_receiver_that_refuses_for_good_is_not_asked_again(store: Store) -> None:
    """A real 404: the fallback gets it with the next pass."""
    with HttpReceiver(status=404) as gone, HttpReceiver() as second:
        pair = (
            channel("team", f"json://127.0.0.1:{gone.port}/", fallback="boss"),
            channel("boss", f"json://127.0.0.1:{second.port}/"),
        )
        office = Office(store, settings(*pair))
        office.keep(alert("opened"))
        office.step()
        office.step()
        assert (len(gone.requests), len(second.requests)) == (1, 1)
    team = next(one for one in office.deliveries() if one.channel == "team")
    assert team.reason == "refused with 404; handed to boss"


def test_of_two_addresses_only_the_one_that_failed_is_tried_again(store: Store) -> None:
    """The other one has it."""
    phone = Phone(Sent(ok=True), down())
    office = Office(store, settings(channel("team", "json://a", "json://b")), phone)
    office.keep(alert("opened"))
    office.step()
    office.step(MINUTE)
    assert [url for url, _ in phone.calls] == ["json://a", "json://b", "json://b"]
    assert office.deliveries()[0].status == "sent"


def test_a_channel_that_is_down_is_asked_once_a_pass(store: Store) -> None:
    """Not once for each of ten alerts, each of which would wait for its own time-out."""
    phone = Phone(*[down()] * 10)
    office = Office(store, settings(channel("team", "json://a")), phone)
    office.keep(*several(10))
    office.step()
    assert len(phone.calls) == 1
    phone.answers.clear()
    office.step(MINUTE)
    assert sorted({message.facts["alert_id"] for _, message in phone.calls}) == sorted(one.id for one in several(10))


def test_a_receiver_that_hangs_holds_up_nobody_else(store: Store) -> None:
    """Its attempt fails at the limit, and the other channel has its message."""
    gate = threading.Event()

    def deliver(url: Secret, message: Message, settings: ChannelSettings) -> Sent:
        if url.reveal() == "json://hangs":
            gate.wait(60)
        return phone(url, message, settings)

    phone = Phone()
    pair = (channel("slow", "json://hangs", timeout_s=0.2), channel("team", "json://a"))
    routes = (RouteSettings(channels=("slow", "team")),)
    office = Office(store, settings(*pair, routes=routes), deliver)
    office.keep(alert("opened"))
    office.step()
    assert [url for url, _ in phone.calls] == ["json://a"]
    office.step(MINUTE)
    (slow,) = [one for one in office.deliveries() if one.channel == "slow"]
    assert (slow.status, slow.attempts, slow.reason) == ("waiting", 2, "an earlier attempt still hangs")
    gate.set()


def test_a_channel_that_is_no_longer_configured_fails(store: Store) -> None:
    """The delivery says so."""
    routes = (RouteSettings(channels=("team",), hours="13:00-18:00"),)
    office = Office(store, settings(channel("team", "json://a"), routes=routes), Phone())
    office.keep(alert("opened"))
    office.step()
    later = Office(store, settings(channel("other", "json://b"), routes=()), Phone())
    later.step(HOUR)
    assert [(one.status, one.reason) for one in later.deliveries()] == [("failed", "no such channel is configured")]


def test_an_error_of_a_services_own_code_is_a_failed_attempt(store: Store) -> None:
    """Its kind is the reason; its words may hold an address."""

    def deliver(_url: Secret, _message: Message, _settings: ChannelSettings) -> Sent:
        raise KeyError("hush")

    office = Office(store, settings(channel("team", "json://a", attempts=1)), deliver)
    office.keep(alert("opened"))
    office.step()
    assert [(one.status, one.reason) for one in office.deliveries()] == [("failed", "unforeseen: KeyError")]


def test_a_message_that_cannot_be_written_holds_up_no_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried as often as any other, and fails."""
    write = notify.alert_message

    def sometimes(item: Item, *, key: str) -> Message:
        if item.alert.title == "flights: alert 0":
            raise ZeroDivisionError
        return write(item, key=key)

    monkeypatch.setattr(notify, "alert_message", sometimes)
    phone = Phone()
    office = Office(store, settings(channel("team", "json://a", attempts=2)), phone)
    office.keep(*several(3))
    for _ in range(3):
        office.step(MINUTE)
    assert len(phone.calls) == 2
    assert office.deliveries(several(1)[0])[0].reason == "unforeseen: ZeroDivisionError"


# digests and limits


def test_a_digest_is_one_message_an_hour(store: Store) -> None:
    """At the full hour, with everything since the last one."""
    phone = Phone()
    office = Office(store, settings(channel("team", "json://a", digest=HOUR)), phone)
    office.clock.time += 20 * MINUTE
    office.keep(*several(3))
    office.step()
    office.keep(alert("opened", "resolved", key="flights|test|late", at=office.clock.time))
    office.step(39 * MINUTE)
    assert phone.calls == []
    office.step(MINUTE)
    office.step(MINUTE)
    assert phone.titles == ["[digest] 4 alerts: 3 critical, 1 resolved"]
    assert office.deliveries(several(1)[0])[0].status == "sent"


def test_more_than_the_limit_becomes_one_digest_at_the_end_of_the_hour(store: Store) -> None:
    """Two at once, three in the digest; nothing is lost."""
    phone = Phone()
    office = Office(store, settings(channel("team", "json://a", rate_per_hour=2)), phone)
    office.clock.time += 20 * MINUTE
    office.keep(*several(5))
    office.step()
    assert len(phone.calls) == 2
    office.step(39 * MINUTE)
    assert len(phone.calls) == 2
    office.step(MINUTE)
    assert phone.titles[2] == "[digest] 3 alerts: 3 critical"
    assert all(office.deliveries(one)[0].status == "sent" for one in several(5))


# crashes


def test_two_workers_never_send_twice(store: Store) -> None:
    """Four notifiers at once, again and again, over the same thirty alerts: each alert's message once."""
    phone = Phone()
    made = settings(channel("team", "json://a", rate_per_hour=1000))
    offices = [Office(store, made, phone) for _ in range(4)]
    offices[0].keep(*several(30))
    store.put(store.names.state, "first", {})  # or four make the index at once, and one may be told it has no shard yet
    start = threading.Barrier(4)

    def work(office: Office) -> None:
        start.wait(30)
        for _ in range(3):
            office.notifier.spread(HELD)
            office.notifier.dispatch()

    threads = [threading.Thread(target=work, args=(office,)) for office in offices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    told = [message.facts["alert_id"] for _, message in phone.calls]
    assert sorted(told) == sorted(one.id for one in several(30))


CHILD = """
import os, signal, sys
from datetime import datetime
from driftlog.act.notify.dispatch import deliver_by_apprise
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.client import Store
from driftlog.worker.notify import Notifier
from tests.integration.act.stories import NOW, channel, settings

url, prefix, port, cut = sys.argv[1:]
def deliver(url, message, settings):
    if cut == "before sending":
        os.kill(os.getpid(), signal.SIGKILL)
    return deliver_by_apprise(url, message, settings)
with Store.connect(ElasticsearchSettings(urls=(url,)), IndexNames(prefix)) as store:
    made = settings(channel("team", f"json://127.0.0.1:{port}/"))
    notifier = Notifier(store, made, holder="child", now=lambda: NOW, jitter=lambda: 0.5, deliver=deliver)
    notifier.spread(["flights"])
    if cut == "after creating":
        os.kill(os.getpid(), signal.SIGKILL)
    print(os.getpid(), flush=True)
    sys.stdin.readline()
    notifier.dispatch()
"""


@pytest.mark.parametrize(("cut", "messages"), [("after creating", 1), ("before sending", 1), ("after sending", 2)])
def test_a_worker_killed_anywhere_loses_nothing(store: Store, elasticsearch_url: str, cut: str, messages: int) -> None:
    """kill -9: only between the receiver's taking it and the mark is it sent again, under the same key."""
    with HttpReceiver() as receiver:
        office = Office(store, settings(channel("team", f"json://127.0.0.1:{receiver.port}/")))
        office.keep(alert("opened"))
        arguments = [elasticsearch_url, store.names.prefix, str(receiver.port), cut]
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CHILD), *arguments],
            cwd=Path(__file__).parents[3],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if cut == "after sending":
            receiver.before = lambda: os.kill(child.pid, signal.SIGKILL)
        child.communicate("\n", timeout=60)
        assert child.returncode == -signal.SIGKILL
        receiver.before = None
        office.step()
        early = len(receiver.requests)
        assert early == (
            1 if cut in ("after creating", "after sending") else 0
        )  # a claim is respected until it expires
        office.step(10 * MINUTE)
        office.step(HOUR)
        keys = [request.headers["Idempotency-Key"] for request in receiver.requests]
    assert len(keys) == messages
    assert len(set(keys)) == 1
    assert [one.status for one in office.deliveries()] == ["sent"]


class Broken(Store):
    """A store whose next write of a finished notice fails, as if Elasticsearch went away."""

    failures = 1

    def put(self, index: str, id: str, document: Any, **more: Any) -> Hit:
        if isinstance(document, dict) and document.get("value", {}).get("status") == "sent" and self.failures:
            self.failures -= 1
            raise StoreUnavailable("gone")
        return super().put(index, id, document, **more)


def test_a_mark_that_cannot_be_written_is_written_later(store: Store, elasticsearch_url: str) -> None:
    """And nothing is sent again, also when the claim has expired."""
    phone = Phone()
    with Broken.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), store.names) as broken:
        office = Office(broken, settings(channel("team", "json://a")), phone)
        office.keep(alert("opened"))
        office.step()
        assert office.deliveries() == ()
        office.step(HOUR)
        assert [one.status for one in office.deliveries()] == ["sent"]
    assert len(phone.calls) == 1


# the alert and the records


def test_deliveries_are_written_by_the_worker_that_holds_the_model(store: Store) -> None:
    """Without a lease nothing is written; an older term is refused and the notice waits for the newer one."""
    office = Office(store, settings(channel("team", "json://a")), Phone())
    write_alerts(store, [alert("opened")], term=7)
    office.notifier.spread(HELD)
    office.notifier.dispatch()
    assert office.notifier.note({}) == []
    assert office.notifier.note({"flights": 6}) == []
    assert office.deliveries() == ()
    assert len(office.notifier.note({"flights": 7})) == 1
    assert office.notifier.note({"flights": 7}) == []
    assert len(office.deliveries()) == 1


def test_what_was_sent_and_what_failed_is_recorded_once(store: Store) -> None:
    """With a key of its own; what was suppressed is not an action."""
    entries: list[AuditEntry] = []

    class Book:
        def record_many(self, found: Sequence[AuditEntry]) -> list[None]:
            entries.extend(found)
            return [None] * len(found)

    phone = Phone(down(final=True))
    office = Office(store, settings(channel("team", "json://a")), phone)
    office.keep(*several(2), alert("muted", "opened"))
    office.notifier.spread(HELD)
    office.notifier.dispatch()
    for _ in range(2):
        office.notifier.note(HELD, Book())
    assert sorted(entry.action for entry in entries) == ["notification.failed", "notification.sent"]
    assert len({entry.key for entry in entries}) == 2


def test_no_address_is_in_any_document(store: Store) -> None:
    """Of the alert, the outbox, or anything else."""
    with HttpReceiver(status=500) as receiver:
        url = f"json://user:hush-password@127.0.0.1:{receiver.port}/hush-path"
        office = Office(store, settings(channel("team", url, attempts=1)))
        office.keep(alert("opened"))
        office.step()
    for info in store.list_indices():
        store.refresh(info.name)
        for hit in store.scan(info.name):
            assert "hush" not in json.dumps(hit["_source"])


@pytest.mark.slow
def test_the_worker_tells(store: Store, elasticsearch_url: str) -> None:
    """The process: alerts that are stored, of a model and of the installation itself, are told once, and their
    deliveries come back to them."""
    register(store, ModelRecord(name="flights", task="binary", registered=NOW))
    with (
        HttpReceiver() as receiver,
        Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), store.names) as lease_store,
    ):
        made = settings(channel("team", f"json://127.0.0.1:{receiver.port}/"))
        made = msgspec.structs.replace(made, worker=WorkerSettings(lease=timedelta(seconds=3)))
        worker = Worker(store, lease_store, made, worker_id="w")
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            wait_for(lambda: is_there(store, "lease|flights"), seconds=60)
            found = alert("opened", at=datetime.now(NOW.tzinfo))
            write_alerts(store, [found], term=1)
            silent = msgspec.structs.replace(found, key="driftlog||silent", model=INSTALLATION, environment="")
            write_alerts(store, [silent], term=1)
            for one in (found, silent):
                wait_for(lambda id=one.id: alerts_by_id(store, [id])[0].deliveries, seconds=60)  # type: ignore[misc]
        finally:
            worker.stop()
            thread.join(60)
    assert not thread.is_alive()
    told = [request.json["alert_id"] for request in receiver.requests]
    assert sorted(id for id in told if id in (found.id, silent.id)) == sorted([found.id, silent.id])


def is_there(store: Store, id: str) -> bool:
    """Whether the worker has written this by now; its index may be in the making."""
    try:
        return store.get(store.names.state, id) is not None
    except StoreUnavailable:
        return False


def with_history(office: Office, *kinds: str) -> Alert:
    """The stored alert with further transitions, a minute apart from the clock's time on."""
    (found,) = alerts_by_id(office.store, [alert().id])
    start = len(found.history)
    at = office.clock.time + MINUTE
    more = [
        Transition(number=start + n, kind=kind, at=at, severity="critical")  # type: ignore[arg-type]
        for n, kind in enumerate(kinds, 1)
    ]
    status = "resolved" if kinds[-1] == "resolved" else found.status
    return msgspec.structs.replace(found, history=(*found.history, *more), updated=at, status=status)


def test_nothing_is_lost_and_nothing_doubled_in_a_bad_week(store: Store) -> None:
    """Two workers take turns over eight alerts; one receiver fails half of the time, the fallback takes two messages
    an hour, a third gets digests: each opening arrives once on every channel, or once on the fallback."""
    chance = random.Random(20260303)
    arrived: dict[str, list[str]] = defaultdict(list)

    def deliver(url: Secret, message: Message, _channel: ChannelSettings) -> Sent:
        name = url.reveal().removeprefix("json://")
        if name == "flaky" and chance.random() < 0.5:
            return down()
        arrived[name] += message.facts.get("handles", message.facts.get("handle", "")).split(",")
        return Sent(ok=True)

    made = settings(
        channel("team", "json://flaky", attempts=2, fallback="boss"),
        channel("boss", "json://boss", rate_per_hour=2),
        channel("log", "json://log", digest=timedelta(minutes=30)),
        routes=(RouteSettings(channels=("team", "log")),),
    )
    offices = [Office(store, made, deliver) for _ in range(2)]
    alerts = several(8)
    for step in range(32):
        for one in alerts[step : step + 1]:
            moved = msgspec.structs.replace(one.history[0], at=offices[0].clock.time)
            offices[0].keep(msgspec.structs.replace(one, history=(moved,), updated=moved.at))
        office = chance.choice(offices)
        for other in offices:
            other.clock.time = office.clock.time
        office.step(timedelta(seconds=chance.choice([20, 60, 300, 900])))
    handles = sorted(one.handle for one in alerts)
    assert sorted(arrived["log"]) == handles
    assert sorted([*arrived["flaky"], *arrived["boss"]]) == handles
    assert arrived["boss"]
