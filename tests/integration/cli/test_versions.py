"""``driftlog versions`` and ``driftlog export-training``: a real Elasticsearch, registry in files and deploy hook."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from tests.integration.api.traffic import DAYS, MODEL, ROWS, traffic
from tests.unit.act.receiver import receiver

from driftlog.act.deploy.hooks import AliasDeployer
from driftlog.act.versions.embedded import EmbeddedRegistry
from driftlog.act.versions.moves import promote
from driftlog.audit.chain import Chain
from driftlog.audit.find import find_records
from driftlog.cli import exits
from driftlog.cli.app import run
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.client import Store
from driftlog.store.templates import install

pytestmark = pytest.mark.elasticsearch
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Call a command; exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLOG_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("DRIFTLOG_ACTOR", "ada@host")
    monkeypatch.setenv("DRIFTLOG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOOK_TOKEN", "t0ken-5ecret")
    for name, text in (("one", "1"), ("two", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.txt").write_text(text)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def configure(url: str, prefix: str, hook: str = "", model: str = "churn") -> None:
    promotion = f"promotion: {{url: '{hook}', headers: ['Authorization: Bearer ${{HOOK_TOKEN}}']}}" if hook else ""
    Path("driftlog.yml").write_text(
        f"prefix: {prefix}\nelasticsearch: {{urls: ['{url}']}}\n"
        f"models:\n  {model}:\n    environment: test\n    maintain:\n      mode: advise\n      {promotion}\n"
    )


def actions(url: str, prefix: str) -> list[tuple[str, str, str]]:
    """(action, object, actor) of the audit trail."""
    with Store.connect(ElasticsearchSettings(urls=(url,)), IndexNames(prefix)) as store:
        store.refresh(store.names.audit)
        return [(each.entry.action, each.entry.object, each.entry.actor) for each in find_records(store)]


@pytest.fixture
def there(elasticsearch_url: str, prefix: str) -> str:
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
    return elasticsearch_url


def test_versions_are_registered_promoted_and_rolled_back(cli: Cli, there: str, prefix: str) -> None:
    """The hook is called with the version and its key; everything is in the audit trail."""
    with receiver() as hook:
        configure(there, prefix, f"{hook.url}/model")
        assert cli("versions", "list", "churn")[1] == "churn has no versions yet.\n"
        for version, files in (("v1", "one"), ("v2", "two")):
            code, out, err = cli("versions", "register", "churn", version, "--files", files, "--metric", "roc_auc=0.7")
            assert code == exits.OK, err
            assert out.startswith(f"Registered {version} of churn: ")
        for version in ("v1", "v2"):
            code, out, err = cli("versions", "promote", "churn", version, "--why", "better", "--yes")
            assert code == exits.OK, err
        assert out == "v2 of churn is served instead of v1.\n"
        code, out, _ = cli("versions", "rollback", "churn", "--why", "complaints", "--yes", "--json")
        assert code == exits.OK
        assert json.loads(out)["version"]["version"] == "v1"
        assert (
            cli("versions", "promote", "churn", "v1", "--why", "again", "--yes")[1]
            == "v1 of churn is served already.\n"
        )
    assert [request.json["version"] for request in hook.requests] == ["v1", "v2", "v1"]
    assert {request.headers["Authorization"] for request in hook.requests} == {"Bearer t0ken-5ecret"}
    assert len({request.headers["Idempotency-Key"] for request in hook.requests}) == 3
    lines = [json.loads(line) for line in cli("versions", "list", "churn", "--json")[1].splitlines()]
    assert [(line["version"], line["status"]) for line in lines] == [("v2", "retired"), ("v1", "champion")]
    assert lines[0]["note"] == "rolled back by ada@host: complaints"
    shown = cli("versions", "show", "churn")[1]
    assert "status       champion" in shown
    assert "metrics      roc_auc 0.7" in shown
    table = cli("versions", "list", "churn")[1].splitlines()
    assert table[0].split() == ["VERSION", "STATUS", "CREATED", "PROMOTED", "DATA", "ROWS", "METRICS", "COMMIT"]
    assert actions(there, prefix) == [
        ("version.registered", "v1", "ada@host"),
        ("version.registered", "v2", "ada@host"),
        ("version.promoted", "v1", "ada@host"),
        ("version.promoted", "v2", "ada@host"),
        ("version.rolled_back", "v2", "ada@host"),
    ]


def test_a_hook_that_refuses_changes_nothing(cli: Cli, there: str, prefix: str) -> None:
    """Neither registry nor audit trail says that it was promoted, also when somebody else promotes it later."""
    with receiver() as hook:
        configure(there, prefix, f"{hook.url}/model")
        cli("versions", "register", "churn", "v1", "--files", "one")
        hook.answer((422, {}, {}))
        code, _, err = cli("versions", "promote", "churn", "v1", "--why", "better", "--yes")
    assert code == exits.FAILED
    assert "answered 422" in err
    assert "5ecret" not in err
    assert json.loads(cli("versions", "show", "churn", "v1", "--json")[1])["status"] == "candidate"
    assert [action for action, _, _ in actions(there, prefix)] == ["version.registered"]
    registry = EmbeddedRegistry(Path("home/versions"))
    made = registry.get("churn", "v1")
    promote(registry, AliasDeployer(), made, at=made.created)
    assert cli("versions", "promote", "churn", "v1", "--why", "x", "--yes")[1] == "v1 of churn is served already.\n"
    assert [action for action, _, _ in actions(there, prefix)] == ["version.registered"]


def test_a_crash_before_the_record_is_made_good_by_the_next_move(
    cli: Cli, there: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The promotion came about; its record follows, once."""
    configure(there, prefix)
    for version, files in (("v1", "one"), ("v2", "two")):
        cli("versions", "register", "churn", version, "--files", files)

    def crash(self: Chain, entry: object) -> None:
        raise SystemExit(137)

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(Chain, "record", crash)
        cli("versions", "promote", "churn", "v1", "--why", "first", "--yes")
    monkeypatch.setenv("DRIFTLOG_ACTOR", "bob@host")
    cli("versions", "promote", "churn", "v2", "--why", "second", "--yes")
    assert actions(there, prefix)[2:] == [
        ("version.promoted", "v1", "ada@host"),
        ("version.promoted", "v2", "bob@host"),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "churn"), "churn has no version that is served"),
        (("show", "churn", "v9"), "churn has no version v9"),
        (("show", "churn", "../x"), "'../x' is not a version name"),
        (("promote", "churn", "v9", "--why", "x", "--yes"), "churn has no version v9"),
        (("promote", "churn", "v9", "--why", " ", "--yes"), "--why is empty"),
        (("rollback", "churn", "--why", "x", "--yes"), "churn has no version that is served"),
        (("register", "churn", "v1", "--files", "one", "--metric", "auc"), "'auc' is no metric"),
        (("register", "churn", "v1", "--files", "one", "--run", "r9"), "churn has no training run r9"),
        (("register", "churn", "v1", "--files", "one", "--from", "2026-01-01"), "are no stretch of time"),
        (("register", "churn", "v/1", "--files", "one"), "is not a version name"),
        (("register", "churn", "v1", "--files", "nowhere"), "is no folder"),
    ],
)
def test_what_cannot_be_done_is_told(cli: Cli, there: str, prefix: str, arguments: tuple[str, ...], said: str) -> None:
    """With what to do instead."""
    configure(there, prefix)
    code, _, err = cli("versions", *arguments)
    assert code in (exits.USAGE, exits.FAILED)
    assert said in err
    assert "  -> " in err


