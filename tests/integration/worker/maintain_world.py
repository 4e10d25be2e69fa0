"""A credit model in production, small real parts around the maintenance loop: what its tests share."""

from __future__ import annotations

import csv
import pickle
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from sklearn.linear_model import LogisticRegression

from driftlog.contract.audit import AuditEntry, AuditRecord
from driftlog.contract.errors import ActionFailed
from driftlog.contract.maintaining import (
    ConditionSettings,
    ExecutorSettings,
    MaintainSettings,
    PromotionSettings,
    TriggerSettings,
    ValidationSettings,
)
from driftlog.contract.maintenance import Decision, ModelVersion, TrainingRun
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.outcomes import join_feedback
from driftlog.store.client import Store
from driftlog.store.values import BulkAction
from driftlog.worker.cycle import run_cycle
from driftlog.worker.maintain import maintain
from driftlog.worker.maintain_facts import outcome_query

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
FEATURES = ("income", "debt")


def settings(**changes: Any) -> ModelSettings:
    """A loop that trains when there are 500 new labels, on 20 days, tried on the 10 days after them."""
    parts: dict[str, Any] = {
        "mode": "act",
        "triggers": TriggerSettings(new_labels=500),
        "conditions": ConditionSettings(min_labels=300, cooldown=5 * DAY, approval=()),
        "executor": ExecutorSettings(kind="command", command=("train",), window=20 * DAY, hold_back=10 * DAY),
        "validation": ValidationSettings(window=10 * DAY, min_rows=200),
        "promotion": PromotionSettings(watch=10 * DAY, step_time=3 * DAY, watch_window=10 * DAY),
    }
    return ModelSettings(
        name="credit", environment="test", bucket=DAY, window=10 * DAY, maintain=MaintainSettings(**(parts | changes))
    )


class MemoryRegistry:
    """Versions in memory, behind the protocol; the champion is the one promoted last."""

    def __init__(self, *versions: ModelVersion) -> None:
        self.versions: dict[str, ModelVersion] = {each.version: each for each in versions}

    def register(self, version: ModelVersion, files: str) -> ModelVersion:
        self.versions[version.version] = msgspec.structs.replace(version, uri=files)
        return self.versions[version.version]

    def list(self, model: str) -> list[ModelVersion]:
        return list(self.versions.values())

    def get(self, model: str, version: str) -> ModelVersion | None:
        return self.versions.get(version)

    def champion(self, model: str) -> ModelVersion | None:
        served = [each for each in self.versions.values() if each.status == "champion"]
        return max(served, key=lambda each: each.promoted or START - 999 * DAY, default=None)

    def update(self, version: ModelVersion) -> None:
        self.versions[version.version] = version


class MemoryDeployer:
    """Keeps what it was told; the test serves by it."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, float]] = []

    def deploy(self, version: ModelVersion, *, step: str, share: float, key: str = "") -> dict[str, Any]:
        self.told.append((version.version, step, share))
        return {}


class MemoryRecorder:
    """The audit trail: an entry a key."""

    def __init__(self) -> None:
        self.entries: dict[str, AuditEntry] = {}

    def record(self, entry: AuditEntry) -> AuditRecord | None:
        self.entries.setdefault(entry.key, entry)
        return None

    def actions(self) -> list[str]:
        return [entry.action for entry in self.entries.values()]


class SklearnExecutor:
    """Trains a logistic regression on the exported rows, at once; `spoil` ruins the labels first."""

    def __init__(self, spoil: bool = False) -> None:
        self.spoil = spoil
        self.started: list[str] = []
        self.done: dict[str, TrainingRun] = {}

    def start(self, run: TrainingRun, data: str, output: str) -> TrainingRun:
        self.started.append(run.id)
        with Path(data).open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        x = np.array([[float(row[name]) for name in FEATURES] for row in rows])
        y = np.array([row["actual"] for row in rows])
        if self.spoil:  # somebody counted the good ones as bad ones
            y = np.where(y == "1", "0", "1")
        model = LogisticRegression().fit(x, y)
        (Path(output) / "model.pickle").write_bytes(pickle.dumps(model))
        self.done[run.id] = msgspec.structs.replace(run, status="succeeded", exit_code=0)
        return self.done[run.id]

    def poll(self, run: TrainingRun) -> TrainingRun:
        return self.done.get(run.id, run)


def score(version: ModelVersion, rows: str, answers: str) -> None:
    """A Scorer: the pickled model answers the file's rows."""
    if not (Path(version.uri) / "model.pickle").exists():
        raise ActionFailed(f"version {version.version} has no files")
    model = pickle.loads((Path(version.uri) / "model.pickle").read_bytes())
    with Path(rows).open(encoding="utf-8") as file:
        given = list(csv.DictReader(file))
    x = np.array([[float(row[name]) for name in FEATURES] for row in given])
    with Path(answers).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "score"])
        writer.writerows(zip((row["id"] for row in given), model.predict_proba(x)[:, 1].tolist(), strict=True))


