"""A team moves over: its files and the mappings of its tools, through the commands, into a real Elasticsearch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from driftlog.cli import exits
from driftlog.cli.app import run

pytestmark = pytest.mark.elasticsearch

SAMPLES = Path(__file__).parents[2] / "unit" / "cli" / "peer_samples"
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(
    elasticsearch_url: str,
    prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Cli:
    shutil.copytree(SAMPLES, tmp_path, dirs_exist_ok=True)
    (tmp_path / "driftlog.yml").write_text(
        f"prefix: {prefix}\nelasticsearch: {{urls: ['{elasticsearch_url}']}}\n"
        "models: {churn: {look_back: 4000d}, credit: {task: multiclass, look_back: 4000d}}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLOG_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    assert call("setup")[0] == exits.OK
    return call


def metrics(cli: Cli, model: str) -> dict[str, float]:
    """Newest value of each metric of the whole model."""
    code, out, err = cli("results", model, "--json", "--limit", "10000")
    assert code == exits.OK, err
    return {m["metric"]: m["value"] for m in map(json.loads, out.splitlines()) if not m["field"]}


def test_from_evidently(cli: Cli) -> None:
    """Predictions with their truth, a reference of the same file, and results."""
    mapping = ("--from-evidently", "evidently_data_definition.json")
    code, out, err = cli("import", "churn", "churn.csv", *mapping)
    assert (code, "400 rows: 800 events stored" in out) == (exits.OK, True), err
    assert "0 events stored, 800 were stored before" in cli("import", "churn", "churn.csv", *mapping)[1]
    code, out, err = cli("reference", "set", "churn", "--file", "churn.csv", *mapping)
    assert (code, "400 rows, 4 fields" in out) == (exits.OK, True), err
    assert cli("run", "--model", "churn", "--from", "2026-01-20", "--to", "2026-01-24")[0] == exits.OK
    assert {"roc_auc", "accuracy", "predictions"} <= set(metrics(cli, "churn"))


def test_from_nannyml(cli: Cli) -> None:
    """The reference period becomes the reference; the truth of the analysis comes in a file of its own."""
    mapping = ("--from-nannyml", "nannyml_multiclass.json")
    code, out, err = cli("reference", "set", "credit", "--file", "nannyml_multiclass.csv", *mapping)
    assert (code, "120 rows" in out) == (exits.OK, True), err
    code, out, err = cli("import", "credit", "nannyml_multiclass.csv", *mapping)
    assert (code, "180 rows: 300 events stored" in out) == (exits.OK, True), err
    truth = ("--kind", "feedback", "--prediction-id", "id", "--label", "y_true", "--timestamp", "known")
    text = Path("nannyml_multiclass_truth.csv").read_text().splitlines()
    known = [f"{text[0]},known", *(f"{line},2020-09-02T00:00:00Z" for line in text[1:])]
    Path("truth.csv").write_text("\n".join(known) + "\n")
    code, out, err = cli("import", "credit", "truth.csv", *truth)
    assert (code, "60 events stored" in out) == (exits.OK, True), err


def test_from_whylogs(cli: Cli) -> None:
    """A reference of distributions: drift is measured against it, performance is not."""
    code, out, err = cli(
        "reference",
        "set",
        "churn",
        "--from-whylogs",
        "whylogs_profile.csv",
        "--score",
        "proba",
        "--features",
        "age,plan",
    )
    assert (code, "400 rows, 3 fields, 0 chunks" in out) == (exits.OK, True), err
    assert "no truth" in err
    mapping = ("--from-evidently", "evidently_data_definition.json")
    assert cli("import", "churn", "churn.csv", *mapping)[0] == exits.OK
    assert cli("run", "--model", "churn", "--from", "2026-01-01", "--to", "2026-02-03")[0] == exits.OK
    out = cli("results", "churn", "--json", "--limit", "10000")[1]
    found = [m for m in map(json.loads, out.splitlines()) if m["metric"] in ("kolmogorov_smirnov", "total_variation")]
    assert {m["field"] for m in found} == {"features.age", "features.plan", "prediction.score"}
    code, _, err = cli("reference", "set", "churn", "--from-whylogs", "whylogs_profile.csv", "--file", "churn.csv")
    assert (code, "give one of them" in err) == (exits.USAGE, True)
