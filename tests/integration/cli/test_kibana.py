"""``driftlog kibana``: as people call it, against a Kibana that is strict."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.kibana.fake_kibana import API_KEY, FakeKibana, Space, running

from driftlog.cli import exits
from driftlog.cli.app import run
from driftlog.present.kibana.rule_files import files

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def fake() -> Iterator[FakeKibana]:
    with running(FakeKibana()) as server:
        yield server


@pytest.fixture
def cli(tmp_path: Path, fake: FakeKibana, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Call ``driftlog kibana ...``; exit code, standard output, standard error. Kibana stands in driftlog.yml."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLOG_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("DRIFTLOG_KIBANA__API_KEY", API_KEY)
    monkeypatch.setattr("driftlog.present.kibana.client._PAUSES_S", (0.0, 0.0))
    (tmp_path / "driftlog.yml").write_text(f"kibana: {{url: '{fake.url}'}}\nmodels: {{churn: {{cycle: 1h}}}}\n")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["kibana", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_install_diff_and_uninstall(cli: Cli, fake: FakeKibana) -> None:
    """From an empty Kibana to one that agrees, and back."""
    assert cli("diff")[0] == exits.FAILED
    code, out, _ = cli("install")
    assert code == exits.OK and "driftlog in the space default:" in out and "driftlog: critical alerts" in out
    code, out, _ = cli("diff")
    assert (code, "create" in out, "unchanged" in out) == (exits.OK, False, True)
    (silent,) = (rule for rule in fake.space.rules.values() if rule["name"] == "driftlog: no worker is at work")
    assert silent["params"]["timeWindowSize"] == 3, "three of the model's hourly cycles"
    assert cli("uninstall", "--yes")[0] == exits.OK
    assert fake.space == Space()


def test_a_dry_run_changes_nothing(cli: Cli, fake: FakeKibana) -> None:
    """It shows what would be."""
    code, out, _ = cli("install", "--dry-run")
    assert code == exits.OK and "create" in out and "Nothing was changed." in out
    assert fake.writes() == []


def test_diff_as_json_names_what_differs(cli: Cli, fake: FakeKibana) -> None:
    """One object a line, with what an update would change."""
    cli("install")
    (rule,) = (rule for rule in fake.space.rules.values() if rule["name"] == "driftlog: warnings")
    rule["schedule"]["interval"] = "5m"
    code, out, _ = cli("diff", "--only", "rules", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == exits.FAILED and len(lines) == 10
    assert [(one["action"], one["differences"]) for one in lines if one["action"] != "unchanged"] == [
        ("update", ['schedule.interval: "5m" -> "1m"'])
    ]


def test_uninstalling_asks_first(cli: Cli, fake: FakeKibana) -> None:
    """Without --yes, and with nobody to ask, nothing goes."""
    cli("install")
    rules = dict(fake.space.rules)
    code, out, err = cli("uninstall")
    assert code == exits.OK and "remove" in out and "--yes removes it" in err
    assert fake.space.rules == rules


def test_only_some_parts(cli: Cli, fake: FakeKibana) -> None:
    """Dashboards need no encryption key; an unknown part is refused."""
    fake.health["has_permanent_encryption_key"] = False
    code, _, err = cli("install")
    assert code == exits.FAILED and "encryptionKey" in err and fake.writes() == []
    assert cli("install", "--only", "dashboards")[0] == exits.OK
    assert fake.space.objects and not fake.space.rules
    assert cli("install", "--only", "charts")[0] == exits.USAGE


def test_a_space_that_is_not_there(cli: Cli, fake: FakeKibana) -> None:
    """Said, and made when asked; the default space stays empty."""
    code, _, err = cli("install", "--space", "ml")
    assert code == exits.FAILED and "no space 'ml'" in err
    assert cli("install", "--space", "ml", "--create-space")[0] == exits.OK
    assert len(fake.spaces["ml"].rules) == 10 and not fake.space.rules
    assert cli("install", "--space", "ML/../x")[0] == exits.CONFIG


def test_the_key_comes_from_a_file(cli: Cli, fake: FakeKibana, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It wins over a wrong one of the environment; a file without a key is refused; no message shows a key."""
    monkeypatch.setenv("DRIFTLOG_KIBANA__API_KEY", "d3Jvbmc6a2V5")
    code, out, err = cli("diff")
    assert code == exits.FAILED and "401" in err and "d3Jvbmc6a2V5" not in out + err
    file = tmp_path / "kibana.key"
    file.write_text(f"{API_KEY}\n")
    assert cli("install", "--api-key-file", str(file))[0] == exits.OK
    file.write_text("\n")
    assert cli("diff", "--api-key-file", str(file))[0] == exits.USAGE


def test_rules_also_tell_a_connector_of_kibana(cli: Cli, fake: FakeKibana) -> None:
    """By its id, with recipients of an email; what is no such thing is refused."""
    fake.space.connectors["mail"] = {"id": "mail", "name": "m", "connector_type_id": ".email", "config": {}}
    assert cli("install", "--connector", "email=mail:a@example.com, b@example.com")[0] == exits.OK
    told = {
        tuple(action["params"]["to"])
        for rule in fake.space.rules.values()
        for action in rule["actions"]
        if action["id"] == "mail"
    }
    assert told == {("a@example.com", "b@example.com")}
    for wrong, code in (("pager=x", exits.USAGE), ("slack", exits.USAGE), ("email=mail", exits.CONFIG)):
        assert cli("install", "--connector", wrong)[0] == code


def test_a_kibana_that_is_away_has_an_exit_code_of_its_own(cli: Cli, fake: FakeKibana) -> None:
    """As an Elasticsearch that is away."""
    fake.fail("GET", "status", status=503, times=99)
    assert cli("diff")[0] == exits.UNREACHABLE


def test_files_of_this_installation(cli: Cli, tmp_path: Path) -> None:
    """With its prefix and settings, watches too."""
    (tmp_path / "driftlog.yml").write_text("prefix: acme\nkibana: {rules: {failed_predictions: 7}}\n")
    code, out, _ = cli("files", "out")
    written = {str(path.relative_to(tmp_path / "out")): path.read_text() for path in (tmp_path / "out").rglob("*.json")}
    assert code == exits.OK and f"{len(written) + 1} files" in out
    assert set(written) == set(files())
    rule = json.loads(written["rules/failed-predictions.json"])["body"]
    assert (rule["params"]["index"], rule["params"]["threshold"]) == (["acme-predictions.*.*"], [7])
    assert "acme-kibana-dashboard-" in (tmp_path / "out" / "saved-objects.ndjson").read_text()
