"""``driftlog maintain`` and ``driftlog retrain`` as a person calls them, with the parts that the settings name."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.integration.worker.maintain_world import START, World

from driftlog.cli import exits
from driftlog.cli.app import run
from driftlog.contract.names import IndexNames
from driftlog.contract.records import ModelRecord
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.client import Store
from driftlog.store.decisions import find_runs
from driftlog.store.models import register
from driftlog.store.templates import install

Cli = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.elasticsearch

TRAIN = """
import csv, pickle, sys
from sklearn.linear_model import LogisticRegression
rows = list(csv.DictReader(open(sys.argv[1])))
model = LogisticRegression().fit([[float(r["income"]), float(r["debt"])] for r in rows], [r["actual"] for r in rows])
pickle.dump(model, open(sys.argv[2] + "/model.pickle", "wb"))
print("trained on", len(rows))
"""
SCORE = """
import csv, pickle, sys
model = pickle.load(open(sys.argv[1] + "/model.pickle", "rb"))
rows = list(csv.DictReader(open(sys.argv[2])))
points = model.predict_proba([[float(r["income"]), float(r["debt"])] for r in rows])[:, 1]
out = csv.writer(open(sys.argv[3], "w", newline=""))
out.writerow(["id", "score"])
out.writerows(zip([r["id"] for r in rows], points))
"""
SETTINGS = """
prefix: {prefix}
elasticsearch: {{urls: ['{url}']}}
models:
  credit:
    environment: test
    bucket: 1d
    window: 10d
    maintain:
      mode: act
      triggers: {{new_labels: 100000}}
      conditions: {{min_labels: 300, approval: [promote]}}
      executor:
        kind: command
        command: ['{python}', '{folder}/train.py', '{{data}}', '{{output}}']
        score: ['{python}', '{folder}/score.py', '{{files}}', '{{input}}', '{{output}}']
        window: 20d
        hold_back: 10d
      validation: {{window: 10d, min_rows: 200}}
  quiet: {{environment: test}}
"""


@pytest.fixture
def cli(
    elasticsearch_url: str,
    prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Cli]:
    """A month of traffic, and commands in a folder of their own."""
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "score.py").write_text(SCORE)
    (tmp_path / "driftlog.yml").write_text(
        SETTINGS.format(prefix=prefix, url=elasticsearch_url, python=sys.executable, folder=tmp_path)
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLOG_CONFIG", raising=False)
    monkeypatch.setenv("DRIFTLOG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DRIFTLOG_ACTOR", "ann")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run([*arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
        register(store, ModelRecord(name="credit", task="binary", registered=START))
        World(store, tmp_path).serve(0, 30, judged=False)
        call.store = store  # type: ignore[attr-defined]
        yield call


def day(number: float) -> str:
    return (START + timedelta(days=number)).isoformat()


def test_from_a_request_to_a_promotion_by_hand(cli: Cli, tmp_path: Path) -> None:
    """A real command trains, a real command scores, a person says yes; each step can be read."""
    code, out, err = cli("retrain", "request", "credit", "--why", "a new tariff")
    assert code == exits.OK, err
    assert "Asked for a training of credit" in out

    last = ""
    for minute in range(300):  # the training runs by itself; each look finds it further on
        code, out, err = cli("maintain", "run", "credit", "--as-of", day(30 + minute / 1440), "--json")
        assert code == exits.OK, err
        last = json.loads(out)["outcome"]
        if last != "training":
            break
    assert last == "waiting_for_approval", out

    code, out, err = cli("maintain", "explain", "credit")
    assert code == exits.OK, err
    assert "promote waits for approval" in out
    assert "data? → performance? → acceptable? → retrain → candidate → [deploy] → watch" in out
    assert "driftlog maintain approve credit" in out
    assert "roc_auc_difference" in out

    code, out, err = cli("maintain", "trial", "credit", "--html", "trial.html")
    assert code == exits.OK, err
    assert "passed" in out
    page = (tmp_path / "trial.html").read_text()
    assert "The candidate passed" in page
    assert "<svg" in page
    assert "http" not in page.split("<body>")[1]

    code, out, err = cli("maintain", "approve", "credit", "--why", "looks right")
    assert code == exits.OK, err
    assert out.startswith("approve: promote of credit")
    code, _, err = cli("maintain", "approve", "credit")
    assert code == exits.USAGE
    assert "ann said approve" in err

    code, out, err = cli("maintain", "run", "credit", "--as-of", day(33))
    assert code == exits.OK, err
    assert "[watch]" in out

    listed = [json.loads(line) for line in cli("maintain", "list", "credit", "--json")[1].splitlines()]
    assert [each["outcome"] for each in listed] == [
        "watching",
        "promote",
        "waiting_for_approval",
        "training",
        "retrain",
    ]
    assert listed[1]["by"] == "ann"
    assert listed[-1]["triggers"] == ["request"]
    (made,) = find_runs(cli.store, "credit")  # type: ignore[attr-defined]
    assert "trained on 1200" in Path(made.log).read_text()
    assert "succeeded" in cli("retrain", "list", "credit")[1]


def test_what_cannot_be_answered_says_what_to_do(cli: Cli) -> None:
    """Nothing waits; the loop is off; no such outcome; no trial yet."""
    cases = [
        (("maintain", "approve", "credit"), "nothing about credit waits", "maintain explain credit"),
        (("maintain", "reject", "credit"), "nothing about credit waits", "maintain explain credit"),
        (("maintain", "explain", "credit"), "no decision on credit yet", "maintain run credit"),
        (("maintain", "explain", "quiet"), "the maintenance loop of quiet is off", "maintain.mode"),
        (("maintain", "run", "quiet"), "the maintenance loop of quiet is off", "maintain.mode"),
        (("maintain", "list", "--outcome", "keeping"), "no outcome is called keeping", "rollback"),
        (("maintain", "trial", "credit"), "no trial of credit", "none"),
        (("retrain", "request", "credit", "--why", " "), "--why is empty", "what changed"),
        (("retrain", "request", "credt", "--why", "x"), "credt", "credit"),
    ]
    for arguments, complaint, remedy in cases:
        code, out, err = cli(*arguments)
        assert (code, out) == (exits.USAGE, ""), arguments
        assert complaint in err, err
        assert remedy in err, err
    assert "No decisions yet" in cli("maintain", "list")[1]
    assert "was never trained" in cli("retrain", "list", "credit")[1]
