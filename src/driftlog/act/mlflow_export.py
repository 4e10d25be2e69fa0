"""Results beside the training: what is measured of a model version, logged to the version's run in MLflow.

A point is known by run, key and step, so that nothing has to be remembered here: what the run has is not logged again,
whoever logged it and whatever crashed. MLflow keeps every point it was ever given; a value that was revised is logged
with the same step one millisecond later, and is then the one that MLflow shows as the latest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from driftlog.act.versions.mlflow_registry import MlflowRegistry
from driftlog.contract.alert import ACTIVE, Alert
from driftlog.contract.maintenance import ModelVersion
from driftlog.contract.measurement import LEVELS, SEVERITY, Measurement
from driftlog.contract.points import newest, path_of, step_of

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run

BATCH: Final = 1000
"""Points of one request; MLflow's own limit."""
MAX_KEY: Final = 250
WITH_BOUNDS: Final = ("performance", "estimated_performance")
_REFUSED: Final = re.compile(r"[^/\w.\- :]")
_TAG: Final = "driftlog.monitoring"


@dataclass(frozen=True)
class Point:
    """One number of one version's run; `at` is the window's end."""

    key: str
    value: float
    step: int
    at: datetime


@dataclass
class Points:
    """What belongs to one version."""

    points: list[Point] = field(default_factory=list)
    last: list[Measurement] = field(default_factory=list)
    """Of its newest window."""


@dataclass(frozen=True)
class VersionExport:
    """What became of one version.

    Attributes
    ----------
    known
        Points that its run had already.
    skipped
        Why nothing was logged; empty where it was.
    """

    version: str
    run_id: str = ""
    run_url: str = ""
    points: int = 0
    logged: int = 0
    known: int = 0
    report: bool = False
    skipped: str = ""


def metric_key(measurement: Measurement, end: str = "") -> str:
    """Key of a measurement in MLflow, of characters it takes: environment, then what was measured.

    ``driftlog.production/performance/roc_auc``, ``driftlog.production/performance/roc_auc.lower``
    """
    return clean_key(f"driftlog.{measurement.environment or 'none'}/{path_of(measurement)}{end}")


def clean_key(key: str) -> str:
    """`key` with ``_`` for what MLflow refuses and at most 250 characters; what was changed ends in a digest.

    >>> clean_key("driftlog.demo/performance/roc_auc"), clean_key("driftlog.demo/quality/features.a%b//../c")
    ('driftlog.demo/performance/roc_auc', 'driftlog.demo/quality/features.a_b/_/c.594949')
    """
    parts = [part if part.strip(".") else "_" for part in _REFUSED.sub("_", key).split("/") if part]
    cleaned = "/".join(parts)
    if cleaned == key and len(key) <= MAX_KEY:
        return key
    digest = hashlib.blake2b(key.encode(), digest_size=3).hexdigest()
    return f"{cleaned[: MAX_KEY - len(digest) - 1]}.{digest}"


def in_service(versions: Sequence[ModelVersion], when: datetime) -> str:
    """The version that served at `when`: the one promoted last by then; else the champion, else the only one.

    Empty where none of that is known.
    """
    promoted = [(each.promoted, each.version) for each in versions if each.promoted is not None]
    before = [each for each in promoted if each[0] <= when]
    if before:
        return max(before)[1]
    champion = next((each.version for each in versions if each.status == "champion"), "")
    if champion and not promoted:
        return champion
    return versions[0].version if len(versions) == 1 else ""


def points_by_version(
    measurements: Iterable[Measurement], alerts: Sequence[Alert], versions: Sequence[ModelVersion], *, only: str = ""
) -> dict[str, Points]:
    """Points by version, in order of time; under "" those of windows in which no version is known to have served.

    A version measured apart has its own numbers; those of the whole model go to the version that served at the
    window's end (`only`: to that one, and nothing to others).
    """
    found: dict[str, Points] = {}
    for end, group in groupby(newest(measurements), key=lambda m: m.window.end):
        of_window = [m for m in group if not m.segment and m.variant == "*"]
        if not of_window:
            continue
        serving = only or in_service(versions, end)
        points: dict[tuple[str, str], Point] = {}
        for m in sorted(of_window, key=lambda m: m.version != "*"):  # what is known of the version itself comes last
            version = serving if m.version == "*" else m.version
            for key, value in _lines(m).items():
                points[version, key] = Point(key, value, step_of(m.window), end)
        for key, value in _of_window(of_window, alerts, end).items():
            points[serving, key] = Point(key, value, step_of(of_window[0].window), end)
        for (version, _), point in points.items():
            if not only or version == only:
                found.setdefault(version, Points()).points.append(point)
        for version in {version for version, _ in points}:
            if version in found:
                found[version].last = [m for m in of_window if m.version in ("*", version)]
    return found


def _lines(m: Measurement) -> dict[str, float]:
    numbers = {"": m.value}
    if m.purpose in WITH_BOUNDS:
        numbers |= {".lower": m.lower, ".upper": m.upper}
    return {metric_key(m, end): value for end, value in numbers.items() if value is not None}


