"""Labelled data for training, out of a real Elasticsearch: complete, typed, in order, the same bytes each time."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from datetime import timedelta

import pandas as pd
import pytest
from tests.integration.api.traffic import BEFORE, DAYS, ROWS, SETTINGS, START, Traffic, days, traffic

from driftlog.contract.erasure import ErasureList, event_hash, subject_hash
from driftlog.contract.errors import UsageError
from driftlog.contract.settings import ModelSettings
from driftlog.store.values import BulkAction
from driftlog.worker import training_data
from driftlog.worker.training_data import export_training, labelled_count

pytestmark = pytest.mark.elasticsearch


@pytest.fixture(scope="module")
def sent(elasticsearch_url) -> Iterator[Traffic]:
    with traffic(elasticsearch_url) as made:
        yield made


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_every_labelled_prediction_is_there_as_it_was_sent(sent, tmp_path, kind):
    """Features with their types, truth, score, version, in order of time."""
    path = tmp_path / f"train.{kind}"
    data = export_training(sent.store, sent.settings, days(0, DAYS), path)
    read = pd.read_csv(path, dtype={"version": str, "actual": str, "predicted": str}) if kind == "csv" else None
    frame = read if read is not None else pd.read_parquet(path)
    assert data.rows == len(frame) == DAYS * ROWS
    assert data.columns == {
        "id": "text",
        "time": "time",
        "version": "text",
        "variant": "text",
        "predicted": "text",
        "score": "number",
        "actual": "text",
        "amount": "number",
        "country": "text",
        "plan": "text",
    }
    assert list(frame.columns) == list(data.columns)
    for column in ("amount", "plan", "country", "score", "actual", "version", "variant"):
        assert frame[column].tolist() == sent.frame[column].tolist()
    assert frame["id"].tolist() == [f"p{number}" for number in sent.frame.index]
    times = pd.to_datetime(frame["time"], utc=True)
    assert times.dt.round("us").tolist() == pd.to_datetime(sent.frame["at"], utc=True).dt.round("us").tolist()


def test_the_same_data_gives_the_same_bytes(sent, tmp_path):
    """Whatever the size of the pages; the digest is that of the file, which only its owner reads."""
    path = tmp_path / "a.csv"
    first = export_training(sent.store, sent.settings, days(2, 6), path)
    assert first.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["a.csv"]
    page, training_data.PAGE = training_data.PAGE, 77
    try:
        again = export_training(sent.store, sent.settings, days(2, 6), tmp_path / "b.csv")
    finally:
        training_data.PAGE = page
    assert (again.digest, again.rows) == (first.digest, 4 * ROWS)


def test_a_window_is_half_open_and_of_one_environment(sent, tmp_path):
    """And of one version, where one is named."""
    assert labelled_count(sent.store, sent.settings, days(3, 4)) == ROWS
    data = export_training(sent.store, sent.settings, days(3, 4), tmp_path / "a.csv")
    assert data.rows == ROWS
    newer = export_training(sent.store, sent.settings, days(BEFORE - 1, BEFORE + 2), tmp_path / "b.csv", version="2")
    assert newer.rows == 2 * ROWS
    elsewhere = ModelSettings(name=SETTINGS.name, environment="production")
    assert export_training(sent.store, elsewhere, days(3, 4), tmp_path / "c.csv").rows == 0
    assert (tmp_path / "c.csv").read_text() == "id,time,version,variant,predicted,score,actual\n"


def test_progress_is_told(sent, tmp_path):
    """Up to all."""
    told: list[tuple[int, int]] = []
    export_training(sent.store, sent.settings, days(0, 2), tmp_path / "a.csv", progress=lambda *x: told.append(x))
    assert told[-1] == (2 * ROWS, 2 * ROWS)


def test_erased_subjects_and_lost_predictions_are_left_out(sent, tmp_path):
    """Those on the erasure list, while their events are still there; those whose prediction was dropped."""
    at = START - timedelta(days=20)
    store = sent.store
    actions = []
    for number, subject in enumerate(("ann", "bob", "cy", "dee")):
        event = {"@timestamp": at.isoformat(), "service": {"environment": "test"}, "subject": {"id": subject}}
        model = {"name": SETTINGS.name, "version": "1"}
        outcome = {"actual": "1", "score": 0.5, "prediction_id": f"e{number}"}
        features = {"amount": "N/A" if number == 2 else 1, "score": number, "a.b": True, "nul": None}
        if number != 3:
            document = event | {"model": model, "features": features}
            actions.append(BulkAction("create", store.names.predictions(SETTINGS.name, at), f"e{number}", document))
        document = event | {"model": model, "outcome": outcome}
        actions.append(BulkAction("index", store.names.monthly("outcomes", at), f"{SETTINGS.name}:e{number}", document))
    report = store.bulk(actions, refresh=True)
    assert not report.failures
    erased = ErasureList(b"salt")
    erased.add_subject(subject_hash(b"salt", "bob"))
    window = days(-21, -19)
    data = export_training(store, sent.settings, window, tmp_path / "a.csv", erased=erased)
    assert (data.rows, data.erased, data.without_prediction, data.malformed) == (2, 1, 1, 0)
    rows = (tmp_path / "a.csv").read_text().splitlines()
    assert rows[0] == "id,time,version,variant,predicted,score,actual,a.b,amount,features.score,nul"
    assert rows[1].startswith("e0,2026-02-10T00:00:00.000000Z,1,,,0.5,1,true,1,0.0,")
    assert rows[2].endswith(",true,N/A,2.0,")
    erased.add_events([event_hash(b"salt", "e0")])
    assert export_training(store, sent.settings, window, tmp_path / "a.csv", erased=erased).rows == 1


def test_what_cannot_be_written_is_told(sent, tmp_path):
    """Another kind of file, or a folder that is not there."""
    with pytest.raises(UsageError, match=r"neither a \.csv nor a \.parquet file"):
        export_training(sent.store, sent.settings, days(0, 1), tmp_path / "a.xlsx")
    with pytest.raises(UsageError, match="cannot be written: No such file"):
        export_training(sent.store, sent.settings, days(0, 1), tmp_path / "no" / "a.csv")