def test_without_yes_it_asks(cli: Cli, there: str, prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And does nothing without an answer."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    configure(there, prefix)
    cli("versions", "register", "churn", "v1", "--files", "one")
    code, _, err = cli("versions", "promote", "churn", "v1", "--why", "better")
    assert code == exits.INTERRUPTED
    assert "Serve v1 of churn instead of none?" in err
    assert EmbeddedRegistry(Path("home/versions")).champion("churn") is None


def test_the_commit_of_the_training_code_is_kept(cli: Cli, there: str, prefix: str, tmp_path: Path) -> None:
    """Of the folder named."""
    configure(there, prefix)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(tmp_path / "two")]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "First"]):
        subprocess.run([*git, *command], check=True)
    cli("versions", "register", "churn", "v1", "--files", "one", "--repository", "two")
    kept = json.loads(cli("versions", "show", "churn", "v1", "--json")[1])
    assert kept["git"]["branch"] == "main"
    assert not kept["git"]["dirty"]


def test_training_data_is_exported(cli: Cli, elasticsearch_url: str, tmp_path: Path) -> None:
    """As a file with its digest, of a window named in any of the usual ways."""
    with traffic(elasticsearch_url) as sent:
        configure(elasticsearch_url, sent.store.names.prefix, model=MODEL)
        code, out, err = cli("export-training", MODEL, "-o", "all.csv")
        assert code == exits.OK, err
        digest = subprocess.run(["sha256sum", "all.csv"], capture_output=True, text=True, check=True).stdout.split()[0]
        assert out.splitlines()[1] == f"SHA-256 {digest}"
        assert len(pd.read_csv("all.csv")) == DAYS * ROWS
        code, out, err = cli("export-training", MODEL, "--window", "2026-03-03/2d", "-o", "a.parquet", "--json")
        told = json.loads(out)
        assert (told["rows"], len(pd.read_parquet("a.parquet"))) == (2 * ROWS, 2 * ROWS)
        cli("export-training", MODEL, "--from", "2026-03-03", "--to", "2026-03-05", "-o", "b.parquet")
        assert Path("a.parquet").read_bytes() == Path("b.parquet").read_bytes()
        for arguments, said in (
            (("--window", "7d", "--to", "2026-03-05"), "name the same thing"),
            (("--from", "2026-03-05", "--to", "2026-03-04"), "--from is not before --to"),
        ):
            code, _, err = cli("export-training", MODEL, *arguments, "-o", "c.csv")
            assert (code, said in err) == (exits.USAGE, True)
        code, _, err = cli("export-training", MODEL, "-o", "c.txt")
        assert "neither a .csv nor a .parquet file" in err
