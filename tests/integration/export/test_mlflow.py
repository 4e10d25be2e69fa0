"""A real MLflow server: what is measured of a version is in its run, once, whatever fails and is revised."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.integration.act.mlflow_server import mlflow_server
from tests.integration.export.pushing import config_file
from tests.integration.export.seed import NOW, WINDOW, measurement, seed

from driftlog.act.mlflow_export import MlflowExporter, clean_key, in_service, points_by_version
from driftlog.act.versions.mlflow_registry import DEFAULTS, MlflowRegistry
from driftlog.cli.app import run
from driftlog.contract.errors import ActionUnavailable
from driftlog.contract.maintaining import RegistrySettings
from driftlog.contract.maintenance import ModelVersion
from driftlog.contract.measurement import Measurement
from driftlog.contract.points import step_of
from driftlog.contract.window import DAY, Window
from driftlog.store.client import Store
from driftlog.store.results import write_measurements

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]
AUC = "driftlog.production/performance/roc_auc"


@pytest.fixture(scope="module", autouse=True)
def quick_retries() -> Iterator[None]:
    """MLflow's own variables, as found afterwards; one retry instead of three."""
    before = {name: os.environ.get(name) for name in DEFAULTS}
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"
    yield
    for name, value in before.items():
        os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as url:
        yield url


class Mlflow:
    """The server, with a registered model of the test's own."""

    def __init__(self, url: str, name: str) -> None:
        from mlflow import MlflowClient

        self.url, self.name = url, name
        self.client = MlflowClient(tracking_uri=url, registry_uri=url)
        self.client.create_registered_model(name)

    def version(self, *, with_run: bool = True) -> str:
        """A version that others registered; the id of its run."""
        run_id = self.client.create_run("0").info.run_id if with_run else None
        self.client.create_model_version(self.name, "s3://bucket/model", run_id=run_id, await_creation_for=0)
        return run_id or ""

    def champion(self, number: str) -> None:
        self.client.set_registered_model_alias(self.name, "champion", number)

    def history(self, run_id: str, key: str) -> list[tuple[int, int, float]]:
        """(step, milliseconds, value), in order."""
        found = self.client.get_metric_history(run_id, key)
        return sorted((metric.step, metric.timestamp, metric.value) for metric in found)

    @property
    def exporter(self) -> MlflowExporter:
        settings = RegistrySettings(kind="mlflow", tracking_uri=self.url, name=self.name)
        return MlflowExporter(MlflowRegistry.connect(settings, environ={}))

    def export(self, measurements: list[Measurement], **more):
        exporter = self.exporter
        found = points_by_version(measurements, [], exporter.versions("churn"), **more)
        return exporter.export("churn", found, [])


@pytest.fixture
def mlflow(server, request) -> Mlflow:
    return Mlflow(server, f"churn-{request.node.name[:40]}")


def window(day: int) -> Window:
    return Window(WINDOW.start + day * DAY, WINDOW.end + day * DAY)


def auc(day: int, value: float | None, **more: object) -> Measurement:
    return measurement("churn", "roc_auc", "performance", value, window=window(day), **more)


def at(day: int) -> int:
    return int(window(day).end.timestamp() * 1000)


def test_points_are_logged_at_the_windows_ends_and_once(mlflow):
    """With the ends of their intervals; a second export, by a new process, finds them there."""
    run_id = mlflow.version()
    measurements = [auc(0, 0.8, lower=0.7, upper=0.9), auc(1, None), auc(2, 0.75, verdict="warning")]
    (first,) = mlflow.export(measurements)
    (second,) = mlflow.export(measurements)
    assert (first.version, first.run_id, first.skipped) == ("1", run_id, "")
    assert (first.logged, first.known, second.logged, second.known) == (7, 0, 0, 7)
    assert mlflow.history(run_id, AUC) == [
        (step_of(window(0)), at(0), 0.8),
        (step_of(window(2)), at(2), 0.75),
    ]
    assert [value for _, _, value in mlflow.history(run_id, f"{AUC}.lower")] == [0.7]
    tags = mlflow.client.get_run(run_id).data.tags
    assert tags["driftlog.monitoring.status"] == "warning"
    assert tags["driftlog.monitoring.window"] == window(2).label()


def test_a_revision_becomes_the_latest_value(mlflow):
    """At the same step, a millisecond later; the same value again changes nothing."""
    run_id = mlflow.version()
    mlflow.export([auc(0, 0.8), auc(1, 0.7)])
    for _ in range(2):
        mlflow.export([auc(0, 0.8), auc(1, 0.6)])
    assert mlflow.history(run_id, AUC)[1:] == [
        (step_of(window(1)), at(1), 0.7),
        (step_of(window(1)), at(1) + 1, 0.6),
    ]
    assert mlflow.client.get_run(run_id).data.metrics[AUC] == 0.6


def test_an_export_that_was_interrupted_goes_on(mlflow, monkeypatch):
    """Points of the first request are there; the second time only the rest is logged."""
    run_id = mlflow.version()
    monkeypatch.setattr("driftlog.act.mlflow_export.BATCH", 2)
    exporter = mlflow.exporter
    real, asked = exporter._client.log_batch, []

    def once(*args, **kwargs):
        asked.append(1)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(exporter._client, "log_batch", once)
    measurements = [auc(day, 0.8 - day / 100) for day in range(3)]
    with pytest.raises(KeyboardInterrupt):
        exporter.export("churn", points_by_version(measurements, [], exporter.versions("churn")), [])
    (done,) = mlflow.export(measurements)
    assert (done.logged, done.known) == (4, 2)
    assert len(mlflow.history(run_id, AUC)) == 3


