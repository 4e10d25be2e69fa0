"""What the app logged is stored or quarantined, once, whatever is killed in between."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from driftlog.contract.names import IndexNames
from driftlog.contract.records import ModelRecord
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.client import Store
from driftlog.store.local.server import LocalServer, LocalSettings
from driftlog.store.models import register
from driftlog.store.templates import install

pytestmark = [pytest.mark.elasticsearch, pytest.mark.slow, pytest.mark.timeout(420)]

PREFIX = "lost"
APP = Path(__file__).with_name("logging_app.py")
COUNT, PER_SECOND = 4_000, 400
KILLS_OF_THE_APP = 2


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Installation:
    """An Elasticsearch of its own, an intake, and an app, each of which can be killed and started again."""

    def __init__(self, scratch: Path, folder: Path) -> None:
        self.local = LocalSettings(port=free_port(), home=scratch / "server", heap="512m")
        self.folder = folder
        self.intake_port = free_port()
        self.intake: subprocess.Popen[bytes] | None = None
        self.app: subprocess.Popen[bytes] | None = None
        self.ledger = folder / "ledger"
        self.pid = 0

    def start_elasticsearch(self) -> Store:
        info = LocalServer().start(self.local, lambda message: None)
        self.pid = info.pid
        store = Store.connect(ElasticsearchSettings(urls=(info.url,)), IndexNames(PREFIX))
        store.wait_until_ready(60)
        return store

    def start_intake(self) -> None:
        config = self.folder / "driftlog.yml"
        config.write_text(
            f"prefix: {PREFIX}\nelasticsearch:\n  urls: ['http://127.0.0.1:{self.local.port}']\n"
            f"intake:\n  http_port: {self.intake_port}\n  tcp_port: null\n"
        )
        command = [sys.executable, "-m", "driftlog", "--config", str(config), "intake"]
        self.intake = self.spawn("intake", command)
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.intake_port}/health", timeout=2):
                    return
            except OSError:
                assert time.monotonic() < deadline, "the intake does not answer"
                time.sleep(0.1)

    def start_app(self, first: int) -> None:
        command = [sys.executable, str(APP), f"http://127.0.0.1:{self.intake_port}", str(self.folder / "spool")]
        command += [str(self.ledger), str(first), str(COUNT - first), str(PER_SECOND)]
        self.app = self.spawn("app", command)

    def spawn(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    def logged(self) -> list[str]:
        return self.ledger.read_text().split("\n")[:-1] if self.ledger.exists() else []

    def wait_for_lines(self, count: int) -> None:
        deadline = time.monotonic() + 60
        while len(self.logged()) < count:
            assert time.monotonic() < deadline, f"only {len(self.logged())} lines logged"
            time.sleep(0.05)

    def stop(self) -> None:
        for process in (self.app, self.intake):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        LocalServer().stop(self.local)


@pytest.fixture
def installation(elasticsearch_url: str, scratch: Path, tmp_path: Path) -> Iterator[Installation]:
    """`elasticsearch_url` is asked for so that this test is skipped, or fails, where the others are."""
    made = Installation(scratch, tmp_path)
    yield made
    made.stop()


def kill(process: subprocess.Popen[bytes] | None) -> None:
    assert process is not None
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_nothing_is_lost_or_doubled_when_app_intake_and_elasticsearch_are_killed(installation: Installation) -> None:
    """Each of the three is killed with -9 in mid-stream, and started again; the counts are equal in the end."""
    with installation.start_elasticsearch() as store:
        install(store)
        register(store, ModelRecord(name="spine", task="binary", registered=datetime.now(UTC)))
    installation.start_intake()
    installation.start_app(0)

    for share in (0.1, 0.25):
        installation.wait_for_lines(int(COUNT * share))
        kill(installation.app)
        last = max(int(line.split("-")[1]) for line in installation.logged() if line.startswith("good"))
        installation.start_app(last + 1)

    installation.wait_for_lines(int(COUNT * 0.4))
    kill(installation.intake)
    installation.start_intake()

    installation.wait_for_lines(int(COUNT * 0.55))
    os.kill(installation.pid, signal.SIGKILL)
    time.sleep(1.0)
    store = installation.start_elasticsearch()

    installation.wait_for_lines(int(COUNT * 0.7))
    kill(installation.intake)
    installation.start_intake()

    assert installation.app is not None and installation.app.wait(timeout=180) == 0

    with store:
        store.refresh(store.names.everything)
        stored = Counter(hit["_id"] for hit in store.scan(store.names.all_predictions("spine"), {"match_all": {}}))
        months = {index.name.rsplit(".", 1)[1] for index in store.list_indices(store.names.all_predictions("spine"))}
        refused = store.count(store.names.every("quarantine"))
    promised = Counter(line.split()[0] for line in installation.logged())
    ids = {line.split()[1] for line in installation.logged() if line.startswith("good")}

    assert ids - set(stored) == set(), "logged, and lost"
    assert [event_id for event_id, times in stored.items() if times > 1] == [], "stored twice"
    assert len(stored) - len(ids) <= KILLS_OF_THE_APP, "stored, and never logged"
    assert months == {"2026-01", "2026-02"}
    assert promised["bad"] <= refused <= promised["bad"] + KILLS_OF_THE_APP
