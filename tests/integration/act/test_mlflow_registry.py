"""The MLflow registry, against a real MLflow server: aliases, metrics, tags, files, links, and a server in trouble."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from tests.integration.act.mlflow_server import mlflow_server
from tests.unit.act.receiver import receiver
from tests.unit.act.runs import make_run, until
from tests.unit.act.test_moves import Crash, Fragile, Hook

from driftlog.act.executors.executor import build_executor
from driftlog.act.versions.mlflow_registry import DEFAULTS, MlflowRegistry
from driftlog.act.versions.moves import promote, rollback
from driftlog.act.versions.registry import build_registry
from driftlog.contract.errors import (
    ActionFailed,
    ActionUnavailable,
    ConfigError,
    NameRefused,
    UsageError,
    VersionUnusable,
)
from driftlog.contract.maintaining import ExecutorSettings, MaintainSettings, RegistrySettings
from driftlog.contract.maintenance import GitState, ModelVersion
from driftlog.contract.window import Window

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]

START = datetime(2026, 7, 1, tzinfo=UTC)
GIVEN = ModelVersion(
    model="churn",
    version="v1",
    status="candidate",
    created=START,
    created_by="worker w1",
    git=GitState(commit="a" * 40, branch="main", tag="v1.0", remote="https://git.example.org/churn.git"),
    data=Window(START, START + timedelta(days=90)),
    data_rows=4711,
    data_digest="d" * 64,
    reference_id="ref-1",
    metrics={"roc_auc": 0.75, "accuracy": 0.9},
    decision_id="churn|production|7",
    run_id="churn-run-1",
    note="ä first one",
)


@pytest.fixture(scope="module", autouse=True)
def quick_retries() -> Iterator[None]:
    """MLflow's own variables, as found afterwards; one retry instead of three."""
    names = (*DEFAULTS, "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "MLFLOW_TRACKING_TOKEN")
    before = {name: os.environ.get(name) for name in names}
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"
    yield
    for name, value in before.items():
        os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as url:
        yield url


@pytest.fixture
def registry(server, request) -> MlflowRegistry:
    """A registered model of the test's own."""
    settings = RegistrySettings(kind="mlflow", tracking_uri=server, name=f"churn-{request.node.name[:40]}")
    made = build_registry(MaintainSettings(registry=settings), Path("unused"), environ={})
    assert isinstance(made, MlflowRegistry)
    return made


@pytest.fixture
def files(tmp_path) -> str:
    folder = tmp_path / "output"
    (folder / "sub").mkdir(parents=True)
    (folder / "model.txt").write_text("weights")
    (folder / "sub" / "edges.json").write_text("[1, 2]")
    return str(folder)


def named(version: str, day: int = 0) -> ModelVersion:
    return ModelVersion(model="churn", version=version, status="candidate", created=START + timedelta(days=day))


def client(server: str):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=server, registry_uri=server)


def test_a_version_is_given_back_and_linked_both_ways(registry, server, files, request):
    """Its run in MLflow has the metrics, the decision, Git and data; the record has the run's page."""
    assert registry.champion("churn") is None
    kept = registry.register(GIVEN, files)
    assert msgspec.structs.replace(kept, uri="", run_url="", digest="") == GIVEN
    name = f"churn-{request.node.name[:40]}"
    assert kept.uri == f"models:/{name}/1"
    assert registry.get("churn", "v1") == kept == registry.list("churn")[0]
    mlflow = client(server)
    version = mlflow.get_model_version(name, "1")
    run = mlflow.get_run(version.run_id)
    assert run.data.metrics == {"roc_auc": 0.75, "accuracy": 0.9}
    assert run.data.tags["driftlog.decision"] == "churn|production|7"
    assert run.data.tags["mlflow.source.git.commit"] == "a" * 40
    assert kept.run_url == f"{server}/#/experiments/{run.info.experiment_id}/runs/{version.run_id}"
    expected = {
        "driftlog.git.commit": "a" * 40,
        "driftlog.git.tag": "v1.0",
        "driftlog.git.dirty": "false",
        "driftlog.data.from": "2026-07-01T00:00:00+00:00",
        "driftlog.data.rows": "4711",
        "driftlog.reference": "ref-1",
        "driftlog.digest": kept.digest,
        "driftlog.training_run": "churn-run-1",
    }
    assert expected.items() <= version.tags.items()
    assert mlflow.get_model_version_by_alias(name, "challenger").version == version.version
    paths = sorted(each.path for each in mlflow.list_artifacts(version.run_id, "model"))
    assert paths == ["model/model.txt", "model/sub"]


