"""A run to train, and waiting for what happens in other processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from driftlog.contract.maintenance import TrainingRun
from driftlog.contract.window import Window

WINDOW = Window(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))


def make_run(**changes: object) -> TrainingRun:
    given: dict[str, object] = {
        "id": "churn-run-1",
        "model": "churn",
        "environment": "production",
        "decision_id": "churn|production|7",
        "executor": "command",
        "status": "starting",
        "started": datetime(2026, 7, 2, tzinfo=UTC),
        "data": WINDOW,
        "version": "v2",
    }
    return TrainingRun(**{**given, **changes})  # type: ignore[arg-type]


def until(condition: Callable[[], object], *, seconds: float = 60.0) -> None:
    """Wait until `condition` holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    """Whether no such process runs; one that nobody has reaped yet does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def environ(**more: str) -> Mapping[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **more}
