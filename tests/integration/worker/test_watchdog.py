"""The dead man's switch, on a real Elasticsearch and with a real worker process that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftlog.cli.app import run as command_line
from driftlog.contract.alert import Alert
from driftlog.contract.alerting import AlertSettings
from driftlog.contract.handling import AlertRequest
from driftlog.contract.names import IndexNames
from driftlog.contract.records import ModelRecord, RunRecord
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings, Settings, WorkerSettings
from driftlog.store.alert_requests import create_request
from driftlog.store.alerts import find_alerts
from driftlog.store.client import Store
from driftlog.store.leases import LeaseBoard
from driftlog.store.models import register
from driftlog.store.runs import write_run
from driftlog.store.templates import install
from driftlog.store.values import BulkAction
from driftlog.worker.watchdog import INSTALLATION, Beats, Watchdog, look

pytestmark = pytest.mark.elasticsearch

LEASE = timedelta(seconds=3)
NOW = datetime(2026, 3, 30, 12, tzinfo=UTC)  # a Monday; clocks went forward in Berlin the day before
WEEK = timedelta(weeks=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def store(elasticsearch_url: str, prefix: str) -> Iterator[Store]:
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
        yield store


def settings(*models: ModelSettings) -> Settings:
    return Settings(models=models or (ModelSettings(name="credit"),), worker=WorkerSettings(lease=LEASE))


class Clock:
    """A monotonic clock that moves when it is told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def found(store: Store) -> dict[str, tuple[str, str]]:
    """Cause -> severity and status of the installation's alerts."""
    alerts = find_alerts(store, INSTALLATION, environment="")
    return {alert.metric: (alert.severity, alert.status) for alert in alerts}


def members(alert: Alert) -> list[str]:
    return [member.field for member in alert.members]


