"""Training by an MLflow project: ``mlflow run`` as a command, with driftlog's placeholders as its parameters."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from driftlog.contract.errors import ActionFailed
from driftlog.contract.maintaining import ExecutorSettings, RegistrySettings

PARAMETERS: Final = ("data", "output", "version")
CREDENTIALS: Final = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
TRACKING: Final = "MLFLOW_TRACKING_URI"


def project_settings(settings: ExecutorSettings) -> ExecutorSettings:
    """The command that runs the project `settings.command`: its folder or Git address, then options of ``mlflow run``.

    Without ``-P`` among them the project gets the parameters data, output and version. The tracking server and its
    credentials reach it by their variables.

    >>> made = project_settings(ExecutorSettings(kind="mlflow_project", command=("training", "--env-manager", "local")))
    >>> made.command[1:6], made.command[-2:]
    (('-m', 'mlflow', 'run', 'training', '--env-manager'), ('-P', 'version={version}'))
    """
    if not settings.command:
        raise ActionFailed(
            "the executor names no MLflow project", remedy="write its folder or Git address into executor.command"
        )
    return msgspec.structs.replace(
        settings,
        command=(sys.executable, "-m", "mlflow", "run", *settings.command, *_parameters(settings.command)),
        environment=(*settings.environment, TRACKING, *CREDENTIALS),
    )


def _parameters(command: Sequence[str]) -> list[str]:
    if any(argument.startswith(("-P", "--param-list")) for argument in command):
        return []
    return [part for name in PARAMETERS for part in ("-P", f"{name}={{{name}}}")]


def project_environ(registry: RegistrySettings, environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` with the tracking server of the settings."""
    return {**environ, **({TRACKING: registry.tracking_uri} if registry.tracking_uri else {})}
