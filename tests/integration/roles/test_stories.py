"""Each part of driftlog does its work on a secured server with the account of its own role; no role may do more.

One file, so that one server serves it however the tests are spread over processes.
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.integration.roles.acts import ACTS, allowed, seed
from tests.integration.roles.acts import NAMES as ACTS_NAMES
from tests.integration.roles.conftest import NAMES, Secured

from driftlog.audit.chain import Chain
from driftlog.audit.erase import unfinished_drops
from driftlog.audit.forget import SealKeeper
from driftlog.cli import exits
from driftlog.cli.app import run
from driftlog.contract.auditing import AuditSettings
from driftlog.contract.errors import StoreAccessDenied
from driftlog.contract.settings import ModelSettings
from driftlog.profile.reference import save
from driftlog.profile.reference_frame import reference_from_frame
from driftlog.store.client import Store
from driftlog.store.leases import LeaseBoard
from driftlog.store.roles import PURPOSE
from driftlog.store.templates import install
from driftlog.store.values import BulkAction
from driftlog.worker.audit import seal
from driftlog.worker.cycle import run_cycle
from driftlog.worker.erasure import Eraser, request_erasure
from driftlog.worker.janitor import drop_periods

pytestmark = [pytest.mark.elasticsearch, pytest.mark.slow, pytest.mark.timeout(480)]

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
MODEL = ModelSettings(name="credit", min_rows=5, positive_label="1")
ROWS = 120

Cli = Callable[..., tuple[int, str, str]]
PAGE = Path(__file__).parents[3] / "docs" / "roles.md"


@pytest.fixture
def cli(secured: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Call a command with the account of a role; exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("ROLE_PASSWORD", secured.password)

    def call(role: str, *arguments: str) -> tuple[int, str, str]:
        config = write_config(secured, role, tmp_path)
        monkeypatch.setenv("DRIFTLOG_CONFIG", str(config))
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def write_config(secured: Secured, role: str, folder: Path, more: str = "", *, look_back: str = "4000d") -> Path:
    path = folder / f"{role}.yml"
    path.write_text(
        f"elasticsearch: {{urls: ['{secured.url}'], username: {role}, password: '${{ROLE_PASSWORD}}', "
        f"ca_certs: '{secured.ca_cert}', timeout_s: 120}}\n"
        f"models: {{credit: {{positive_label: '1', min_rows: 5, look_back: {look_back}}}}}\n" + more
    )
    return path


def rows(day: int) -> pd.DataFrame:
    chance = np.random.default_rng(day + 100)
    score = chance.uniform(size=ROWS)
    return pd.DataFrame(
        {
            "@timestamp": [START + day * DAY + DAY * n / ROWS for n in range(ROWS)],
            "features.amount": chance.normal(100, 10, ROWS),
            "features.plan": chance.choice(["basic", "plus"], ROWS),
            "prediction.score": score,
            "prediction.label": np.where(score >= 0.5, "1", "0"),
        }
    )


def event(id: str, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "@timestamp": row["@timestamp"].isoformat(),
        "event": {"id": id, "dataset": "driftlog.prediction", "ingested": row["@timestamp"].isoformat()},
        "service": {"environment": "production"},
        "model": {"name": "credit", "version": "1"},
        "features": {"amount": row["features.amount"], "plan": row["features.plan"]},
        "prediction": {"task": "binary", "score": row["prediction.score"], "label": row["prediction.label"]},
        "subject": {"id": "somebody" if id.endswith("-0") else f"s-{id}"},
    }


@pytest.fixture(scope="module")
def watched(secured: Secured, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Set up by the administrator, sent by a shipper, evaluated and sealed by the worker: each as itself."""
    config = write_config(secured, "administrator", tmp_path_factory.mktemp("setup"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROLE_PASSWORD", secured.password)
        assert run(["--config", str(config), "setup"]) == exits.OK
    with secured.store("administrator") as store:
        history = pd.concat([rows(day) for day in range(-10, 0)], ignore_index=True)
        save(store, *reference_from_frame(history, MODEL, origin="test", created=START))
    with secured.store("shipper") as store:
        report = store.bulk(
            BulkAction("create", NAMES.predictions("credit", START), f"p{day}-{n}", event(f"p{day}-{n}", row), None)
            for day in range(2)
            for n, row in enumerate(rows(day).to_dict("records"))
        )
        assert (report.stored, report.failures) == (2 * ROWS, [])
    with secured.store("worker") as store:
        store.refresh(NAMES.all_predictions("credit"))
        now = START + 2 * DAY + timedelta(hours=2)
        record = run_cycle(store, MODEL, as_of=now, worker_id="w", term=1, now=lambda: now, verify=True)
        assert (record.status, record.error) == ("ok", "")
        assert record.measurements > 0
        sealed = seal(store, MODEL, AuditSettings(seal_after=timedelta(0)), Chain(store), now=lambda: now)
        assert sealed == 2 * ROWS


def test_a_viewer_writes_the_report(cli: Cli, watched: None, tmp_path: Path) -> None:
    """Results, charts of the counts, alerts: without a right to any prediction."""
    code, _, err = cli("viewer", "report", "credit", "-o", "report.html")
    assert (code, err) == (exits.OK, "")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "amount" in page
    assert "somebody" not in page

    code, out, err = cli("viewer", "results", "credit", "--since", "2026-03-01", "--until", "2026-03-05", "--json")
    assert (code, err) == (exits.OK, "")
    assert len(out.splitlines()) > 10
    assert cli("viewer", "alerts")[0] == exits.OK


def test_a_viewer_exports_metrics_and_is_told_what_it_may_not_read(cli: Cli, watched: None) -> None:
    """Results, alerts and profiles of every model; leases and quarantine are left out."""
    code, page, errors = cli("viewer", "export", "prometheus", "--once")
    assert (code, errors.count("Traceback")) == (exits.OK, 0)
    assert 'driftlog_predictions_stored{environment="production",model="credit"}' in page
    assert 'driftlog_drift{environment="production",feature="features.amount"' in page
    assert 'driftlog_export_source_up{source="runs"} 1.0' in page
    assert 'driftlog_export_source_up{source="state"} 0.0' in page
    assert "driftlog_workers" not in page


def test_a_viewer_pushes_metrics_and_writes_event_files(cli: Cli, watched: None, tmp_path: Path) -> None:
    """For Datadog, StatsD, OpenTelemetry and TensorBoard nothing is needed that the viewer may not read."""
    for destination in (("datadog", "--agent", "udp://127.0.0.1:9"), ("statsd",), ("otlp",)):
        code, shown, errors = cli("viewer", "export", *destination, "--dry-run")
        assert (code, errors.count("Traceback")) == (exits.OK, 0), errors
        assert "credit" in shown
    code, _, errors = cli("viewer", "export", "tensorboard", "credit", "--logdir", "runs")
    assert (code, errors) == (exits.OK, "")
    assert list((tmp_path / "runs" / "credit" / "production" / "all").glob("*.driftlog"))


@pytest.fixture
def working(secured: Secured, watched: None) -> Iterator[None]:
    """A worker that has announced itself and holds the model's lease."""
    with secured.store("worker") as store:
        board = LeaseBoard(store, "alive", timedelta(seconds=30), time.monotonic)
        board.heartbeat()
        assert board.claim(["credit"])
        store.refresh(NAMES.state)
        try:
            yield
        finally:
            board.release_all()


def test_an_exporter_shows_prometheus_what_workers_do(cli: Cli, working: None) -> None:
    """Heartbeats and leases besides what a viewer sees; refused events are left out, and the page says so."""
    code, page, errors = cli("exporter", "export", "prometheus", "--once")
    assert (code, errors.count("Traceback")) == (exits.OK, 0)
    assert 'driftlog_export_source_up{source="state"} 1.0' in page
    assert 'driftlog_export_source_up{source="quarantine"} 0.0' in page
    assert "driftlog_workers 1.0" in page
    assert 'driftlog_worker_silent_seconds{worker="alive"}' in page
    assert 'driftlog_lease_unmoved_seconds{model="credit"}' in page
    assert 'driftlog_drift{environment="production",feature="features.amount"' in page
    assert "driftlog_quarantined_events_total" not in page


def test_an_exporter_pushes_what_workers_do(cli: Cli, working: None) -> None:
    """To Datadog, StatsD and OpenTelemetry; a viewer's metrics are without it."""
    for destination in (("datadog", "--agent", "udp://127.0.0.1:9"), ("statsd",), ("otlp",)):
        shown = {}
        for role in ("exporter", "viewer"):
            code, shown[role], errors = cli(role, "export", *destination, "--once", "--dry-run")
            assert (code, errors.count("Traceback")) == (exits.OK, 0), errors
            assert "credit" in shown[role]
        for series in (r"driftlog.workers\b", r"\bworker.silent(?!_leases)", r"\blease.unmoved"):
            assert re.search(series, shown["exporter"]), (destination, series)
            assert not re.search(series, shown["viewer"]), (destination, series)


def test_an_auditor_verifies_the_trail(cli: Cli, watched: None) -> None:
    """The chain with one role, every sealed prediction with the other."""
    code, out, err = cli("auditor", "audit", "verify", "--json")
    assert (code, err) == (exits.OK, ""), out
    code, out, err = cli("deep_auditor", "audit", "verify", "--deep", "--json")
    assert code == exits.OK, (out, err)
    assert json.loads(out.splitlines()[-1])["predictions"] == 2 * ROWS


def test_the_watchdog_sees_that_no_cycle_runs(cli: Cli, watched: None) -> None:
    """Everything is silent here: the data is of March."""
    code, out, err = cli("watchdog", "watchdog", "--quick", "--json")
    assert code == exits.FAILED, (out, err)
    assert "cycles_missed" in {json.loads(line)["metric"] for line in out.splitlines()}


def test_the_intake_stores_what_is_sent_and_tells_a_duplicate(
    secured: Secured, as_role: Callable[[str], Store], watched: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real process, with the account of its role; the same event again is no second one, another is refused."""
    monkeypatch.setenv("ROLE_PASSWORD", secured.password)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    config = write_config(secured, "intake", tmp_path, f"intake: {{http_port: {port}}}\n")
    moment = datetime.now(UTC)
    body = event("sent-1", rows(0).iloc[0].to_dict() | {"@timestamp": moment})
    process = subprocess.Popen([sys.executable, "-m", "driftlog", "--config", str(config), "intake"])
    try:
        _post_until_taken(port, body)
        _post_until_taken(port, body)
        forged = body | {"features": {"amount": 0.0}}
        _post_until_taken(port, forged)
    finally:
        process.terminate()
        process.wait(60)
    worker = as_role("worker")
    worker.refresh("driftlog-*")
    (hit,) = worker.find_by_ids(NAMES.all_predictions("credit"), ["sent-1"])
    assert hit.source["features"]["amount"] == body["features"]["amount"]
    refused = worker.search(NAMES.every("quarantine"), {})["hits"]["hits"]
    assert [each["_source"]["quarantine"]["reason"] for each in refused] == ["id_reused"]


def _post_until_taken(port: int, body: dict[str, Any]) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
                assert answer.status == 200
                return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_the_worker_process_finds_nothing_withheld(
    secured: Secured, as_role: Callable[[str], Store], watched: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real process with all its duties: heartbeats, cycles, the watch, sealing, notifications, pairing."""
    monkeypatch.setenv("ROLE_PASSWORD", secured.password)
    config = write_config(secured, "worker", tmp_path, "worker: {id: alone}\n", look_back="2d")
    store, log = as_role("worker"), tmp_path / "worker.log"
    runs = {"query": {"term": {"worker": "alone"}}}
    with log.open("wb") as stream:
        command = [sys.executable, "-m", "driftlog", "--config", str(config), "--verbose", "worker"]
        process = subprocess.Popen(command, stdout=stream, stderr=stream)
        try:
            deadline = time.monotonic() + 180
            while not store.search(NAMES.every("runs"), runs)["hits"]["hits"]:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                store.refresh(NAMES.every("runs"))
                time.sleep(0.5)
        finally:
            process.terminate()
            code = process.wait(120)
    said = log.read_text(encoding="utf-8")
    assert code == exits.OK, said
    assert not [line for line in said.splitlines() if "403" in line or "unauthorized" in line]
    (first, *_) = store.search(NAMES.every("runs"), runs)["hits"]["hits"]
    assert first["_source"]["status"] == "ok"


def test_reading_by_id_what_is_withheld_is_a_refusal(as_role: Callable[[str], Store], watched: None) -> None:
    """Several ids of an index: not taken for a server that is overloaded."""
    with pytest.raises(StoreAccessDenied):
        as_role("viewer").mget(NAMES.audit, ["1", "2"])


def test_the_janitor_erases_and_drops(as_role: Callable[[str], Store], watched: None, secured: Secured) -> None:
    """A subject, then the whole period, each with its record in the trail."""
    janitor, index = as_role("janitor"), NAMES.predictions("credit", START)
    chain = Chain(janitor)
    eraser = Eraser(janitor, chain, SealKeeper(janitor, chain, "j"), None, "j", lambda: datetime.now(UTC))
    job = eraser.carry_out(request_erasure(janitor, "somebody", by="j", now=datetime.now(UTC)).id)
    assert (job.status, job.found[index]) == ("done", 2)
    dropped = drop_periods(
        janitor,
        chain,
        {"predictions.credit": DAY},
        now=lambda: START + 45 * DAY,
        actor="j",
        unfinished=lambda: unfinished_drops(janitor),
    )
    assert [each.index for each in dropped] == [index]


# Every act of every role


def table() -> dict[str, dict[str, bool]]:
    """The page's table: act -> role -> whether it may."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    head, _, *body = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row.count("|") > 10]
    assert {cell for row in body for cell in row[1:]} == {"yes", ""}
    roles = [cell.strip("`") for cell in head[1:]]
    return {row[0]: {role: cell == "yes" for role, cell in zip(roles, row[1:], strict=True)} for row in body}


@pytest.fixture(scope="module")
def seeded(secured: Secured) -> None:
    with secured.store(secured.administrator, ACTS_NAMES) as store:
        install(store)
        seed(store)


def test_the_table_names_every_role_and_every_act() -> None:
    """What is added is documented."""
    found = table()
    assert list(found) == list(ACTS)
    assert all(list(row) == list(PURPOSE) for row in found.values())


@pytest.mark.parametrize("role", list(PURPOSE))
def test_a_role_may_what_the_table_says_and_nothing_else(role: str, secured: Secured, seeded: None) -> None:
    """Each act succeeds, or is refused with 403."""
    with secured.store(role, ACTS_NAMES) as store:
        tried = {act: allowed(do, store, role) for act, do in ACTS.items()}
    assert tried == {act: row[role] for act, row in table().items()}
