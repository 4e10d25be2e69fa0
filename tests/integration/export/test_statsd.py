"""StatsD and Datadog's agent: real UDP, unix and TCP sockets receive what is in a real store."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from tests.integration.export.pushing import config_file, push_from
from tests.integration.export.receivers import datagrams, stream
from tests.integration.export.seed import NOW, WINDOW, seed, write_day
from tests.unit.present.export.pushed import MINUTE, alert
from tests.unit.present.export.test_statsd import DOGSTATSD, STATSD

from driftlog.cli.app import run
from driftlog.present.export.datagrams import Datagrams
from driftlog.present.export.statsd import UDP_BYTES, UNIX_BYTES
from driftlog.store.alerts import write_alerts
from driftlog.store.client import Store

pytestmark = pytest.mark.elasticsearch


def counted(lines: list[str], name: str) -> float:
    """The sum of a counter's lines."""
    found = [DOGSTATSD.match(line) or STATSD.match(line) for line in lines]
    return sum(float(one["value"]) for one in found if one is not None and one["name"] == name and one["kind"] == "c")


@pytest.mark.parametrize("kind", ["udp", "unix"])
def test_an_agent_gets_everything_in_datagrams_that_fit(kind, store: Store, tmp_path: Path):
    """Gauges of results, growth of predictions, latency as a distribution, an alert as an event."""
    seed(store, "churn")
    with datagrams(tmp_path / "dsd.socket" if kind == "unix" else None) as agent:
        push = push_from(store, Datagrams(agent.address, tagged=True, tags=("team:risk",), events=True), tmp_path)
        first = push.once(NOW)
        assert first.error == ""
        write_day(store, "churn", 160, failures=5)
        write_alerts(store, [alert("opened")], term=1)
        second = push.once(NOW + MINUTE)
        assert (second.error, second.events) == ("", 1)
        lines = agent.until(lambda lines: any(line.startswith("_e{") for line in lines))
    assert sum(len(packet) for packet in agent.packets) == first.size_bytes + second.size_bytes
    assert all(len(packet) <= {"udp": UDP_BYTES, "unix": UNIX_BYTES}[kind] for packet in agent.packets)
    own = "team:risk,environment:production,model:churn"
    assert f"driftlog.predictions:60|c|#{own},version:1" in lines
    assert f"driftlog.prediction_failures:3|c|#{own},version:1" in lines
    assert any(line.startswith("driftlog.latency_seconds:0.0") and "|d|@" in line for line in lines)
    expected = "driftlog.performance:0.81|g|#team:risk,basis:realised,environment:production,metric:roc_auc,model:churn"
    assert any(line.startswith(expected) for line in lines)
    assert "feature:features.größe" in " ".join(lines)
    assert [line for line in lines if not line.startswith("_e{") and not DOGSTATSD.match(line)] == []


def test_nobody_listening_loses_no_growth(store: Store, tmp_path: Path):
    """A closed port is told, a socket that is not there too; the growth comes when somebody listens."""
    seed(store, "churn")
    with datagrams() as agent:
        address = agent.address
    closed = Datagrams(address, tagged=True)
    missing = Datagrams(f"unix://{tmp_path / 'none'}", tagged=True)
    for minute, destination in enumerate((closed, missing)):
        done = push_from(store, destination, tmp_path).once(NOW + minute * MINUTE)
        assert "did not take it" in done.error
        write_day(store, "churn", 150 + minute)
    with datagrams() as agent:
        push_from(store, Datagrams(agent.address, tagged=True), tmp_path).once(NOW + 3 * MINUTE)
        lines = agent.until(lambda lines: counted(lines, "driftlog.predictions") > 0)
    assert counted(lines, "driftlog.predictions") == 51


def test_a_plain_server_over_tcp(store: Store, tmp_path: Path):
    """One line each, names with every label in them; below zero first 0."""
    seed(store, "churn", "fraud")
    with stream() as server:
        push = push_from(store, Datagrams(server.address), tmp_path)
        push.once(NOW)
        write_day(store, "fraud", 130)
        push.once(NOW + MINUTE)
        name = "driftlog.fraud.production.predictions.version.1"
        lines = server.until(lambda lines: counted(lines, name) > 0)
    assert counted(lines, name) == 30
    assert [line for line in lines if not STATSD.match(line)] == []
    start = "driftlog.churn.production.performance.basis.realised.metric.roc_auc"
    assert any(line.startswith(start) and line.endswith(":0.81|g") for line in lines)


def test_a_connection_that_is_refused_is_told(store: Store, tmp_path: Path):
    """By the address that was tried."""
    seed(store, "churn")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    done = push_from(store, Datagrams(f"tcp://127.0.0.1:{port}"), tmp_path).once(NOW)
    assert f"tcp://127.0.0.1:{port} did not take it" in done.error


def test_the_commands(store: Store, elasticsearch_url, tmp_path: Path, capsys):
    """--once and --dry-run of both; a dry run writes nothing down and sends nothing."""
    seed(store, "churn")
    config = config_file(tmp_path, elasticsearch_url, store.names.prefix)
    with datagrams() as agent:
        datadog = ["--config", str(config), "export", "datadog", "--agent", agent.address]
        assert run([*datadog, "--once", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["to"] == agent.address
        write_day(store, "churn", 170)
        assert run([*datadog, "--dry-run"]) == 0
        shown = capsys.readouterr().out.splitlines()
        assert counted(shown, "driftlog.predictions") == 70
        assert run([*datadog, "--once"]) == 0
        assert " series in " in capsys.readouterr().out
        lines = agent.until(lambda lines: counted(lines, "driftlog.predictions") > 0)
        assert counted(lines, "driftlog.predictions") == 70
        statsd = ["--config", str(config), "export", "statsd", "--to", agent.address]
        assert run([*statsd, "--once"]) == 0
        agent.until(lambda lines: any(line.startswith("driftlog.churn.production.") for line in lines))
        assert run(["--config", str(config), "export", "statsd", "--to", "unix:///x"]) == 2
        assert "write udp://" in capsys.readouterr().err
    assert run([*datadog, "--once"]) == 1
    assert "not everything was sent" in capsys.readouterr().err


def test_a_day_that_comes_late_counts(store: Store, tmp_path: Path):
    """Growth of yesterday's profile is growth."""
    seed(store, "churn")
    with datagrams() as agent:
        push = push_from(store, Datagrams(agent.address, tagged=True), tmp_path)
        push.once(NOW)
        write_day(store, "churn", 1040, day=WINDOW)
        push.once(NOW + MINUTE)
        agent.until(lambda lines: counted(lines, "driftlog.predictions") == 40)
