"""The demo's maintenance loop: real training jobs, a real registry, a real deploy hook, on the flights as they are."""

from __future__ import annotations

import io
import secrets
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from tests.conftest import delete_prefix

from driftlog.act.versions.embedded import EmbeddedRegistry
from driftlog.audit.verify import verify
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.demo.maintenance import ASKED
from driftlog.demo.model import VERSION
from driftlog.demo.run import run_demo
from driftlog.demo.settings import MODEL, DemoOptions
from driftlog.store.client import Store
from driftlog.store.decisions import find_decisions, find_trials

pytestmark = [pytest.mark.elasticsearch, pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_candidate_trained_on_broken_labels_is_refused(elasticsearch_url: str, tmp_path: Path) -> None:
    """It is trained, scored on the champion's rows, refused, and never served; all of it is in the audit trail."""
    prefix = f"driftlog-demo-m{secrets.token_hex(3)}"
    options = DemoOptions(
        events=6_000,
        until=datetime(2013, 6, 17, tzinfo=UTC),
        elasticsearch=elasticsearch_url,
        maintain=True,
        prefix=prefix,
        folder=tmp_path,
        open_report=False,
    )
    output = io.StringIO()
    try:
        assert run_demo(options, Console(file=output, width=120)) == 0, output.getvalue()
        settings = ElasticsearchSettings(urls=(elasticsearch_url,))
        with Store.connect(settings, IndexNames(prefix)) as store:
            outcomes = {each.outcome for each in find_decisions(store, MODEL) if each.at == ASKED}
            (trial,) = find_trials(store, MODEL)
            findings = verify(store, now=datetime.now(UTC))
    finally:
        delete_prefix(elasticsearch_url, prefix)

    versions = {each.version: each.status for each in EmbeddedRegistry(tmp_path / "versions").list(MODEL)}
    assert versions == {VERSION: "champion", "20130610-1": "refused"}
    assert {"retrain", "refuse"} <= outcomes
    assert not trial.passed
    assert trial.main.candidate is not None and trial.main.champion is not None
    assert trial.main.candidate < trial.main.champion  # the hour of the day is in the wrong labels, too
    assert findings.ok
    assert "ROC AUC by month" in output.getvalue()
