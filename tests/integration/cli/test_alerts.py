"""``driftlog alerts`` as a person calls it; no worker runs, and what is asked for is seen at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from driftlog.cli import exits
from driftlog.cli.app import run
from driftlog.contract.alert import Alert, Contribution, Decomposition
from driftlog.contract.measurement import Limit, Measurement
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings
from driftlog.contract.window import Window
from driftlog.decide.alert_steps import after_window
from driftlog.store.alerts import write_alerts
from driftlog.store.client import Store
from driftlog.store.templates import install
from driftlog.worker.attend import attend

pytestmark = pytest.mark.elasticsearch

NOW = datetime.now(UTC)
START = NOW.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
SETTINGS = ModelSettings(name="churn", environment="test")
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(elasticsearch_url: str, prefix: str) -> Any:
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
        yield store


@pytest.fixture
def cli(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Call ``driftlog alerts`` as ann; exit code, standard output, standard error."""
    (tmp_path / "driftlog.yml").write_text(
        f"prefix: {store.names.prefix}\nelasticsearch: {{urls: ['{store.urls[0]}']}}\n"
        "models: {churn: {environment: test}}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLOG_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("DRIFTLOG_ACTOR", "ann")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["alerts", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def measured(metric: str, purpose: Any, verdict: Any, field: str = "", value: float = 0.6) -> Measurement:
    return Measurement(
        model="churn",
        environment="test",
        purpose=purpose,
        metric=metric,
        field=field,
        window=Window(START, START + timedelta(days=1)),
        value=value,
        n_current=100,
        verdict=verdict,
        limit=Limit("constant", "above", warning=0.1, critical=0.5),
    )


@pytest.fixture
def drift(store: Store) -> Alert:
    """One critical alert on drift, with what explains it, and one on latency."""
    split = Decomposition(
        "features.age", ("features.plan",), 0.6, 0.5, 0.1, 0.8, 0.01, (Contribution("features.plan=plus", 0.4),)
    )
    judged = [
        measured("kolmogorov_smirnov", "data_drift", "critical", "features.age"),
        measured("kolmogorov_smirnov", "data_drift", "warning", "features.[bold]fare", 0.2),
        measured("latency_p99_ms", "operational", "warning"),
    ]
    opened = after_window({}, {}, judged, {}, SETTINGS, [], NOW, explain={"features.age": split})
    write_alerts(store, opened, term=1)
    return next(alert for alert in opened if alert.purpose == "data_drift")


def test_an_alert_from_list_to_lesson(cli: Cli, drift: Alert, store: Store) -> None:
    """list, ack, assign, comment, show, resolve, reopen, history; then the worker writes just that."""
    code, out, _ = cli()
    assert (code, drift.handle in out, "latency" in out) == (exits.OK, True, True)
    assert cli("list", "--exit-code")[0] == cli("churn", "--exit-code")[0] == exits.FAILED

    code, out, err = cli("ack", drift.handle[:4], "--why", "on it")
    assert (code, "acknowledged by ann" in out) == (exits.OK, True), err
    assert cli("assign", drift.handle, "bob")[0] == cli("comment", drift.id, "new fares")[0] == exits.OK
    assert json.loads(cli("--status", "acknowledged", "--assignee", "bob", "--json")[1])["handle"] == drift.handle
    assert json.loads(cli("--status", "unacknowledged", "--json")[1])["metric"] == "latency"
    assert len(cli("--json")[1].splitlines()) == 2, "acknowledged is not over"

    code, out, err = cli(
        "resolve", drift.handle, "--cause", "a join", "--lesson", "count rows", "--no-false-alarm", "--json"
    )
    resolved = json.loads(out)
    assert (resolved["status"], resolved["cause"], resolved["false_alarm"]) == ("resolved", "a join", False)
    assert len(cli("--json")[1].splitlines()) == 1
    assert cli("reopen", drift.handle, "--why", "still there")[0] == exits.OK

    kinds = [json.loads(line)["transition"]["kind"] for line in cli("history", drift.handle, "--json")[1].splitlines()]
    assert kinds == ["opened", "acknowledged", "assigned", "commented", "resolved", "reopened"]
    before = cli("history", drift.handle)[1]
    assert "count rows" in before

    (written,) = attend(store, SETTINGS, term=1, now=datetime.now(UTC))
    assert [one.kind for one in written.history] == kinds
    assert cli("history", drift.handle)[1] == before


def test_show_tells_everything(cli: Cli, drift: Alert) -> None:
    """Evidence, limits, members, segments, history; what comes from outside is no markup."""
    code, out, err = cli("show", drift.handle)
    assert code == exits.OK, err
    for words in ("churn|test||data_drift#1", "critical > 0.500", "[bold]fare", "plan=plus", "opened", "0.600"):
        assert words in out
    shown = json.loads(cli("show", drift.key, "--json")[1])
    assert (shown["id"], shown["evidence"]["field"]) == (drift.id, "features.age")


def test_silences_are_made_listed_and_ended(cli: Cli, drift: Alert, store: Store) -> None:
    """By patterns or by alert; the worker marks what fits, and unmarks it."""
    made = json.loads(cli("silence", "--metric", "latency*", "--for", "2h", "--why", "load test", "--json")[1])
    assert (made["by"], made["metric"], made["model"]) == ("ann", "latency*", "*")
    code, out, _ = cli("silence", drift.handle, "--until", "2199-01-01", "--why", "known")
    assert (code, drift.id in out) == (exits.OK, True)
    assert {one.silenced_by != "" for one in attend(store, SETTINGS, term=1, now=datetime.now(UTC))} == {True}
    assert cli()[1].count("silenced") == 2

    assert len(cli("silences", "--json")[1].splitlines()) == 2
    assert cli("unsilence", made["id"][:5])[0] == exits.OK
    assert len(cli("silences", "--json")[1].splitlines()) == 1
    assert len(cli("silences", "--all", "--json")[1].splitlines()) == 2
    (heard,) = attend(store, SETTINGS, term=1, now=datetime.now(UTC))
    assert (heard.metric, heard.history[-1].kind) == ("latency", "unsilenced")


def test_snoozes_begin_and_end(cli: Cli, drift: Alert) -> None:
    """For several alerts at once."""
    assert "snoozed" in cli("snooze", drift.handle, "--for", "2h", "--why", "after lunch")[1]
    assert "snoozed" not in cli("snooze", drift.handle, "--end")[1]


@pytest.mark.parametrize(
    ("arguments", "complaint", "remedy"),
    [
        (("show", "zzzz"), "there is no alert zzzz", "--status all"),
        (("reopen", "{}"), "it is not resolved", "driftlog alerts show"),
        (("snooze", "{}"), "the end is missing", "--for 2h"),
        (("snooze", "{}", "--for", "2 hours"), "--for: '2 hours'", "write 30m"),
        (("snooze", "{}", "--until", "2020-01-01"), "not after now", "still to come"),
        (("snooze", "{}", "--end", "--for", "1h"), "--end stands beside", "keep one"),
        (("comment", "{}", " "), "the comment is empty", "a few words"),
        (("silence", "--for", "1h", "--why", "x"), "name what is to be silenced", '--model "*"'),
        (("silence", "{}", "--model", "churn", "--for", "1h", "--why", "x"), "not both", '--model "*"'),
        (("silence", "{}", "--for", "1h", "--why", " "), "--why is empty", "why"),
        (("silence", "{}", "--from", "2020-01-01", "--for", "1h", "--why", "x"), "over already", "still to come"),
        (("unsilence", "nope"), "no silence that goes on", "driftlog alerts silences"),
    ],
)
def test_mistakes_say_what_to_do_next(
    cli: Cli, drift: Alert, arguments: tuple[str, ...], complaint: str, remedy: str
) -> None:
    """Nothing is asked of the worker then."""
    code, out, err = cli(*(argument.format(drift.handle) for argument in arguments))
    assert (code, out) == (exits.USAGE, "")
    assert complaint in err
    assert remedy in err
    assert len(cli("history", drift.handle, "--json")[1].splitlines()) == 1