@dataclass
class World:
    """The service: `serve` logs a day of predictions of the served version with their truth, and runs a cycle.

    `truth` is how the world works (weights of the features); `answers` what each version's weights are.
    """

    store: Store
    folder: Path
    settings: ModelSettings = field(default_factory=settings)
    registry: MemoryRegistry = field(default_factory=lambda: MemoryRegistry(first_version()))
    deployer: MemoryDeployer = field(default_factory=MemoryDeployer)
    recorder: MemoryRecorder = field(default_factory=MemoryRecorder)
    executor: Any = field(default_factory=SklearnExecutor)
    scorer: Any = score
    truth: tuple[float, float] = (1.5, -1.5)
    term: int = 1

    def serve(
        self, first: int, last: int, *, a_day: int = 60, version: str = "1", share: float = 1.0, judged: bool = True
    ) -> None:
        """Days `first` to `last` - 1; `share` of the traffic goes to `version`, the rest to version 1.

        Not `judged`: truth is joined, and nothing is counted or measured.
        """
        actions = []
        for day in range(first, last):
            rng = np.random.default_rng(day)
            x = rng.normal(size=(a_day, 2))
            y = rng.uniform(size=a_day) < _sigmoid(x @ np.array(self.truth))
            served = np.where(rng.uniform(size=a_day) < share, version, "1")
            noise = rng.normal(size=a_day)
            for i in range(a_day):
                points = (
                    self.answer(str(served[i]), x[i]) if served[i] != "1" else _sigmoid(0.7 * x[i, 0] + 0.8 * noise[i])
                )
                actions += self._documents(day, i, x[i], bool(y[i]), str(served[i]), float(points), a_day)
        assert not self.store.bulk(actions, refresh=True).failures
        if not judged:
            join_feedback(self.store, self.settings, since=START - DAY, as_of=START + last * DAY)
            return
        record = run_cycle(
            self.store,
            self.settings,
            as_of=START + last * DAY,
            worker_id="w",
            term=self.term,
            now=lambda: datetime.now(UTC),
        )
        assert record.status == "ok", record.error

    def answer(self, version: str, x: Any) -> float:
        found = self.registry.versions[version]
        model = pickle.loads((Path(found.uri) / "model.pickle").read_bytes())
        return float(model.predict_proba([x])[0, 1])

    def _documents(
        self, day: int, i: int, x: Any, y: bool, version: str, points: float, a_day: int
    ) -> list[BulkAction]:
        at = START + day * DAY + DAY * i / a_day
        id, ingested = f"p{day}-{i}", datetime.now(UTC).isoformat()
        prediction = {
            "@timestamp": at.isoformat(),
            "event": {"id": id, "dataset": "driftlog.prediction", "outcome": "success", "ingested": ingested},
            "service": {"environment": "test"},
            "model": {"name": "credit", "version": version},
            "features": dict(zip(FEATURES, x.tolist(), strict=True)),
            "prediction": {"task": "binary", "score": points, "label": str(int(points >= 0.5))},
        }
        feedback = {
            "@timestamp": (at + timedelta(minutes=1)).isoformat(),
            "event": {"id": f"f{id}", "dataset": "driftlog.feedback", "ingested": ingested},
            "model": {"name": "credit"},
            "feedback": {"prediction_id": id, "actual": str(int(y))},
        }
        return [
            BulkAction("create", self.store.names.predictions("credit", at), id, prediction),
            BulkAction("create", self.store.names.monthly("feedback", at), f"f{id}", feedback),
        ]

    def export(self, window: Window, path: str) -> int:
        """An Exporter."""
        query = outcome_query(self.settings, window)
        truth = {
            hit["_source"]["outcome"]["prediction_id"]: hit["_source"]["outcome"]["actual"]
            for hit in self.store.scan(self.store.names.every("outcomes"), query)
        }
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", *FEATURES, "actual"])
            for hit in self.store.find_by_ids(self.store.names.all_predictions("credit"), truth):
                writer.writerow([hit.id, *(hit.source["features"][name] for name in FEATURES), truth[hit.id]])
        return len(truth)

    def look(self, day: float, **other: Any) -> Decision:
        """One look of the loop at `day`."""
        parts: dict[str, Any] = {
            "registry": self.registry,
            "executor": self.executor,
            "deployer": self.deployer,
            "recorder": self.recorder,
            "export": self.export,
            "score": self.scorer,
            "folder": self.folder,
            "term": self.term,
            "now": START + day * DAY,
            "worker_id": "w",
        }
        decision = maintain(self.store, self.settings, **(parts | other))
        assert decision is not None
        return decision


def first_version() -> ModelVersion:
    return ModelVersion(model="credit", version="1", status="champion", created=START, promoted=START, uri="/models/1")


def _sigmoid(value: Any) -> Any:
    return 1 / (1 + np.exp(-value))
