"""A reference from a frame, in Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import driftlog
from driftlog.audit.find import find_records
from driftlog.contract.errors import UsageError
from driftlog.contract.records import ModelRecord
from driftlog.store.models import register
from driftlog.store.templates import install

pytestmark = pytest.mark.elasticsearch


def test_a_frame_becomes_the_reference(
    elasticsearch_url: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its truth, active, and told to the audit trail; without activating it is only kept."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLOG_CONFIG", raising=False)
    monkeypatch.setenv("DRIFTLOG_ACTOR", "ann")
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "when": pd.date_range("2026-01-01", periods=500, freq="h"),
            "age": rng.normal(40, 9, 500),
            "plan": rng.choice(["basic", "plus"], 500),
            "p": rng.uniform(size=500),
            "left": rng.integers(0, 2, 500),
        }
    )
    before = frame.copy()
    with driftlog.connect(elasticsearch_url, prefix=prefix) as d:
        install(d.store)
        register(d.store, ModelRecord(name="churn", task="binary", registered=pd.Timestamp.now("UTC").to_pydatetime()))
        made = d.set_reference(frame, "churn", score="p", label="left", timestamp="when", origin="notebook")
        pd.testing.assert_frame_equal(frame, before)
        assert d.reference("churn").reference.id == made.reference.id
        assert set(made.binning.fields) == {"features.age", "features.plan", "prediction.score"}
        assert (made.reference.n, bool(made.reference.outcomes), len(made.reference.chunks)) == (500, True, 21)
        other = d.set_reference(frame.head(100), "churn", score="p", activate=False)
        assert d.reference("churn").reference.id == made.reference.id != other.reference.id
        assert set(d.references("churn")["origin"]) == {"notebook", "frame"}
        [record] = find_records(d.store, actions=["reference.set"])
        assert (record.entry.actor, record.entry.object) == ("ann", made.reference.id)
        with pytest.raises(UsageError, match="no column 'score'"):
            d.set_reference(frame, "churn", score="score")