def test_its_files_come_back_and_are_checked(registry, files, tmp_path):
    """Downloaded once; what is not what was registered is refused."""
    kept = registry.register(named("v1"), files)
    folder = registry.fetch(kept, tmp_path / "fetched")
    assert (folder / "sub" / "edges.json").read_text() == "[1, 2]"
    assert registry.fetch(kept, tmp_path / "fetched") == folder
    with pytest.raises(VersionUnusable, match="not those that were registered"):
        registry.fetch(msgspec.structs.replace(kept, digest="0" * 64), tmp_path / "other")
    assert [path.name for path in (tmp_path / "other" / "churn").iterdir()] == []


def test_registering_again_changes_nothing(registry, files):
    """Other files under the same name are refused; names are checked before anything is sent."""
    kept = registry.register(named("v1"), files)
    assert registry.register(named("v1"), files) == kept
    (Path(files) / "model.txt").write_text("other")
    with pytest.raises(UsageError, match="a version v1 with other files"):
        registry.register(named("v1"), files)
    with pytest.raises(NameRefused):
        registry.register(named("../v2"), files)
    assert len(registry.list("churn")) == 1


def test_a_registration_that_was_interrupted_goes_on(registry, server, files, monkeypatch):
    """The run that a crash left behind is used, not made again."""
    mlflow = registry._client
    monkeypatch.setattr(mlflow, "create_model_version", _crash)
    version = named(f"interrupted-{os.getpid()}")
    with pytest.raises(Crash):
        registry.register(version, files)
    monkeypatch.undo()
    kept = registry.register(version, files)
    experiment = client(server).get_experiment_by_name("driftlog-churn").experiment_id
    runs = client(server).search_runs([experiment], f"tags.`driftlog.version` = '{version.version}'")
    assert [kept.run_url.rpartition("/")[2]] == [run.info.run_id for run in runs]


def _crash(*args, **kwargs):
    raise Crash


def test_promotion_and_rollback_move_the_aliases(registry, server, files, request):
    """As with the embedded registry, a crash in between included."""
    hook, name = Hook(), f"churn-{request.node.name[:40]}"
    for day, version in enumerate(("v1", "v2")):
        registry.register(named(version, day), files)
    promote(registry, hook, registry.get("churn", "v1"), at=START)
    with pytest.raises(Crash):
        promote(Fragile(registry, 1), hook, registry.get("churn", "v2"), at=START + timedelta(days=3))
    promote(registry, hook, registry.get("churn", "v2"), at=START + timedelta(days=4))
    assert registry.champion("churn").previous == "v1"
    assert [each.status for each in registry.list("churn")] == ["retired", "champion"]
    mlflow = client(server)
    assert mlflow.get_model_version_by_alias(name, "champion").tags["driftlog.version"] == "v2"
    assert set(mlflow.get_registered_model(name).aliases) == {"champion"}
    rollback(registry, hook, "churn", at=START + timedelta(days=9), note="worse")
    assert registry.champion("churn").version == "v1"
    assert registry.get("churn", "v2").note == "worse"


def test_metrics_that_come_later_reach_the_run(registry, server, files):
    """Of the trial, for example."""
    kept = registry.register(named("v1"), files)
    registry.update(msgspec.structs.replace(kept, metrics={"trial_roc_auc": 0.71}))
    run = client(server).get_run(registry.get("churn", "v1").run_url.rpartition("/")[2])
    assert run.data.metrics == {"trial_roc_auc": 0.71}
    with pytest.raises(UsageError, match="churn has no version v9"):
        registry.update(named("v9"))


