"""The health check of a worker's container: `driftlog watchdog --here`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftlog.cli.app import run as command_line
from driftlog.contract.names import IndexNames
from driftlog.contract.records import ModelRecord
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.client import Store
from driftlog.store.leases import LeaseBoard
from driftlog.store.models import register
from driftlog.store.templates import install

pytestmark = pytest.mark.elasticsearch

LEASE_S = 3


@pytest.fixture
def config(tmp_path: Path, elasticsearch_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of an installation that is set up, in DRIFTLOG_CONFIG."""
    file = tmp_path / "driftlog.yml"
    file.write_text(
        f"prefix: {prefix}\nelasticsearch: {{urls: ['{elasticsearch_url}']}}\nworker: {{lease: {LEASE_S}s}}\n"
    )
    monkeypatch.setenv("DRIFTLOG_CONFIG", str(file))
    monkeypatch.setenv("COLUMNS", "200")
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
    return file


@pytest.fixture
def worker(config: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker as a container starts it: no name of its own."""
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "driftlog", "worker"], stdout=log, stderr=log, env=os.environ)
    yield process
    if process.poll() is None:
        process.kill()
    process.wait()


def health_within(expected: int, seconds: float) -> None:
    """A sign that was under way when the worker was stopped still counts, once."""
    deadline = time.monotonic() + seconds
    while command_line(["watchdog", "--here"]) != expected:
        assert time.monotonic() < deadline, f"not {expected} within {seconds} s"


@pytest.mark.slow
def test_a_living_worker_is_healthy_and_a_hung_or_killed_one_is_not(
    worker: subprocess.Popen[bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """Also without any model, or with one that says nothing; what other hosts do does not count."""
    health_within(0, 90)
    assert f"The worker {socket.gethostname()}-{worker.pid} lives." in capsys.readouterr().out
    worker.send_signal(signal.SIGSTOP)
    health_within(1, 60)
    assert f"No worker of {socket.gethostname()} gave a sign" in capsys.readouterr().out
    worker.send_signal(signal.SIGCONT)
    health_within(0, 60)
    worker.kill()
    worker.wait()
    health_within(1, 60)


def test_silence_of_models_is_not_the_workers_fault(
    config: Path, elasticsearch_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No worker lives here, so it fails, and for that reason alone; a worker of another host does not help."""
    monkeypatch.setenv("DRIFTLOG_WORKER__LEASE", "1s")
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        register(store, ModelRecord(name="silent", registered=datetime(2026, 1, 1, tzinfo=UTC)))
        board = LeaseBoard(store, f"{socket.gethostname()}x-1", timedelta(seconds=1), time.monotonic)
        stop = threading.Event()
        other = threading.Thread(target=lambda: [board.heartbeat() for _ in iter(lambda: stop.wait(0.2), True)])
        other.start()
        try:
            assert command_line(["watchdog", "--here"]) == 1
        finally:
            stop.set()
            other.join()


def test_an_elasticsearch_that_is_away_is_no_reason_to_restart_a_worker(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 3: the probes of deploy/kubernetes restart on 1 only."""
    monkeypatch.setenv("DRIFTLOG_ELASTICSEARCH__URLS", "http://127.0.0.1:9")
    assert command_line(["watchdog", "--here"]) == 3
