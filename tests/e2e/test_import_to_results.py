"""A user's CSV files, three commands, and every kind of measurement: without any serving app."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.history_files import day, write_churn, write_project, write_topics

pytestmark = [pytest.mark.elasticsearch, pytest.mark.slow, pytest.mark.timeout(600)]

Lines = list[dict[str, Any]]


@pytest.fixture
def driftlog(elasticsearch_url: str, prefix: str, tmp_path: Path) -> Callable[..., str]:
    """Run a command in a folder with settings; its standard output."""
    write_project(tmp_path, url=elasticsearch_url, prefix=prefix)

    def call(*arguments: str) -> str:
        command = [sys.executable, "-m", "driftlog", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    call("setup")
    return call


def results(driftlog: Callable[..., str], model: str, *options: str) -> Lines:
    out = driftlog("results", model, "--since", day(-10), "--limit", "10000", "--json", *options)
    return [json.loads(line) for line in out.splitlines()]


def test_multiclass_from_files(driftlog: Callable[..., str], tmp_path: Path) -> None:
    """Class probabilities give estimates; what is planted is found; a second run changes revisions alone."""
    write_topics(tmp_path, 4_000)
    named = (
        "--timestamp",
        "when",
        "--features",
        "length,age,tone,region",
        "--prediction",
        "answer",
        "--label",
        "topic",
    )
    driftlog("import", "topics", "topics.csv", *named)
    driftlog("reference", "set", "topics", "--file", "topics_reference.csv", *named)
    driftlog("run", "--model", "topics", "--from", day(0), "--to", day(60))

    found = results(driftlog, "topics")
    assert {
        "data_drift", "prediction_drift", "target_drift", "concept_drift", "performance", "estimated_performance",
        "estimation_error", "operational", "quality", "custom",
    } <= {m["purpose"] for m in found}  # fmt: skip
    drifted = {m["field"] for m in found if m["purpose"] == "data_drift" and m["verdict"] in ("warning", "critical")}
    assert drifted == {"features.tone"}

    accuracy: dict[str, dict[str, float]] = defaultdict(dict)
    for m in found:
        if m["metric"] == "accuracy" and m["purpose"] in ("performance", "estimated_performance"):
            accuracy[m["window"]["start"]][m["purpose"]] = m["value"]
    assert all(len(pair) == 2 for pair in accuracy.values())
    off = {start: pair["estimated_performance"] - pair["performance"] for start, pair in accuracy.items()}
    before = [gap for start, gap in off.items() if start < day(38)]
    after = [gap for start, gap in off.items() if start >= day(48)]
    assert max(map(abs, before)) < 0.1 < min(after)

    driftlog("run", "--model", "topics", "--from", day(0), "--to", day(60))
    again = results(driftlog, "topics")
    key = ("series", "metric", "purpose", "field", "version", "variant", "segment", "window")
    first, second = ({json.dumps([m.get(k) for k in key]): m for m in lines} for lines in (found, again))
    assert (len(first), first.keys()) == (len(found), second.keys())
    assert len(second) == len(again)
    assert {name: m["value"] for name, m in first.items()} == {name: m["value"] for name, m in second.items()}
    assert {m["revision"] for m in again} == {m["revision"] + 1 for m in found} == {2}


def test_binary_with_late_truth(driftlog: Callable[..., str], tmp_path: Path) -> None:
    """A reference from a past window has the truth although no worker has run yet; the weak segment comes first."""
    write_churn(tmp_path, 4_000)
    features = "age,income,usage,tenure,calls,balance,plan,country,channel,comment"
    driftlog(
        "import", "churn", "churn.csv", "--timestamp", "when", "--id", "request", "--features", features,
        "--prediction", "answer", "--score", "p", "--subject", "customer", "--variant", "arm",
        "--map", "release=model.version",
    )  # fmt: skip
    driftlog(
        "import", "churn", "truth.csv", "--kind", "feedback", "--timestamp", "known", "--prediction-id", "request",
        "--label", "churned",
    )  # fmt: skip
    driftlog("reference", "set", "churn", "--from", day(0), "--to", day(30))
    driftlog("run", "--model", "churn", "--from", day(30), "--to", day(45))

    found = results(driftlog, "churn")
    assert {
        "data_drift", "prediction_drift", "target_drift", "attribution_drift", "concept_drift", "performance",
        "estimated_performance", "estimation_error", "fairness", "operational", "quality", "custom",
    } <= {m["purpose"] for m in found}  # fmt: skip
    assert "features.comment" not in {m["field"] for m in found}
    assert "features.comment.words" in {m["field"] for m in found}
    shifts = {m["field"]: m["value"] for m in found if m["purpose"] == "data_drift" and m["window"]["start"] > day(33)}
    assert max(shifts, key=lambda name: shifts[name] or 0) == "features.usage"
    for option in (("--variant", "A"), ("--version", "1.0")):
        assert "performance" in {m["purpose"] for m in results(driftlog, "churn", *option)}
    ranks = [json.loads(line) for line in driftlog("segments", "churn", "--json").splitlines()]
    assert "FR" in ranks[0]["segment"]