def test_versions_of_others_are_seen(registry, server, request):
    """Registered without driftlog, under MLflow's number."""
    name, mlflow = f"churn-{request.node.name[:40]}", client(server)
    mlflow.create_registered_model(name)
    run = mlflow.create_run("0")
    mlflow.create_model_version(name, f"{run.info.artifact_uri}/model", run_id=run.info.run_id, await_creation_for=0)
    mlflow.set_registered_model_alias(name, "champion", "1")
    served = registry.champion("churn")
    assert (served.version, served.status) == ("1", "champion")
    assert registry.list("churn") == [served]


def test_a_server_that_is_away_is_told(files):
    """After MLflow's own retries; try again later."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = RegistrySettings(kind="mlflow", tracking_uri=f"http://127.0.0.1:{port}")
    gone = MlflowRegistry.connect(settings, environ={})
    for ask in (lambda: gone.list("churn"), lambda: gone.champion("churn"), lambda: gone.register(GIVEN, files)):
        with pytest.raises(ActionUnavailable, match=f"MLflow server at http://127.0.0.1:{port} cannot be reached"):
            ask()


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_told_without_them(status, monkeypatch):
    """They come from MLflow's variables; the error names those, not their values."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken-5ecret")
    with receiver() as there:
        there.answer((status, {}, {"error_code": "UNAUTHENTICATED", "message": "bad t0ken-5ecret"}))
        registry = MlflowRegistry.connect(RegistrySettings(kind="mlflow", tracking_uri=there.url), environ={})
        with pytest.raises(ActionFailed, match="refused the credentials") as error:
            registry.champion("churn")
        assert there.requests[0].headers["Authorization"] == "Bearer t0ken-5ecret"
    assert not isinstance(error.value, ActionUnavailable)
    assert "MLFLOW_TRACKING_TOKEN" in error.value.remedy
    assert "5ecret" not in str(error.value)


@pytest.mark.parametrize("address", ["", "http://ada:pw@host:5000", "file:///tmp/x", "sqlite:///x.db"])
def test_addresses_that_cannot_be_used_are_refused(address):
    """None, with a password in it, or no server."""
    with pytest.raises(ConfigError, match="tracking_uri"):
        MlflowRegistry.connect(RegistrySettings(kind="mlflow", tracking_uri=address), environ={})


def test_an_mlflow_project_trains(server, tmp_path):
    """`mlflow run` with driftlog's parameters; what it logs is on the server."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "MLproject").write_text(
        "name: churn\nentry_points:\n  main:\n    parameters: {data: string, output: string, version: string}\n"
        '    command: "python train.py {data} {output} {version}"\n'
    )
    (project / "train.py").write_text(
        "import sys\nfrom pathlib import Path\nimport mlflow\n"
        "mlflow.log_metric('rows', len(open(sys.argv[1]).readlines()))\n"
        "Path(sys.argv[2]).mkdir()\nPath(sys.argv[2], 'model.txt').write_text(sys.argv[3])\n"
    )
    (tmp_path / "data.csv").write_text("a\n1\n")
    settings = MaintainSettings(
        executor=ExecutorSettings(
            kind="mlflow_project",
            command=(str(project), "--env-manager", "local", "--experiment-name", "projects"),
            time_limit=timedelta(minutes=5),
        ),
        registry=RegistrySettings(kind="mlflow", tracking_uri=server),
    )
    environ = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    executor = build_executor(settings, tmp_path, environ=environ)
    run = executor.start(make_run(), str(tmp_path / "data.csv"), str(tmp_path / "out"))
    until(lambda: executor.poll(run).status not in ("starting", "running"), seconds=240)
    assert executor.poll(run).status == "succeeded", Path(run.log).read_text()[-2000:]
    assert (tmp_path / "out" / "model.txt").read_text() == "v2"
    experiment = client(server).get_experiment_by_name("projects").experiment_id
    assert client(server).search_runs([experiment])[0].data.metrics == {"rows": 2.0}
