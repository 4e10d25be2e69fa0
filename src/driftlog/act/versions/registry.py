"""Which registry a model's versions are kept in, by kind."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from driftlog.act.versions.embedded import EmbeddedRegistry
from driftlog.contract.maintaining import MaintainSettings
from driftlog.contract.maintenance import ModelVersion, Registry


class FetchingRegistry(Registry, Protocol):
    """A registry that also gives back the files."""

    def fetch(self, version: ModelVersion, into: Path) -> Path:
        """Folder with the files of `version`, checked against its digest: its own, or a new one below `into`."""


def build_registry(
    settings: MaintainSettings, folder: Path, *, environ: Mapping[str, str] | None = None
) -> FetchingRegistry:
    """The registry of `settings.registry`; the embedded one is in its own folder, else in ``<folder>/versions``.

    Raises
    ------
    ConfigError
        An MLflow registry without an address.
    """
    chosen = settings.registry
    if chosen.kind == "mlflow":
        from driftlog.act.versions.mlflow_registry import MlflowRegistry

        return MlflowRegistry.connect(chosen, environ=os.environ if environ is None else environ)
    home = Path(chosen.folder).expanduser() if chosen.folder else folder / "versions"
    return EmbeddedRegistry(home, repository=chosen.repository)
