"""Records driftlog keeps about its own work: registered models, run records, findings of the doctor."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from driftlog.contract.window import Window


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A registered model; only registered models get an index."""

    name: str
    task: str = ""
    owner: str = ""
    description: str = ""
    registered: datetime
    registered_by: str = ""
    """``configuration``, ``import``, ``demo`` or ``auto_register``."""


class RunRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one cycle over one model did.

    `durations_ms` by stage: discover, join, profile, load, evaluate, decide, write. `event_to_result_s` is the time
    from the newest ingested event to the written result; None when there was nothing new.
    """

    id: str
    worker: str
    model: str
    environment: str = ""
    started: datetime
    finished: datetime
    as_of: datetime
    status: Literal["ok", "failed", "skipped"]
    error: str = ""
    term: int = 0
    buckets: int = 0
    outcomes: int = 0
    windows: int = 0
    measurements: int = 0
    alerts_opened: int = 0
    alerts_updated: int = 0
    alerts_resolved: int = 0
    event_to_result_s: float | None = None
    durations_ms: dict[str, float] = {}
    windows_evaluated: tuple[Window, ...] = ()


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of `driftlog doctor`."""

    check: str
    status: Literal["ok", "warning", "problem"]
    message: str
    remedy: str = ""
