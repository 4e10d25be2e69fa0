"""The maintenance loop of one model with the parts its settings name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from driftlog.act.deploy.deployer import build_deployer
from driftlog.act.executors.executor import build_executor
from driftlog.act.versions.registry import build_registry
from driftlog.contract.audit import Recorder
from driftlog.contract.maintenance import Decision
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.store.client import Store
from driftlog.store.decisions import read_state
from driftlog.worker.maintain import maintain
from driftlog.worker.memory import Memory
from driftlog.worker.score_rows import build_scorer
from driftlog.worker.training_data import export_training


def maintain_model(
    store: Store,
    settings: ModelSettings,
    *,
    folder: Path,
    recorder: Recorder | None,
    term: int,
    now: datetime,
    worker_id: str = "",
    memory: Memory | None = None,
    environ: Mapping[str, str] | None = None,
) -> Decision | None:
    """As `driftlog.worker.maintain.maintain`, with registry, executor, deploy hooks and scorer of the settings.

    Parameters
    ----------
    folder
        driftlog's own folder on this machine.

    Raises
    ------
    DriftlogError
        The registry or Elasticsearch cannot be used now; the next call goes on.
    """
    off = settings.maintain.mode == "off" and not settings.maintain.validation.schedule
    if off and read_state(store, settings.name, settings.environment).stage == "idle":
        return None
    given = os.environ if environ is None else environ
    registry = build_registry(settings.maintain, folder, environ=given)
    has_executor = bool(settings.maintain.executor.kind)
    executor = build_executor(settings.maintain, folder, registry=registry, environ=given) if has_executor else None
    scorer = (
        build_scorer(settings.maintain, folder, registry=registry, environ=given)
        if settings.maintain.executor.score
        else None
    )

    def export(window: Window, path: str) -> int:
        return export_training(store, settings, window, path).rows

    return maintain(
        store,
        settings,
        registry=registry,
        executor=executor,
        deployer=build_deployer(settings.maintain, environ=given),
        recorder=recorder,
        export=export,
        score=scorer,
        folder=folder,
        term=term,
        now=now,
        worker_id=worker_id,
        memory=memory,
    )
