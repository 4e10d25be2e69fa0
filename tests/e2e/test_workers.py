"""Several real worker processes share the models by leases, take over from a dead one, and never do work twice."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from driftlog.contract.names import IndexNames
from driftlog.contract.records import ModelRecord, RunRecord
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.client import Store
from driftlog.store.models import register
from driftlog.store.runs import find_runs
from driftlog.store.templates import install

pytestmark = [pytest.mark.elasticsearch, pytest.mark.slow]

MODELS = [f"m{number}" for number in range(4)]
LEASE_S = 4.0


@pytest.fixture
def store(elasticsearch_url: str, prefix: str) -> Iterator[Store]:
    """An installation of its own with four registered models."""
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
        for model in MODELS:
            register(store, ModelRecord(name=model, task="binary", registered=datetime.now(UTC)))
        yield store


@pytest.fixture
def start_worker(
    tmp_path: Path, elasticsearch_url: str, prefix: str
) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts `driftlog worker` under a given id; whatever still lives is killed at the end."""
    config = tmp_path / "driftlog.yml"
    models = "".join(f"  {model}:\n    cycle: 1s\n    window: 1h\n" for model in MODELS)
    config.write_text(
        f"prefix: {prefix}\nelasticsearch:\n  urls: ['{elasticsearch_url}']\n"
        f"worker:\n  lease: {LEASE_S:.0f}s\nmodels:\n{models}"
    )
    started: list[subprocess.Popen[bytes]] = []

    def start(worker_id: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "driftlog", "--config", str(config), "worker", "--id", worker_id]
        with (tmp_path / f"{worker_id}.log").open("wb") as log:
            started.append(subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "NO_COLOR": "1"}))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()


def runs(store: Store) -> list[RunRecord]:
    store.refresh(store.names.every("runs"))
    return find_runs(store, size=5000)


def holders(store: Store, since: datetime) -> dict[str, set[str]]:
    """Model -> workers that began a cycle of it since then."""
    found: dict[str, set[str]] = defaultdict(set)
    for run in runs(store):
        if run.started >= since:
            found[run.model].add(run.worker)
    return found


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.25)


def test_models_spread_and_move_when_a_worker_dies(
    store: Store, start_worker: Callable[[str], subprocess.Popen[bytes]]
) -> None:
    """One worker takes all; a second gets its half; killed, it is replaced; nothing is evaluated twice at a time."""
    first = start_worker("one")
    wait_for(lambda: len(holders(store, datetime(2000, 1, 1, tzinfo=UTC))) == 4, 30, "one worker holds all models")

    second = start_worker("two")

    def spread() -> bool:
        moment = datetime.now(UTC)
        time.sleep(2.5)
        now = holders(store, moment)
        return sorted(len([m for m in now if now[m] == {w}]) for w in ("one", "two")) == [2, 2]

    wait_for(spread, 40, "two models each")

    second.send_signal(signal.SIGKILL)
    second.wait()
    killed = datetime.now(UTC)
    wait_for(lambda: len([m for m, w in holders(store, killed).items() if "one" in w]) == 4, 3 * LEASE_S, "take-over")
    taken = max(
        min(r.started for r in runs(store) if r.model == model and r.worker == "one" and r.started >= killed)
        for model in MODELS
    )
    assert (taken - killed).total_seconds() <= 2 * LEASE_S

    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=20) == 0

    by_model: dict[str, list[RunRecord]] = defaultdict(list)
    for run in runs(store):
        assert run.status == "ok", run.error
        by_model[run.model].append(run)
    for model_runs in by_model.values():
        model_runs.sort(key=lambda run: run.started)
        for before, after in itertools.pairwise(model_runs):
            assert before.finished <= after.started, json.dumps([before.worker, after.worker])
            assert before.term <= after.term


def test_a_stopped_worker_hands_over_at_once(
    store: Store, start_worker: Callable[[str], subprocess.Popen[bytes]]
) -> None:
    """SIGTERM releases the leases: the other need not wait for them to expire."""
    first = start_worker("one")
    wait_for(lambda: len(holders(store, datetime(2000, 1, 1, tzinfo=UTC))) == 4, 30, "one worker holds all models")
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=20) == 0
    stopped = datetime.now(UTC)
    start_worker("two")
    wait_for(lambda: len(holders(store, stopped)) == 4, 15, "the second worker holds all models")
