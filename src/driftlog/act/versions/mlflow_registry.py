"""Versions in an MLflow model registry: one registered model a model, aliases champion and challenger.

Each version is a run (its metrics, its files below ``model``) and a model version made of it. The whole record is a tag
of the model version; what people look for stands in tags of its own. Versions that others registered there without
driftlog are seen under MLflow's number. Credentials come from the variables MLflow itself reads, and from nowhere else.
"""

from __future__ import annotations

import builtins
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from driftlog.act.files import private_folder
from driftlog.act.git import with_git
from driftlog.act.http_call import place
from driftlog.act.versions.artefacts import digest_of
from driftlog.act.versions.mlflow_tags import (
    NAME,
    RECORD,
    name_of,
    number_of,
    record_of,
    source_tags_of,
    tags_of,
    version_in,
)
from driftlog.act.versions.roles import CHALLENGING, with_role
from driftlog.contract.errors import ActionFailed, ActionUnavailable, ConfigError, UsageError, VersionUnusable
from driftlog.contract.maintaining import RegistrySettings
from driftlog.contract.maintenance import ModelVersion
from driftlog.contract.names import check_model_name, check_version_name

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
ARTEFACTS: Final = "model"
DEFAULTS: Final = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""Variables of MLflow, where they are not set: it otherwise waits for minutes for a server that is away."""
_DENIED: Final = ("UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED", "PERMISSION_DENIED")
_AWAY: Final = (
    "INTERNAL_ERROR",
    "TEMPORARILY_UNAVAILABLE",
    "REQUEST_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "DEADLINE_EXCEEDED",
)
_ABSENT: Final = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")


class MlflowRegistry:
    """The registry behind `client`.

    Parameters
    ----------
    name
        The registered model; empty: the model's own name.
    repository
        Folder of the training code; its state in Git is kept with versions that come without one.
    """

    def __init__(self, client: MlflowClient, address: str, name: str = "", *, repository: str = "") -> None:
        self._repository = repository
        self._client = client
        self._address = address.rstrip("/")
        self._name = name

    @classmethod
    def connect(cls, settings: RegistrySettings, *, environ: Mapping[str, str]) -> MlflowRegistry:
        """Nothing is sent yet.

        Raises
        ------
        ConfigError
            No address, one with credentials in it, or one that is no server.
        """
        address = settings.tracking_uri or environ.get("MLFLOW_TRACKING_URI", "")
        parts = urlsplit(address)
        where = "maintain.registry.tracking_uri"
        if parts.username or parts.password:
            raise ConfigError(
                "holds a user or password",
                path=where,
                remedy="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, instead",
            )
        if parts.scheme not in ("http", "https", "databricks"):
            raise ConfigError(
                "is no address of a tracking server",
                path=where,
                remedy="write http://host:5000, or set MLFLOW_TRACKING_URI",
            )
        for variable, value in DEFAULTS.items():
            os.environ.setdefault(variable, value)
        from mlflow import MlflowClient

        return cls(
            MlflowClient(tracking_uri=address, registry_uri=address),
            address,
            settings.name,
            repository=settings.repository,
        )

    @property
    def client(self) -> MlflowClient:
        """What it asks; calls belong inside `translated`."""
        return self._client

    @property
    def address(self) -> str:
        return self._address

    def register(self, version: ModelVersion, files: str) -> ModelVersion:
        """Upload the folder `files` and make a model version of it; repeated after a crash it goes on where it was.

        Raises
        ------
        UsageError
            There is another version of that name.
        VersionUnusable
            The files cannot be kept.
        ActionUnavailable
            The server is away.
        """
        check_version_name(version.version)
        digest = digest_of(Path(files))
        there = self.get(version.model, version.version)
        if there is not None:
            if there.digest == digest:
                return there
            raise UsageError(
                f"{version.model} has a version {version.version} with other files",
                remedy="a version is registered once; give the new one another name",
            )
        with self.translated():
            kept = msgspec.structs.replace(with_git(version, self._repository), digest=digest)
            run = self._run_of(kept)
            self._client.log_artifacts(run.info.run_id, files, ARTEFACTS)
            self._log_metrics(run.info.run_id, kept)
            self._ensure_model(version.model)
            made = self._client.create_model_version(
                self._registered(version.model),
                source=f"{run.info.artifact_uri}/{ARTEFACTS}",
                run_id=run.info.run_id,
                tags=tags_of(kept) | {RECORD: record_of(kept)},
                description=kept.note or None,
                await_creation_for=0,
            )
            first = min((each for each in self._all(version.model) if name_of(each) == version.version), key=number_of)
            if number_of(first) < number_of(made):  # somebody registered the same at the same time
                self._client.delete_model_version(made.name, made.version)
            self._write_aliases(kept, str(first.version))
        return self.get(version.model, version.version) or kept

    def list(self, model: str) -> list[ModelVersion]:
        """All versions, the oldest first."""
        with self.translated():
            champion = self._served(model)
            found = [self._version_of(model, each, champion) for each in self._all(model)]
        return sorted(found, key=lambda each: (each.created, each.version))

    def get(self, model: str, version: str) -> ModelVersion | None:
        check_version_name(version)
        with self.translated():
            found = self._find(model, version)
            return self._version_of(model, found, self._served(model)) if found is not None else None

    def champion(self, model: str) -> ModelVersion | None:
        with self.translated():
            served = self._served(model)
            return self._version_of(model, served, served) if served is not None else None

    def runs(self, model: str) -> dict[str, str]:
        """Version -> id of the run it was made of, empty where there was none."""
        with self.translated():
            found = sorted(self._all(model), key=number_of, reverse=True)
        return {name_of(each): each.run_id or "" for each in found}

    def update(self, version: ModelVersion) -> None:
        """Replace the record of `version`, log its metrics, and set the aliases its status asks for: record first.

        Raises
        ------
        UsageError
            There is no such version.
        """
        with self.translated():
            found = self._find(version.model, version.version)
            if found is None:
                raise UsageError(
                    f"{version.model} has no version {version.version} in {place(self._address)}",
                    remedy=f"driftlog versions list {version.model} shows those it has",
                )
            kept = msgspec.structs.replace(version, digest=found.tags.get("driftlog.digest", version.digest))
            before = version_in(found.tags[RECORD], found).metrics if RECORD in found.tags else {}
            if found.run_id and kept.metrics != before:
                self._log_metrics(found.run_id, kept)
            for key, value in ({RECORD: record_of(kept)} | tags_of(kept)).items():
                if found.tags.get(key) != value:
                    self._client.set_model_version_tag(found.name, found.version, key, value)
            self._write_aliases(kept, str(found.version))

    def fetch(self, version: ModelVersion, into: Path) -> Path:
        """Download the files of `version` into a folder of their own below `into`, unless they are there already.

        Raises
        ------
        VersionUnusable
            They are gone, or not what was registered.
        """
        target = into / check_model_name(version.model) / check_version_name(version.version)
        if target.is_dir() and version.digest and digest_of(target) == version.digest:
            return target
        with self.translated():
            found = self._find(version.model, version.version)
            if found is None:
                raise VersionUnusable(f"{version.model} has no version {version.version} in {place(self._address)}")
            partial = private_folder(target.with_name(f".{target.name}.{os.getpid()}"))
            try:
                self._download(found, partial)
                if version.digest and digest_of(partial / ARTEFACTS) != version.digest:
                    raise VersionUnusable(
                        f"the files of version {version.version} of {version.model} are not those that were registered",
                        remedy=f"look at {version.run_url or version.uri}, or serve another version",
                    )
                shutil.rmtree(target, ignore_errors=True)
                (partial / ARTEFACTS).rename(target)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        return target

    def _download(self, found: Any, into: Path) -> None:
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        from mlflow.artifacts import download_artifacts

        uri = self._client.get_model_version_download_uri(found.name, found.version)
        (into / ARTEFACTS).mkdir(mode=0o700)
        local = Path(download_artifacts(artifact_uri=uri, dst_path=str(into), tracking_uri=self._address))
        if local != into / ARTEFACTS:
            shutil.rmtree(into / ARTEFACTS)
            local.rename(into / ARTEFACTS)

    # Runs, tags and aliases

    def _run_of(self, version: ModelVersion) -> Any:
        """The run of this version: the one a crash left behind, or a new one."""
        name = f"driftlog-{version.model}"
        experiment = self._client.get_experiment_by_name(name)
        id = experiment.experiment_id if experiment else self._client.create_experiment(name)
        own = {
            "driftlog.registered": self._registered(version.model).replace("'", ""),
            "driftlog.digest": version.digest,
        }
        same = " and ".join(f"tags.`{key}` = '{value}'" for key, value in (own | {NAME: version.version}).items())
        found = self._client.search_runs([id], same, max_results=1)
        if found:
            return found[0]
        tags = tags_of(version) | source_tags_of(version) | own
        made = self._client.create_run(id, tags=tags, run_name=version.version)
        return self._client.get_run(made.info.run_id)

    def _log_metrics(self, run_id: str, version: ModelVersion) -> None:
        from mlflow.entities import Metric

        at = int((version.promoted or version.created).timestamp() * 1000)
        metrics = [Metric(name, value, at, 0) for name, value in sorted(version.metrics.items())]
        for start in range(0, len(metrics), 1000):
            self._client.log_batch(run_id, metrics=metrics[start : start + 1000])

    def _ensure_model(self, model: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(self._registered(model), tags={"driftlog.model": model})
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _registered(self, model: str) -> str:
        return self._name or check_model_name(model)

    def _all(self, model: str) -> Sequence[Any]:
        quoted = self._registered(model).replace("'", "")
        found: builtins.list[Any] = []
        token: str | None = None
        while True:
            page = self._client.search_model_versions(f"name='{quoted}'", max_results=1000, page_token=token)
            found.extend(page)
            token = page.token
            if not token:
                return found

    def _find(self, model: str, version: str) -> Any:
        named = [each for each in self._all(model) if name_of(each) == version]
        return min(named, key=number_of) if named else None

    def _served(self, model: str) -> Any:
        return self._by_alias(model, CHAMPION)

    def _by_alias(self, model: str, alias: str) -> Any:
        from mlflow.exceptions import MlflowException

        try:
            return self._client.get_model_version_by_alias(self._registered(model), alias)
        except MlflowException as error:
            if error.error_code in (*_ABSENT, "INVALID_PARAMETER_VALUE"):  # the latter: no such alias
                return None
            raise

    def _write_aliases(self, version: ModelVersion, number: str) -> None:
        name = self._registered(version.model)
        if version.status == "champion":
            self._client.set_registered_model_alias(name, CHAMPION, number)
        if version.status in CHALLENGING:
            self._client.set_registered_model_alias(name, CHALLENGER, number)
            return
        challenger = self._by_alias(version.model, CHALLENGER)
        if challenger is not None and str(challenger.version) == number:
            self._client.delete_registered_model_alias(name, CHALLENGER)

    def _version_of(self, model: str, found: Any, champion: Any) -> ModelVersion:
        record = found.tags.get(RECORD)
        if record is None:
            made = ModelVersion(
                model=model,
                version=name_of(found),
                status="candidate",
                created=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
                note=found.description or "",
            )
        else:
            made = version_in(record, found)
        made = msgspec.structs.replace(
            made, uri=f"models:/{found.name}/{found.version}", run_url=self._page(found) or made.run_url
        )
        if champion is None:
            return with_role(made, "", None)
        tags = champion.tags
        promoted = version_in(tags[RECORD], champion).promoted if RECORD in tags else None
        return with_role(made, name_of(champion), promoted)

    def _page(self, found: Any) -> str:
        """The run's page; the registry's, where the version came of no run."""
        if found.run_id:
            experiment = self._client.get_run(found.run_id).info.experiment_id
            return f"{self._address}/#/experiments/{experiment}/runs/{found.run_id}"
        return f"{self._address}/#/models/{quote(found.name, safe='')}/versions/{found.version}"

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Errors of MLflow and of its connections as ours."""
        from mlflow.exceptions import MlflowException
        from requests import RequestException

        try:
            yield
        except MlflowException as error:
            raise self._error(error.error_code, str(error)) from error
        except RequestException as error:
            status = getattr(error.response, "status_code", None)
            code = "UNAUTHENTICATED" if status in (401, 403) else "INTERNAL_ERROR"
            raise self._error(code, type(error).__name__) from error

    def _error(self, code: str, message: str) -> ActionFailed:
        server = f"the MLflow server at {place(self._address)}"
        if code in _DENIED:
            return ActionFailed(
                f"{server} refused the credentials ({code})",
                remedy="set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
            )
        if code in _AWAY:
            return ActionUnavailable(
                f"{server} cannot be reached or failed ({code})", remedy="it is tried again at the next look"
            )
        return ActionFailed(f"{server} refused a request: {code}: {message[:200]}", remedy="see the server's log")
