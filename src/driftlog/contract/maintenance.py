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
    "rejected",
]
OUTCOMES: Final[tuple[str, ...]] = get_args(Outcome)


TRIGGERS: Final = ("schedule", "degraded", "drifted", "new_labels", "estimated_loss", "request")
"""Names of the evidence of triggers."""


MARK_VALIDATION: Final = "validation"
"""A measurement on a stated labelled set, not on what was served."""


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
    decision_id
        The decision that led to its training.
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
    decision_id: str = ""
    run_id: str = ""
    """The `TrainingRun` it came of; registries keep it, so that a run is registered once."""


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

    `missing` says what it waits for, `next_look` when it looks again. Looks that decide the same on the same UTC day
    are one record: `at` is the first of them, `until` the last, `looks` their number, the evidence that of the last.
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
    number: int = 0
    """Counts the decisions on a model in an environment; the id is made of it."""
    until: datetime | None = None
    looks: int = 1
    stage: str = "idle"
    """Where the loop stood when it decided, one of `STAGES`."""
    approval: str = ""
    """Of ``waiting_for_approval``: the step that waits for a person."""


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
    remote: str = ""
    """What a CI system calls it."""


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
    method: str = ""
    champion_error: float | None = None
    """Standard error of the champion's value."""


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
    notes: tuple[str, ...] = ()
    report: str = ""
    """File with the report as a page."""


Stage = Literal["idle", "starting", "training", "trial", "promoting", "step", "watch", "returning"]
STAGES: Final[tuple[str, ...]] = get_args(Stage)


class LoopState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the loop of one model stands; the worker that holds the model writes it, and goes on from it.

    Attributes
    ----------
    stage
        ``idle``: looks for a reason to train. ``starting``, ``training``: a run is on. ``trial``: a candidate waits for
        its trial, or for its promotion. ``promoting``: a deploy hook is at work. ``step``: a candidate runs in the
        shadow or on a share. ``watch``: a new champion is watched. ``returning``: the version before is being deployed.
    since
        Beginning of the stage.
    first
        The first look ever; a schedule does not fire for the time before.
    number, attempt
        Decisions and training runs so far.
    starts
        When runs were started, the newest last; the budget is counted on it.
    pending
        Id of the decision that waits for a person, and the step it is about.
    step
        Promotion steps taken.
    replaced
        The champion that the candidate replaces.
    paused
        A person said no at this time; the cool-down runs from here.
    validated
        The last scheduled validation.
    """

    stage: Stage = "idle"
    since: datetime | None = None
    first: datetime | None = None
    number: int = 0
    attempt: int = 0
    starts: tuple[datetime, ...] = ()
    fingerprint: str = ""
    decision_id: str = ""
    pending: str = ""
    pending_step: str = ""
    run_id: str = ""
    version: str = ""
    replaced: str = ""
    trial_id: str = ""
    step: int = 0
    paused: datetime | None = None
    validated: datetime | None = None
    trained_until: datetime | None = None
    """End of the data of the newest training."""
    taken: tuple[str, ...] = ()
    """Ids of requests that were taken up and may not be marked so yet."""


class MaintainRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person asks of the loop, kept in ``<prefix>-state``; written once by the command line.

    Attributes
    ----------
    decision_id
        Of approve and reject: the decision that waits.
    taken
        Id of the decision that took it up, written by the worker; empty: open.
    """

    id: str
    model: str
    environment: str
    kind: Literal["retrain", "approve", "reject"]
    by: str
    at: datetime
    why: str = ""
    decision_id: str = ""
    taken: str = ""


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

    def deploy(self, version: ModelVersion, *, step: str, share: float, key: str = "") -> dict[str, Any]:
        """What the hook answered; `key` names this deployment for ever (empty: version, step, share and promotion)."""


class Exporter(Protocol):
    """Writes the labelled data of a window for a training job; how many rows."""

    def __call__(self, window: Window, path: str) -> int: ...


class Scorer(Protocol):
    """Scores rows with a version.

    `rows` is a CSV file with the column ``id`` and one column a feature; `answers` becomes a CSV file with the column
    ``id`` and those of ``score``, ``label``, ``value`` and ``probability:<class>`` that the model has.
    """

    def __call__(self, version: ModelVersion, rows: str, answers: str) -> None:
        """Raises `DriftlogError` where it cannot be done."""
