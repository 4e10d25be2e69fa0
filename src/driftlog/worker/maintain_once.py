"""`driftlog maintain run`: one look at one model, under a lease of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from driftlog.audit.chain import Chain
from driftlog.contract.errors import UsageError
from driftlog.contract.maintenance import Decision
from driftlog.contract.settings import ModelSettings, Settings
from driftlog.store.client import Store
from driftlog.store.leases import LeaseBoard
from driftlog.store.local.settings import base_folder
from driftlog.worker.backfill import claim, kept
from driftlog.worker.maintain_build import maintain_model


def maintain_folder(environ: Mapping[str, str]) -> Path:
    """Where the loop keeps its files on this machine: driftlog's data folder."""
    return base_folder(environ)


def maintain_once(
    store: Store,
    settings: Settings,
    model: ModelSettings,
    *,
    now: datetime,
    worker_id: str,
    environ: Mapping[str, str],
    patience_s: float | None = None,
) -> Decision | None:
    """Look once at `model`; None where its loop is off.

    Parameters
    ----------
    patience_s
        How long to wait for a model that another worker holds; 1.5 lease times by default.

    Raises
    ------
    UsageError
        Another worker holds the model.
    """
    lease = settings.worker.lease
    board = LeaseBoard(store, worker_id, lease, time.monotonic)
    try:
        term = claim(board, model.name, patience_s if patience_s is not None else 1.5 * lease.total_seconds())
        if term is None:
            raise UsageError(f"another worker holds {model.name}", remedy="it looks by itself after each cycle")
        with kept(board, lease.total_seconds() / 3):
            return maintain_model(
                store,
                model,
                folder=maintain_folder(environ),
                recorder=Chain(store),
                term=term,
                now=now,
                worker_id=worker_id,
                environ=environ,
            )
    finally:
        board.release_all()
