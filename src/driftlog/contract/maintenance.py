"""The maintenance loop's records: versions, decisions with their evidence, training runs, candidates on trial."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, Protocol, get_args

import msgspec

from driftlog.contract.window import Window

VersionStatus = Literal["candidate", "refused", "shadow", "share", "champion", "retired"]
Outcome = Literal[
    "no_data",
    "go_on",
    "waiting_for_data",
    "waiting_for_approval",
    "cooling_down",
    "budget_spent",
    "quiet_hours",
    "advise",
    "retrain",
    "training",
    "training_failed",
    "refuse",
    "promote",
    "watching",
    "keep",
    "rollback",
]
OUTCOMES: Final[tuple[str, ...]] = get_args(Outcome)


class GitState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The training code: full commit id, tag at it, uncommitted changes."""

    commit: str
    branch: str = ""
    tag: str = ""
    dirty: bool = False
    remote: str = ""


class ModelVersion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a model, as every registry gives it back.

    Attributes
    ----------
    uri
        Where its files are: a folder, or ``models:/name/3``.
    data
        The training data's window.
    run_url
        The registry's own page about it.
    previous
        The champion it replaced, to go back to.
    """

    model: str
    version: str
    status: VersionStatus
    created: datetime
    created_by: str = ""
    uri: str = ""
    digest: str = ""
    git: GitState | None = None
    data: Window | None = None
    data_rows: int = 0
    data_digest: str = ""
    reference_id: str = ""
    metrics: dict[str, float] = {}
    run_url: str = ""
    promoted: datetime | None = None
    retired: datetime | None = None
    previous: str = ""
    note: str = ""


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fact a decision rests on: a measurement's id, an alert's id, a count."""

    kind: Literal["measurement", "alert", "count", "time", "request", "version", "run"]
    name: str
    value: float | str | None = None
    needed: float | str | None = None
    met: bool | None = None
    object: str = ""
    """Id of the document it was read from."""


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the loop decided at one look, also when it was to do nothing.

    `missing` says what it waits for, `next_look` when it looks again.
    """

    id: str
    model: str
    environment: str
    at: datetime
    outcome: Outcome
    reason: str
    triggers: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    missing: str = ""
    next_look: datetime | None = None
    run_id: str = ""
    version: str = ""
    by: str = "driftlog"


class TrainingRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt to train; `log` is the file with its output, `version` what came of it."""

    id: str
    model: str
    environment: str
    decision_id: str
    executor: str
    status: Literal["starting", "running", "succeeded", "failed", "timed_out", "lost"]
    started: datetime
    finished: datetime | None = None
    data: Window | None = None
    data_rows: int = 0
    exit_code: int | None = None
    log: str = ""
    error: str = ""
    version: str = ""
    url: str = ""


class Comparison(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One metric of candidate and champion on the same rows.

    `difference` is candidate - champion, turned so that more is better; `lower`, `upper` its 95 % interval.
    """

    metric: str
    champion: float | None
    candidate: float | None
    difference: float | None
    lower: float | None = None
    upper: float | None = None
    p_value: float | None = None
    n: int = 0
    segment: str = ""
    passed: bool | None = None
    reason: str = ""


class Trial(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The candidate's examination."""

    id: str
    model: str
    environment: str
    champion: str
    candidate: str
    window: Window
    rows: int
    at: datetime
    passed: bool
    reason: str
    main: Comparison
    guards: tuple[Comparison, ...] = ()
    segments: tuple[Comparison, ...] = ()
    method: str = ""


class Registry(Protocol):
    """Where versions are kept: the embedded one or MLflow."""

    def register(self, version: ModelVersion, files: str) -> ModelVersion:
        """Keep `version`, whose files are in the folder `files`; with its `uri` filled in."""

    def list(self, model: str) -> list[ModelVersion]:
        """All versions, the oldest first."""

    def get(self, model: str, version: str) -> ModelVersion | None: ...

    def champion(self, model: str) -> ModelVersion | None: ...

    def update(self, version: ModelVersion) -> None:
        """Status, metrics, promoted, retired, previous, note; idempotent."""


class Executor(Protocol):
    """What trains. `start` returns at once or when done; `poll` tells how it goes, also after a restart."""

    def start(self, run: TrainingRun, data: str, output: str) -> TrainingRun: ...

    def poll(self, run: TrainingRun) -> TrainingRun: ...


class Deployer(Protocol):
    """Puts a version live, or takes it back; called again after a crash, so it must bear repetition."""

    def deploy(self, version: ModelVersion, *, step: str, share: float) -> dict[str, Any]: ...