@pytest.fixture
def start_worker(
    tmp_path: Path, elasticsearch_url: str, prefix: str
) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts `driftlog worker` under a given id; whatever still lives is killed at the end."""
    config = tmp_path / "driftlog.yml"
    config.write_text(
        f"prefix: {prefix}\nelasticsearch:\n  urls: ['{elasticsearch_url}']\n"
        f"worker:\n  lease: {LEASE.seconds}s\nmodels:\n  credit:\n    cycle: 1s\n    window: 1h\n"
    )
    started: list[subprocess.Popen[bytes]] = []

    def start(worker_id: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "driftlog", "--config", str(config), "worker", "--id", worker_id]
        with (tmp_path / f"{worker_id}.log").open("ab") as log:
            started.append(subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "NO_COLOR": "1"}))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.3)


@pytest.mark.slow
def test_a_killed_worker_is_noticed_and_its_return_as_well(
    store: Store, start_worker: Callable[[str], subprocess.Popen[bytes]]
) -> None:
    """SIGKILL: an alert that names it, opened by the other process; a worker of that name ends it.

    Either of the two may keep the watch; only this one is left to notice.
    """
    watchdog = Watchdog(store, settings(), worker_id="two", every=timedelta(seconds=1))
    board = LeaseBoard(store, "two", LEASE, time.monotonic)
    alive = lambda: {  # noqa: E731
        hit["_source"]["holder"] for hit in store.scan(store.names.state, {"term": {"kind": "worker"}})
    }

    def tick() -> dict[str, tuple[str, str]]:
        board.heartbeat()
        watchdog.look(datetime.now(UTC))
        return found(store)

    first = start_worker("one")
    wait_for(lambda: tick() is not None and "one" in alive(), 60, "the worker announces itself")
    assert "worker_silent" not in tick()

    first.send_signal(signal.SIGKILL)
    first.wait()
    wait_for(lambda: tick().get("worker_silent") == ("warning", "open"), 60, "it is noticed")
    (alert,) = [one for one in find_alerts(store, INSTALLATION, environment="") if one.metric == "worker_silent"]
    assert members(alert) == ["one"] and alert.title == "driftlog: a worker went silent"

    start_worker("one")
    wait_for(lambda: tick()["worker_silent"][1] == "resolved", 60, "it is back")


def test_a_worker_that_says_goodbye_is_not_silent(store: Store) -> None:
    """Its announcement is taken away; one that does not is silent one lease time after its last beat, not before."""
    clock = Clock()
    watchdog = Watchdog(store, settings(), worker_id="me", monotonic=clock, every=timedelta(seconds=1))
    polite, rude = (LeaseBoard(store, name, LEASE, clock) for name in ("polite", "rude"))
    polite.heartbeat()
    rude.heartbeat()
    watchdog.look(NOW)
    polite.release_all()
    clock.seconds += LEASE.total_seconds() * 0.9
    watchdog.look(NOW + timedelta(seconds=2))
    assert "worker_silent" not in found(store)
    clock.seconds += LEASE.total_seconds() * 0.2
    watchdog.look(NOW + timedelta(seconds=3))
    assert found(store)["worker_silent"] == ("warning", "open")
    (alert,) = [one for one in find_alerts(store, INSTALLATION, environment="") if one.metric == "worker_silent"]
    assert members(alert) == ["rude"]
    rude.heartbeat()
    watchdog.look(NOW + timedelta(seconds=4))
    assert found(store)["worker_silent"] == ("warning", "resolved")


def test_people_handle_alerts_about_the_installation_as_others(store: Store) -> None:
    """What they ask for is carried out at the next look, by whoever keeps the watch."""
    clock = Clock()
    watchdog = Watchdog(store, settings(), worker_id="me", monotonic=clock, every=timedelta(seconds=1))
    LeaseBoard(store, "rude", LEASE, clock).heartbeat()
    watchdog.look(NOW)
    clock.seconds += 1.1 * LEASE.total_seconds()
    opened = {alert.metric: alert for alert in watchdog.look(NOW + MINUTE)}
    request = AlertRequest(
        id="r1",
        alert_id=opened["worker_silent"].id,
        model=INSTALLATION,
        environment="",
        kind="acknowledge",
        by="ada",
        at=NOW + MINUTE,
    )
    assert create_request(store, request)
    watchdog.look(NOW + 2 * MINUTE)
    assert found(store)["worker_silent"] == ("warning", "acknowledged")


def test_one_process_keeps_the_watch_and_another_takes_it_over(store: Store) -> None:
    """Only the holder of its lease writes; when that one stops looking, the next does."""
    clock = Clock()
    one, two = (
        Watchdog(store, settings(), worker_id=name, monotonic=clock, every=timedelta(seconds=1))
        for name in ("one", "two")
    )
    one.look(NOW)
    two.look(NOW)
    assert (one.term, two.term) == (1, None)
    clock.seconds += LEASE.total_seconds() + 0.1
    two.look(NOW + MINUTE)
    assert two.term == 2
    one.look(NOW + MINUTE)
    assert one.term is None
    two.release()
    one.look(NOW + 2 * MINUTE)
    assert one.term == 3


def test_a_model_without_a_worker_or_a_good_cycle_is_told(store: Store) -> None:
    """First a lease nobody renews, then cycles that are missed, with the last error; a good one ends it."""
    clock = Clock()
    own = settings(ModelSettings(name="credit", cycle=timedelta(minutes=5)))
    register(store, ModelRecord(name="credit", registered=NOW - WEEK))
    watchdog = Watchdog(store, own, worker_id="me", monotonic=clock, every=timedelta(seconds=1))

    def cycled(at: datetime, status: str = "ok", error: str = "") -> None:
        record = RunRecord(
            id=f"{at}",
            worker="w",
            model="credit",
            started=at,
            finished=at,
            as_of=at,
            status=status,
            error=error,  # type: ignore[arg-type]
        )
        write_run(store, record)
        store.refresh(store.names.every("runs"))

    cycled(NOW)
    watchdog.look(NOW)
    assert found(store) == {}
    clock.seconds += 2.5 * LEASE.total_seconds()
    watchdog.look(NOW + MINUTE)
    assert found(store)["unwatched"] == ("warning", "open")

    board = LeaseBoard(store, "w", LEASE, clock)
    board.claim(["credit"])
    watchdog.look(NOW + 2 * MINUTE)
    assert found(store)["unwatched"] == ("warning", "resolved")

    cycled(NOW + 10 * MINUTE, "failed", "Elasticsearch is overloaded")
    board.renew()
    changed = watchdog.look(NOW + 16 * MINUTE)
    assert [alert.metric for alert in changed] == ["unwatched"]
    assert members(changed[0]) == ["credit"]
    assert "the last one failed: Elasticsearch is overloaded" in changed[0].message
    board.renew()
    watchdog.look(NOW + 61 * MINUTE)
    assert found(store)["unwatched"] == ("critical", "open")
    cycled(NOW + 62 * MINUTE)
    board.renew()
    watchdog.look(NOW + 63 * MINUTE)
    assert found(store)["unwatched"] == ("critical", "resolved")


def ingest(store: Store, name: str, times: list[datetime], **rest: object) -> None:
    def action(i: int, when: datetime) -> BulkAction:
        document = {
            "@timestamp": when.isoformat(),
            "event": {"id": f"{name}{i}", "dataset": "driftlog.prediction", "ingested": when.isoformat()},
            "service": {"environment": "production"},
            "model": {"name": name},
            "prediction": {"task": "binary", "label": "1"},
            **rest,
        }
        return BulkAction("create", store.names.predictions(name, when), f"{name}{i}", document, None)

    actions = [action(i, when) for i, when in enumerate(times)]
    assert not store.bulk(actions, refresh=True).failures


def test_a_silent_intake_is_measured_by_what_usually_arrives(store: Store) -> None:
    """Four weeks always had events in this stretch of local time; nights and thin streams are no silence."""
    minutes = [offset * MINUTE for offset in range(-120, 60, 3)]
    weeks = [NOW - week * WEEK for week in (1, 2, 3, 4)]
    steady = [start + hour for start in weeks for hour in (offset + timedelta(hours=1) for offset in minutes)]
    last = NOW - timedelta(hours=1)
    ingest(store, "steady", [*steady, last])
    ingest(store, "thin", [*(start for start in weeks), last])
    ingest(store, "young", [*(NOW - WEEK + offset for offset in minutes), last])
    ingest(store, "imported", [*steady, last], driftlog={"source": "import"})
    berlin = {"timezone": "Europe/Berlin"}
    names = ("steady", "thin", "young", "imported")
    models = [ModelSettings(name=name, **berlin) for name in names]  # type: ignore[arg-type]
    told = ModelSettings(name="thin", alerts=AlertSettings(no_data_after=timedelta(minutes=30)))
    measured = look(store, settings(*models), now=NOW, beats=Beats())
    missed = {m.field: (m.value, m.verdict) for m in measured if m.metric == "events_missed"}
    assert missed == {"steady": (20.0, "warning"), "thin": (1.0, "ok"), "young": (None, "insufficient_data")}
    own = look(store, settings(models[0], told), now=NOW, beats=Beats())
    assert [(m.value, m.verdict) for m in own if m.metric == "no_data_s"] == [(3600.0, "warning")]
    arriving = look(store, settings(*models), now=last + MINUTE, beats=Beats())
    assert {m.verdict for m in arriving if m.metric == "events_missed"} <= {"ok", "insufficient_data"}


def test_the_command_speaks_and_exits_with_1(
    store: Store,
    elasticsearch_url: str,
    prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """For cron: a line a measurement with --json, what is silent without; nothing is written."""
    file = tmp_path / "driftlog.yml"
    file.write_text(
        f"prefix: {prefix}\nelasticsearch: {{urls: ['{elasticsearch_url}']}}\n"
        "worker: {lease: 1s}\nmodels: {credit: {cycle: 1h}}\n"
    )
    monkeypatch.setenv("DRIFTLOG_CONFIG", str(file))
    monkeypatch.setenv("COLUMNS", "160")
    assert command_line(["watchdog", "--quick"]) == 0
    assert "Nothing is silent" in capsys.readouterr().out
    register(store, ModelRecord(name="credit", registered=datetime.now(UTC) - timedelta(hours=5)))
    store.refresh(store.names.models)
    assert command_line(["watchdog", "--quick"]) == 1
    assert "credit is not evaluated" in " ".join(capsys.readouterr().out.split())
    assert command_line(["watchdog", "--json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {(line["metric"], line["verdict"]) for line in lines} >= {("cycles_missed", "warning")}
    assert find_alerts(store) == []