def _of_window(measurements: Sequence[Measurement], alerts: Sequence[Alert], end: datetime) -> dict[str, float]:
    """The share of features that drifted, and how many alerts were open."""
    environment = measurements[0].environment or "none"
    numbers = {"alerts/open": float(sum(a.opened <= end and (a.resolved is None or a.resolved > end) for a in alerts))}
    judged = [m for m in measurements if m.purpose == "data_drift" and m.version == "*" and m.verdict != "not_judged"]
    if judged:
        numbers["data_drift/share"] = sum(SEVERITY[m.verdict] > 0 for m in judged) / len(judged)
    return {clean_key(f"driftlog.{environment}/{name}"): value for name, value in numbers.items()}


class MlflowExporter:
    """Logs to the runs behind `registry`."""

    def __init__(self, registry: MlflowRegistry) -> None:
        self._registry = registry
        self._client = registry.client

    def versions(self, model: str) -> list[ModelVersion]:
        return self._registry.list(model)

    def export(
        self,
        model: str,
        found: Mapping[str, Points],
        alerts: Sequence[Alert],
        *,
        report: Path | None = None,
        dry_run: bool = False,
    ) -> list[VersionExport]:
        """Log what the runs do not have yet; a version without a run that can be written is told, not an error.

        Parameters
        ----------
        report
            A page that is kept with the run of the newest window, in the folder ``driftlog``.

        Raises
        ------
        ActionUnavailable
            The server is away; what was logged stays, and the next call goes on.
        """
        runs = self._registry.runs(model)
        newest_version = max(found, key=lambda name: found[name].points[-1].at, default="")
        done = []
        for version, points in sorted(found.items()):
            wanted = report if version == newest_version else None
            done.append(self._export_version(version, points, alerts, runs, wanted, dry_run=dry_run))
        return done

    def _export_version(
        self,
        version: str,
        points: Points,
        alerts: Sequence[Alert],
        runs: Mapping[str, str],
        report: Path | None,
        *,
        dry_run: bool,
    ) -> VersionExport:
        count = len(points.points)
        if not version:
            return VersionExport("", points=count, skipped="no version is known to have served then: name one")
        if version not in runs:
            return VersionExport(version, points=count, skipped="MLflow's registry has no such version")
        run_id = runs[version]
        if not run_id:
            return VersionExport(version, points=count, skipped="it was registered without a run")
        with self._registry.translated():
            run = self._run(run_id)
            if run is None or run.info.lifecycle_stage != "active":
                return VersionExport(version, run_id, points=count, skipped="its run was deleted: restore it in MLflow")
            new = list(self._new(run, points.points))
            url = f"{self._registry.address}/#/experiments/{run.info.experiment_id}/runs/{run_id}"
            if not dry_run:
                for start in range(0, len(new), BATCH):
                    self._client.log_batch(run_id, metrics=new[start : start + BATCH])
                self._write_tags(run, points.last, alerts)
                if report is not None:
                    self._client.log_artifact(run_id, str(report), "driftlog")
        kept = report is not None and not dry_run
        return VersionExport(version, run_id, url, count, len(new), count - len(new), kept)

    def _run(self, run_id: str) -> Run | None:
        from mlflow.exceptions import MlflowException

        try:
            return self._client.get_run(run_id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def _new(self, run: Run, points: Sequence[Point]) -> Iterator[Metric]:
        """What the run does not have; asks for the history of a key only where it may have it."""
        from mlflow.entities import Metric

        latest = {metric.key: metric.step for metric in run.data._metric_objs}
        histories: dict[str, dict[int, Metric]] = {}
        for point in points:
            at = int(point.at.timestamp() * 1000)
            before: Any = None
            if point.step <= latest.get(point.key, -1):
                if point.key not in histories:
                    histories[point.key] = self._history(run.info.run_id, point.key)
                before = histories[point.key].get(point.step)
            if before is None:
                yield Metric(point.key, point.value, at, point.step)
            elif before.value != point.value:
                yield Metric(point.key, point.value, max(at, before.timestamp + 1), point.step)

    def _history(self, run_id: str, key: str) -> dict[int, Metric]:
        """The point that counts at each step: the one with the latest time stamp."""
        found: dict[int, Metric] = {}
        for metric in self._client.get_metric_history(run_id, key):
            if metric.step not in found or metric.timestamp >= found[metric.step].timestamp:
                found[metric.step] = metric
        return found

    def _write_tags(self, run: Run, last: Sequence[Measurement], alerts: Sequence[Alert]) -> None:
        """What people look for, where it changed."""
        if not last:
            return
        worst = max(SEVERITY[m.verdict] for m in last)
        tags = {
            f"{_TAG}.status": LEVELS[worst],
            f"{_TAG}.window": last[-1].window.label(),
            f"{_TAG}.environment": last[-1].environment,
            f"{_TAG}.model": last[-1].model,
            f"{_TAG}.alerts": ", ".join(alert.handle for alert in alerts if alert.status in ACTIVE)[:5000] or "none",
        }
        for key, value in tags.items():
            if value and run.data.tags.get(key) != value:
                self._client.set_tag(run.info.run_id, key, value)
