"""What trains a model, by kind."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from driftlog.act.executors.command import CommandExecutor
from driftlog.act.executors.dispatch import DispatchExecutor
from driftlog.act.executors.mlflow_project import project_environ, project_settings
from driftlog.act.versions.registry import FetchingRegistry, build_registry
from driftlog.contract.errors import ActionFailed, ConfigError
from driftlog.contract.maintaining import ExecutorSettings, MaintainSettings
from driftlog.contract.maintenance import Executor, TrainingRun


def build_executor(
    settings: MaintainSettings,
    folder: Path,
    *,
    registry: FetchingRegistry | None = None,
    environ: Mapping[str, str] | None = None,
) -> Executor:
    """The executor of `settings.executor`.

    Parameters
    ----------
    folder
        driftlog's own on this machine; runs are kept in ``<folder>/runs``.
    registry
        Where ``{champion}`` and the versions of CI jobs are looked up; None: as `build_registry` makes it.

    Raises
    ------
    ConfigError
        No executor is set.
    """
    chosen = settings.executor
    given = os.environ if environ is None else environ
    versions = registry if registry is not None else build_registry(settings, folder, environ=given)
    runs = folder / "runs"

    def champion(model: str) -> str:
        served = versions.champion(model)
        return str(versions.fetch(served, folder / "fetched")) if served else ""

    def registered(run: TrainingRun) -> bool:
        return bool(run.version) and versions.get(run.model, run.version) is not None

    match chosen.kind:
        case "command":
            return CommandExecutor(chosen, runs, environ=given, champion=champion)
        case "mlflow_project":
            environ = project_environ(settings.registry, given)
            return CommandExecutor(project_settings(chosen), runs, environ=environ, champion=champion)
        case "incremental":
            return CommandExecutor(incremental_settings(chosen), runs, environ=given, champion=champion)
        case "http":
            return DispatchExecutor(chosen, runs, environ=given, registered=registered)
        case _:
            raise ConfigError(
                "nothing is set that could train",
                path="maintain.executor.kind",
                remedy="set it to command, for example",
            )


def incremental_settings(settings: ExecutorSettings) -> ExecutorSettings:
    """The command that feeds new labels to the served model: loader, saver, and further options of the helper.

    >>> made = incremental_settings(ExecutorSettings(kind="incremental", command=("churn:load", "churn:save")))
    >>> made.command[1:7]
    ('-m', 'driftlog.act.executors.incremental', '--load', 'churn:load', '--save', 'churn:save')
    """
    if len(settings.command) < 2:
        raise ActionFailed(
            "the incremental executor needs a loader and a saver",
            remedy="write executor.command: [module:load, module:save], and the module's folder as working_folder",
        )
    load, save, *options = settings.command
    fixed = ("--load", load, "--save", save, "--data", "{data}", "--output", "{output}", "--base", "{champion}")
    command = (sys.executable, "-m", "driftlog.act.executors.incremental", *fixed, *options)
    return msgspec.structs.replace(settings, command=command)
