"""What one look of the maintenance loop works with, and the audit entries it leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from driftlog.contract.audit import AuditAction, AuditEntry, Recorder
from driftlog.contract.maintenance import Deployer, Executor, Exporter, LoopState, ModelVersion, Registry, Scorer
from driftlog.contract.settings import ModelSettings
from driftlog.store.client import Store
from driftlog.worker.memory import Memory


@dataclass(frozen=True, slots=True)
class Loop:
    """One look at one model.

    Attributes
    ----------
    executor, score
        None: nothing trains, nothing scores; the decision says so.
    folder
        Where training data, what was trained, and the rows of trials are kept.
    term
        Of the lease: whoever lost it cannot move the loop.
    """

    store: Store
    settings: ModelSettings
    registry: Registry
    executor: Executor | None
    deployer: Deployer
    recorder: Recorder | None
    export: Exporter
    score: Scorer | None
    folder: Path
    term: int
    now: datetime
    worker_id: str = ""
    memory: Memory = field(default_factory=Memory)

    @property
    def model(self) -> str:
        return self.settings.name

    @property
    def environment(self) -> str:
        return self.settings.environment

    def candidate(self, state: LoopState) -> ModelVersion | None:
        """The version that is on its way, or was last."""
        return self.registry.get(self.model, state.version) if state.version else None

    def audit(
        self, action: AuditAction, object: str, summary: str, *, key: str, actor: str = "", **details: Any
    ) -> None:
        """Record once what `key` names."""
        if self.recorder is None:
            return
        self.recorder.record(
            AuditEntry(
                action=action,
                object=object,
                actor=actor or f"worker {self.worker_id}".strip(),
                model=self.model,
                environment=self.environment,
                at=self.now,
                summary=summary[:1000],
                details=details,
                key=f"maintain|{self.model}|{self.environment}|{key}",
            )
        )
