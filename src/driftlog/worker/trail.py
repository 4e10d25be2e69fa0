"""Where what is done is recorded, for rooms that do not know the audit trail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from driftlog.audit.chain import Chain
from driftlog.contract.audit import Recorder
from driftlog.store.client import Store


def recorder_of(store: Store, now: Callable[[], datetime]) -> Recorder:
    """The audit chain of an installation."""
    return Chain(store, now=now)
