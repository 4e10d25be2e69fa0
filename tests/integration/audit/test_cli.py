"""`driftlog audit`, `driftlog note` and recorded access, as a person would call them, on a real Elasticsearch."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.conftest import ask
from tests.unit.audit.world import event

from driftlog.audit.chain import Chain
from driftlog.cli import exits
from driftlog.cli.app import run
from driftlog.contract.auditing import AuditSettings
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings
from driftlog.store.client import Store
from driftlog.store.values import BulkAction
from driftlog.worker.audit import seal

START = datetime(2026, 3, 3, tzinfo=UTC)
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(
    elasticsearch_url: str,
    prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    """Call a command as Ann, in a folder of its own; exit code, standard output, standard error."""
    (tmp_path / "driftlog.yml").write_text(
        f"prefix: {prefix}\nelasticsearch: {{urls: ['{elasticsearch_url}']}}\nmodels: {{churn: {{}}}}\n"
        "audit: {signing_key: key.pem, public_key: key.pub.pem}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLOG_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("DRIFTLOG_ACTOR", "ann")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    assert call("audit", "key")[0] == exits.OK
    assert call("setup")[0] == exits.OK
    return call


def test_the_trail_from_note_to_bundle(cli: Call, elasticsearch_url: str, prefix: str, tmp_path: Path) -> None:
    """note, list, head, verify, show, predictions, export: each says what the one before did."""
    assert "record 2" in cli("note", "changed the scaler", "--kind", "architecture", "--model", "churn")[1]
    assert cli("note", " ")[0] == exits.USAGE
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        store.bulk(
            [
                BulkAction("create", store.names.predictions("churn", START), f"e{i}", event(f"e{i}", START + i * step))
                for i, step in enumerate([timedelta(seconds=7)] * 20)
            ],
            refresh=True,
        )
        at = START + timedelta(hours=3)
        assert seal(store, ModelSettings(name="churn"), AuditSettings(), Chain(store), now=lambda: at) == 20

        code, head, _ = cli("audit", "head", "--record")
        assert (code, head.count("driftlog-head"), head.count("\n")) == (exits.OK, 1, 1)
        (tmp_path / "heads.txt").write_text(f"Yours,\n{head}")
        listed = [json.loads(line) for line in cli("audit", "list", "--json")[1].splitlines()]
        actions = [line["entry"]["action"] for line in listed]
        assert actions == ["model.registered", "note", "bucket.sealed", "head.signed"]
        assert cli("audit", "list", "--actor", "bob")[1] == "No audit records.\n"
        code, out, _ = cli("audit", "verify", "--deep", "--anchor", "heads.txt")
        assert (code, "20 predictions" in out, "1 heads from outside" in out) == (exits.OK, True, True), out

        code, out, err = cli("audit", "show", "e7", "--model", "churn")
        assert (code, "as sealed, one of 20" in out) == (exits.OK, True), err
        assert cli("predictions", "churn", "--id", "e7")[0] == exits.OK
        story = json.loads(cli("audit", "show", "e7", "--model", "churn", "--json")[1])
        assert story["seal"]["status"] == "sealed"
        asked = [record["entry"]["details"]["command"] for record in story["reads"]]
        assert asked == ["driftlog audit show", "driftlog predictions"]
        code, _, err = cli("audit", "show", "nobody", "--model", "churn")
        assert (code, "there is no prediction" in err) == (exits.USAGE, True)

        code, out, err = cli("audit", "export", "--predictions", "-o", "bundle.zip")
        assert code == exits.OK and "signed by key" in out, err

        hit = store.get(store.names.audit, "2")
        assert hit is not None
        store.put(store.names.audit, "2", hit.source | {"summary": "nothing"}, refresh=True)
    code, out, _ = cli("audit", "verify", "--json")
    assert code == exits.FAILED
    assert json.loads(out)["found"] == [
        {"kind": "changed", "where": "record 2", "what": "summary: not what its text says"}
    ]


def test_a_broken_trail_shows_no_predictions_unless_told_to(cli: Call, elasticsearch_url: str, prefix: str) -> None:
    """The audit index is read-only: the default refuses, --unrecorded shows."""
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        store.create(store.names.predictions("churn", START), "e1", event("e1", START), refresh=True)
    assert "e1" in cli("predictions", "churn")[1]
    ask(f"{elasticsearch_url}/{prefix}-audit/_block/write", method="PUT")
    code, out, err = cli("predictions", "churn")
    assert (code == exits.OK, "e1" in out) == (False, False)
    assert "nothing is shown" in err and "--unrecorded" in err
    code, out, _ = cli("predictions", "churn", "--unrecorded")
    assert (code, "e1" in out) == (exits.OK, True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["audit", "verify", "--anchor", "nothing.txt"], exits.USAGE, "cannot be read"),
        (["audit", "verify", "--from", "2026-03-01"], exits.USAGE, "need --deep"),
        (["audit", "export"], exits.USAGE, "-o is missing"),
        (
            ["audit", "export", "--from", "1999-01-01", "--to", "1999-02-01", "-o", "x"],
            exits.USAGE,
            "no audit record",
        ),
        (["audit", "key"], exits.USAGE, "exists already"),
    ],
)
def test_what_cannot_be_done_says_what_to_do(cli: Call, arguments: list[str], code: int, said: str) -> None:
    """One line and a remedy."""
    found, _, err = cli(*arguments)
    assert (found, said in err) == (code, True), err
