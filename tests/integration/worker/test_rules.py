"""Rules over a past period: what real cycles did, what the same and other rules would have done; and the commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml

from driftlog.cli.app import run as command_line
from driftlog.config.load import load_settings
from driftlog.contract.measurement import Measurement
from driftlog.contract.names import IndexNames
from driftlog.contract.records import ModelRecord
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings
from driftlog.contract.window import Window
from driftlog.decide.alerts import advance
from driftlog.decide.judge import judge
from driftlog.store.alerts import find_alerts, write_alerts
from driftlog.store.client import Store
from driftlog.store.models import register
from driftlog.store.results import find_measurements, write_measurements
from driftlog.store.templates import install
from driftlog.store.values import BulkAction
from driftlog.worker.cycle import run_cycle
from driftlog.worker.rules import rehearse_period

pytestmark = pytest.mark.elasticsearch

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
DAYS = 60


@pytest.fixture
def store(elasticsearch_url: str, prefix: str) -> Iterator[Store]:
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
        register(store, ModelRecord(name="credit", task="binary", registered=START))
        store.refresh(store.names.models)
        yield store


def send(store: Store, day: int, n: int, failures: int) -> None:
    def action(i: int) -> BulkAction:
        when = START + day * DAY + i * timedelta(minutes=5)
        failed = i < failures
        document = {
            "@timestamp": when.isoformat(),
            "event": {"id": f"p{day}-{i}", "dataset": "driftlog.prediction", "ingested": when.isoformat()},
            "service": {"environment": "test"},
            "model": {"name": "credit", "version": "1"},
            "prediction": {"task": "binary", "score": 0.5, "label": "1"},
        }
        document["event"]["outcome"] = "failure" if failed else "success"
        return BulkAction("create", store.names.predictions("credit", when), f"p{day}-{i}", document, None)

    assert not store.bulk([action(i) for i in range(n)], refresh=True).failures


def test_the_same_rules_over_the_stored_results_open_the_alerts_that_cycles_opened(store: Store) -> None:
    """Errors on some days, one day empty: opened and resolved at the same times; stricter rules open more."""
    own = ModelSettings(name="credit", environment="test")
    for day, (n, failures) in enumerate([(60, 0), (60, 20), (60, 1), (60, 0), (0, 0), (60, 0)]):
        if n:
            send(store, day, n, failures)
    record = run_cycle(store, own, as_of=START + 3 * DAY, worker_id="w", term=1, now=lambda: datetime.now(UTC))
    assert record.status == "ok", record.error
    record = run_cycle(store, own, as_of=START + 6 * DAY, worker_id="w", term=1, now=lambda: datetime.now(UTC))
    assert record.status == "ok", record.error
    before = find_measurements(store, "credit")
    did = find_alerts(store, "credit")
    assert {alert.metric for alert in did} == {"errors", "traffic"}
    found = rehearse_period(store, own, since=START, until=START + 6 * DAY)
    key = lambda alert: (alert.id, alert.opened, alert.resolved, alert.severity, alert.windows)  # noqa: E731
    assert sorted(map(key, found.alerts)) == sorted(map(key, did))
    stricter = msgspec.structs.replace(
        own, thresholds=load_thresholds("[{metric: error_rate, warning: 0.001}, {metric: predictions, kind: none}]")
    )
    other = rehearse_period(store, stricter, since=START, until=START + 6 * DAY)
    assert [(alert.metric, alert.windows) for alert in other.alerts] == [("errors", 2)]
    assert find_measurements(store, "credit") == before and find_alerts(store, "credit") == did


def load_thresholds(text: str):  # type: ignore[no-untyped-def]
    from driftlog.contract.settings import ThresholdSettings

    return tuple(msgspec.convert(one, ThresholdSettings) for one in yaml.safe_load(text))


@pytest.fixture
def stored(store: Store) -> Store:
    """Sixty days of an error that is compared with 5.0: four lonely days above it, three of them told to be false."""
    own = ModelSettings(name="credit", environment="test", thresholds=load_thresholds("[{metric: mae, warning: 5.0}]"))
    values = np.random.default_rng(0).normal(3.0, 0.3, DAYS)
    values[[10, 20, 30, 40]] = 5.2
    judged: list[Measurement] = []
    alerts = {}
    for day, value in enumerate(values):
        window = Window(START + day * DAY, START + (day + 1) * DAY)
        one = Measurement(
            model="credit",
            environment="test",
            metric="mae",
            purpose="performance",
            window=window,
            value=float(value),
            n_current=500,
        )
        judged.append(judge(one, own))
        known = {alert.key: alert.episode for alert in alerts.values()}
        for alert in advance(list(alerts.values()), known, judged[-1:], {}, window.end):
            alerts[alert.id] = alert
    told = [
        msgspec.structs.replace(alert, false_alarm=True) if i < 3 else alert for i, alert in enumerate(alerts.values())
    ]
    write_measurements(store, judged, term=1)
    write_alerts(store, told, term=1)
    return store


@pytest.fixture
def cli(
    elasticsearch_url: str,
    prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., tuple[int, str, str]]:
    """Call a command with the settings of `stored`, and those of stricter.yml."""
    base = f"prefix: {prefix}\nelasticsearch: {{urls: ['{elasticsearch_url}']}}\n"
    head = "models:\n  credit:\n    environment: test\n    task: regression\n    thresholds:\n"
    objective = "    objectives: [{name: small errors, metric: mae, target: 3.5, direction: below, owner: ada}]\n"
    (tmp_path / "driftlog.yml").write_text(f"{base}{head}      - {{metric: mae, warning: 5.0}}\n{objective}")
    (tmp_path / "stricter.yml").write_text(f"{base}{head}      - {{metric: mae, warning: 3.4}}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLOG_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "180")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = command_line(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_the_commands_of_rules(stored: Store, cli: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    """list, suggest (whose YAML is read back and is quiet), test with other rules, objectives."""
    code, out, _ = cli("thresholds", "list", "credit", "--used", "--json")
    assert code == 0
    assert [(rule["source"], rule["series"]) for rule in map(json.loads, out.splitlines())] == [("thresholds[0]", 1)]
    assert "thresholds[0]" in cli("thresholds", "list", "credit")[1]

    code, out, _ = cli("thresholds", "suggest", "credit", "--alerts-a-month", "0")
    assert code == 0 and "noisy" in out and "3 of 4 alerts were false alarms" in out
    suggestion = out[out.index("thresholds:") :]
    text = (tmp_path / "driftlog.yml").read_text()
    head, _, tail = text.partition("    thresholds:\n")
    indented = "".join(f"    {line}\n" for line in suggestion.splitlines() if line.strip())
    (tmp_path / "suggested.yml").write_text(head + indented + tail.partition("\n")[2])
    own = load_settings(tmp_path / "suggested.yml", {}).models[0]
    assert own.thresholds[0].warning == 5.2 and own.thresholds[0].purpose == "performance"

    period = ("--from", "2026-03-02", "--to", "2026-05-01")
    code, out, _ = cli("alerts", "test", "credit", *period, "--config", "suggested.yml")
    assert code == 0 and "60 windows judged again; 0 alerts with these rules, 4 then." in out
    code, out, _ = cli("alerts", "test", "credit", *period, "--json", "--config", "stricter.yml")
    lines = [json.loads(line) for line in out.splitlines()]
    would = [line["alert"] for line in lines if line.get("with") == "these rules"]
    assert len(would) > 4 and lines[-1]["windows"] == 60
    assert {alert["status"] for alert in would} <= {"open", "resolved"}

    code, out, _ = cli("objectives", "credit", "--json", "--exit-code")
    (one,) = map(json.loads, out.splitlines())
    assert code == 0 and (one["state"], one["windows"], one["owner"]) == ("met", 60, "ada")
    assert "small errors" in cli("objectives", "credit")[1]


def test_a_period_without_results_is_refused_with_what_to_do(
    stored: Store, cli: Callable[..., tuple[int, str, str]]
) -> None:
    """And one that ends before it begins."""
    code, _, err = cli("alerts", "test", "credit", "--from", "2020-01-01", "--to", "2020-02-01")
    assert code == 2 and "no results" in err and "driftlog run --from" in err
    code, _, err = cli("alerts", "test", "credit", "--from", "2026-02-01", "--to", "2026-01-01")
    assert code == 2 and "exchange the two" in err