def test_versions_get_what_was_measured_while_they_served(mlflow):
    """A version measured apart has its own numbers, whoever served."""
    runs = [mlflow.version(), mlflow.version()]
    mlflow.champion("2")
    mlflow.export([auc(0, 0.8), auc(1, 0.7), auc(1, 0.65, version="1"), auc(1, 0.72, version="2")])
    assert [value for _, _, value in mlflow.history(runs[0], AUC)] == [0.65]
    assert [value for _, _, value in mlflow.history(runs[1], AUC)] == [0.8, 0.72]


def test_versions_that_cannot_be_logged_to_are_told(mlflow):
    """Unknown to the registry, without a run, with a deleted run, or none known to have served."""
    deleted = mlflow.version()
    mlflow.version(with_run=False)
    mlflow.client.delete_run(deleted)
    apart = [auc(0, 0.8), *(auc(0, 0.7, version=version) for version in ("1", "2", "9"))]
    told = {each.version: each.skipped for each in mlflow.export(apart)}
    assert told == {
        "": "no version is known to have served then: name one",
        "1": "its run was deleted: restore it in MLflow",
        "2": "it was registered without a run",
        "9": "MLflow's registry has no such version",
    }
    mlflow.client.restore_run(deleted)
    (done,) = mlflow.export([auc(0, 0.8)], only="1")
    assert (done.version, done.logged) == ("1", 2)


def test_many_points_go_in_batches(mlflow):
    """Above MLflow's limit of a thousand a request."""
    run_id = mlflow.version()
    many = [
        measurement("churn", "kolmogorov_smirnov", "data_drift", 0.1, field=f"features.{number}", verdict="ok")
        for number in range(1001)
    ]
    (done,) = mlflow.export(many)
    assert done.logged == 1003
    assert len(mlflow.client.get_run(run_id).data.metrics) == 1003
    assert mlflow.client.get_run(run_id).data.metrics["driftlog.production/data_drift/share"] == 0


def test_names_that_mlflow_refuses_are_written_otherwise(mlflow):
    """And are taken by it."""
    run_id = mlflow.version()
    names = ["features.a%b", "features.a&b", "features.Größe", "features.a//b", "features." + "x" * 400]
    mlflow.export([measurement("churn", "missing_share", "quality", 0.1, field=name) for name in names])
    found = set(mlflow.client.get_run(run_id).data.metrics) - {"driftlog.production/alerts/open"}
    assert len(found) == 5
    assert clean_key("driftlog.production/quality/missing_share/features.a%b") in found


@pytest.mark.elasticsearch
def test_the_command(mlflow, store: Store, elasticsearch_url, tmp_path: Path, capsys):
    """Of a real store: a dry run logs nothing, the report is kept with the run, exit codes say what was missed."""
    seed(store, "churn")
    config = config_file(tmp_path, elasticsearch_url, store.names.prefix)
    command = ["--config", str(config), "export", "mlflow", "churn", "--tracking-uri", mlflow.url]
    command += ["--registered", mlflow.name]
    assert run(command) == 2
    assert "MLflow's registry has no version of churn" in capsys.readouterr().err
    run_id = mlflow.version()
    assert run([*command, "--dry-run", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert planned["logged"] > 10
    assert mlflow.client.get_run(run_id).data.metrics == {}
    assert run([*command, "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert (done["logged"], done["report"]) == (planned["logged"], True)
    assert mlflow.client.get_run(run_id).data.metrics[AUC] == 0.81
    paths = [each.path for each in mlflow.client.list_artifacts(run_id, "driftlog")]
    assert paths == ["driftlog/churn-production-report.html"]
    write_measurements(store, [auc(0, 0.7, computed=NOW + timedelta(hours=1))], term=1)
    assert run([*command, "--no-report"]) == 0
    assert "1 points logged" in capsys.readouterr().out
    assert run([*command, "--model-version", "7"]) == 1
    assert "version 7" in capsys.readouterr().out


def test_a_server_that_is_away_is_told():
    """After MLflow's own retries."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    settings = RegistrySettings(kind="mlflow", tracking_uri=url)
    with pytest.raises(ActionUnavailable, match="cannot be reached"):
        MlflowExporter(MlflowRegistry.connect(settings, environ={})).export("churn", {}, [])


def test_who_served_is_read_from_promotions():
    """The last one promoted by then; before the first nobody is known; without promotions the champion."""

    def made(version: str, day: int | None = None, status: str = "retired") -> ModelVersion:
        promoted = NOW + timedelta(days=day) if day is not None else None
        return ModelVersion(model="churn", version=version, status=status, created=NOW, promoted=promoted)  # type: ignore[arg-type]

    several = [made("v1", 0), made("v2", 10), made("v3")]
    days = (-1, 0, 9, 10, 99)
    assert [in_service(several, NOW + timedelta(days=day)) for day in days] == ["", "v1", "v1", "v2", "v2"]
    assert in_service([made("v1"), made("v2", status="champion")], NOW) == "v2"
    assert in_service([made("v1")], NOW) == "v1"
    assert in_service([made("v1"), made("v2")], NOW) == ""
