"""``driftlog notify``: list, test, explain and send, on real receivers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.integration.act.receivers import HttpReceiver, Mailbox, free_port
from tests.integration.act.stories import alert

from driftlog.audit.find import find_records
from driftlog.cli import exits
from driftlog.cli.app import run
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.alerts import alerts_by_id, write_alerts
from driftlog.store.client import Store
from driftlog.store.templates import install

pytestmark = pytest.mark.elasticsearch
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("DRIFTLOG_CONFIG", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "220")
    monkeypatch.setenv("DRIFTLOG_ACTOR", "ada@host")
    return tmp_path


@pytest.fixture
def cli(folder: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Call a command; exit code, standard output, standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def configure(folder: Path, channels: str, *, routes: str = "", url: str = "", prefix: str = "driftlog") -> None:
    elasticsearch = f"elasticsearch: {{urls: ['{url}']}}\n" if url else ""
    (folder / "driftlog.yml").write_text(
        f"prefix: {prefix}\n{elasticsearch}models: {{flights: {{environment: test, owner: team-air}}}}\n"
        f"notifications:\n  channels:\n{channels}\n  routes:\n{routes or '    - {channels: [team]}'}\n"
    )


def test_a_test_message_reaches_every_address(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Elasticsearch; addresses come from the environment, and are not printed."""
    with Mailbox() as box, HttpReceiver() as hook:
        monkeypatch.setenv("MAIL", f"mailto://127.0.0.1:{box.port}?from=a@example.org&to=hush@example.org")
        monkeypatch.setenv("HOOK", f"json://hush:hush@127.0.0.1:{hook.port}/hush")
        configure(folder, "    - {name: team, urls: ['${MAIL}', '${HOOK}']}")
        code, out, err = cli("notify", "test", "team")
        assert code == exits.OK, err
        assert out.splitlines() == [
            "✓ team, address 1 (E-Mail): took the test message",
            "✓ team, address 2 (JSON): took the test message",
        ]
        assert "hush" not in out + err
        assert box.emails[0]["Subject"] == "[TEST] driftlog reaches the channel team"
        assert "ada@host" in hook.requests[0].json["message"]


def test_a_test_message_that_is_not_taken_gives_exit_code_1(cli: Cli, folder: Path) -> None:
    """With the reason."""
    configure(folder, f"    - {{name: team, urls: ['json://me:hush@127.0.0.1:{free_port()}/']}}")
    code, out, err = cli("notify", "test", "team")
    assert code == exits.FAILED
    assert "did not take it: no connection" in out
    assert "hush" not in out + err
    (line,) = cli("notify", "test", "team", "--json")[1].splitlines()
    assert json.loads(line)["reason"] == "no connection"


def test_a_channel_that_is_not_there(cli: Cli, folder: Path) -> None:
    """The nearest one is named."""
    configure(folder, "    - {name: team, urls: ['json://127.0.0.1/']}")
    code, _, err = cli("notify", "test", "taem")
    assert code == exits.USAGE
    assert "did you mean team?" in err


def test_an_address_that_cannot_be_used_is_refused_before_anything_else(cli: Cli, folder: Path) -> None:
    """By every command, with the line it stands in and without the address."""
    configure(folder, "    - {name: team, urls: ['slack://hush']}")
    code, _, err = cli("notify", "list")
    assert code == exits.CONFIG
    assert "notifications.channels[0].urls[0]" in err
    assert "driftlog.yml" in err
    assert "hush" not in err


def test_an_alert_from_outbox_to_explanation(cli: Cli, folder: Path, elasticsearch_url: str, prefix: str) -> None:
    """send tells it once and writes its delivery; list counts it; explain says who and why."""
    found = alert("opened", at=datetime.now(UTC) - timedelta(minutes=1))
    with (
        HttpReceiver() as hook,
        Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store,
    ):
        install(store)
        write_alerts(store, [found], term=1)
        routes = "    - {channels: [team]}\n    - {channels: [boss], models: [churn], kinds: [opened]}"
        channels = (
            f"    - {{name: team, urls: ['json://me:hush@127.0.0.1:{hook.port}/'], fallback: boss}}\n"
            "    - {name: boss, urls: ['json://127.0.0.1/'], digest: 1h}"
        )
        configure(folder, channels, routes=routes, url=elasticsearch_url, prefix=prefix)

        code, out, err = cli("notify", "explain", found.handle)
        assert code == exits.OK, err
        assert "model flights fits none of churn" in out
        assert "Nothing about it is in the outbox." in out

        code, out, err = cli("notify", "send")
        assert (code, "sent" in out) == (exits.OK, True), err
        assert cli("notify", "send")[1].strip() == "Nothing was due."
        assert len(hook.requests) == 1
        assert [one.status for one in alerts_by_id(store, [found.id])[0].deliveries] == ["sent"]
        (record,) = find_records(store, actions=("notification.sent",))
        assert (record.entry.object, record.entry.details["channel"]) == (found.id, "team")

        team, boss = (json.loads(line) for line in cli("notify", "list", "--json")[1].splitlines())
        assert (team["sent"], team["routes"], team["services"]) == (1, [1], ["JSON"])
        assert (boss["sent"], boss["digest"]) == (0, "1 h")
        out = cli("notify", "list")[1]
        assert "team" in out
        assert "hush" not in out

        (line,) = cli("notify", "explain", found.id, "--json")[1].splitlines()
        explained = json.loads(line)
        assert [(one["route"], one["due"] is not None) for one in explained["routes"]] == [(1, True), (2, False)]
        assert [one["status"] for one in explained["notices"]] == ["sent"]


def test_nothing_to_send_to(cli: Cli, folder: Path) -> None:
    """The message says what to write."""
    (folder / "driftlog.yml").write_text("prefix: driftlog\n")
    code, _, err = cli("notify", "send")
    assert code == exits.USAGE
    assert "notifications.channels" in err
