"""The served model is validated on a labelled set when its schedule comes, and the result is stored like any other."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from driftlog.contract.maintaining import MaintainSettings, ValidationSettings
from driftlog.contract.maintenance import ModelVersion
from driftlog.contract.measurement import Measurement
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings, ThresholdSettings
from driftlog.store.client import Store
from driftlog.store.results import find_measurements
from driftlog.store.templates import install
from driftlog.worker.validation import validate_if_due

pytestmark = pytest.mark.elasticsearch

NOW = datetime(2026, 3, 4, 7, tzinfo=UTC)
CHAMPION = ModelVersion(model="credit", version="7", status="champion", created=NOW)
RNG = np.random.default_rng(1)
X = RNG.normal(size=400)
Y = RNG.uniform(size=400) < 1 / (1 + np.exp(-2 * X))


@pytest.fixture
def store(elasticsearch_url: str, prefix: str) -> Iterator[Store]:
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
        yield store


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    path = tmp_path / "golden.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "actual"])
        writer.writerows(zip(X.tolist(), Y.astype(int).tolist(), strict=True))
    return path


def settings(path: Path, **changes: Any) -> ModelSettings:
    validation = ValidationSettings(schedule="0 6 * * *", labelled_set=str(path))
    model = ModelSettings(name="credit", environment="test", maintain=MaintainSettings(validation=validation))
    return msgspec.structs.replace(model, **changes)


def score(version: ModelVersion, rows: str, answers: str) -> None:
    """A logistic function of the feature x; it refuses a file with the truth in it."""
    with Path(rows).open(encoding="utf-8") as file:
        given = list(csv.DictReader(file))
    assert set(given[0]) == {"id", "x"}
    with Path(answers).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "score"])
        writer.writerows((row["id"], 1 / (1 + np.exp(-float(row["x"])))) for row in reversed(given))


def run(store: Store, model: ModelSettings, folder: Path, now: datetime = NOW, **other: Any) -> list[Measurement]:
    known: dict[str, Any] = {"champion": CHAMPION, "score": score, "folder": folder, "term": 1, "now": now}
    return validate_if_due(store, model, **(known | other))


def test_metrics_of_the_labelled_set_are_stored_once_a_time(store: Store, labelled: Path, tmp_path: Path) -> None:
    """As scikit-learn computes them, with intervals, judged by a threshold that names them; again the next day."""
    limit = ThresholdSettings(metric="validation_roc_auc", direction="below", warning=0.99)
    model = settings(labelled, thresholds=(limit,))

    found = {each.metric: each for each in run(store, model, tmp_path)}
    points = 1 / (1 + np.exp(-X))

    auc = found["validation_roc_auc"]
    assert auc.value == pytest.approx(roc_auc_score(Y, points))
    assert found["validation_accuracy"].value == pytest.approx(accuracy_score(Y, points >= 0.5))
    assert auc.lower is not None
    assert auc.lower < (auc.value or 0) < (auc.upper or 0)
    assert (auc.n_current, auc.verdict, auc.marks) == (400, "warning", ("validation",))
    assert auc.note == "version 7 on golden.csv, 400 rows"
    assert auc.window.label() == "2026-03-03/2026-03-04"
    assert run(store, model, tmp_path, NOW + timedelta(hours=5)) == []
    assert run(store, model, tmp_path, NOW + timedelta(days=1))
    stored = find_measurements(store, "credit", metric="validation_roc_auc", purpose="performance")
    assert [each.window.label() for each in stored] == ["2026-03-03/2026-03-04", "2026-03-04/2026-03-05"]


def test_a_validation_that_cannot_be_done_says_why(store: Store, labelled: Path, tmp_path: Path) -> None:
    """A measurement without a value, once; not an exception in the worker."""

    def half(version: ModelVersion, rows: str, answers: str) -> None:
        Path(answers).write_text("id,score\n0,0.5\n")

    cases: list[tuple[Path, dict[str, Any], str]] = [
        (tmp_path / "gone.csv", {}, "cannot be read"),
        (labelled, {"champion": None}, "the registry knows no champion"),
        (labelled, {"score": None}, "executor.score is empty"),
        (labelled, {"score": half}, "not one to each row"),
    ]
    for day, (path, other, reason) in enumerate(cases):
        (found,) = run(store, settings(path), tmp_path, NOW + timedelta(days=day), **other)
        assert (found.value, found.verdict) == (None, "insufficient_data")
        assert reason in found.note
        assert run(store, settings(path), tmp_path, NOW + timedelta(days=day, hours=1), **other) == []


def test_nothing_happens_without_a_schedule(store: Store, labelled: Path, tmp_path: Path) -> None:
    """The default."""
    assert run(store, ModelSettings(name="credit"), tmp_path) == []
