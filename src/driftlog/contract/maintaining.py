"""Settings of the maintenance loop: when to retrain, how, what a candidate must prove, how it goes live."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from driftlog.contract.strict import Strict


class TriggerSettings(Strict, frozen=True):
    """When to retrain; each that is set can start it.

    Attributes
    ----------
    schedule
        Cron (five fields, in the model's time zone).
    degraded
        Alerts of purpose performance (or estimated_performance) that are open and at least this severe.
    drifted
        (N, M): data drift in breach in N of the last M windows.
    new_labels
        Labelled predictions since the data of the newest training ended.
    estimated_loss
        Business value lost against the reference since the champion was promoted, in `business_unit`.
    """

    schedule: str = ""
    degraded: Literal["", "warning", "critical"] = ""
    drifted: tuple[int, ...] = ()
    new_labels: int | None = None
    estimated_loss: float | None = None


class ConditionSettings(Strict, frozen=True):
    """What must hold before a retraining starts."""

    min_labels: int = 1000
    """Labelled predictions in the training window."""
    cooldown: timedelta = timedelta(days=7)
    """After the last training run."""
    budget: int = 4
    """Training runs in `budget_period`."""
    budget_period: timedelta = timedelta(days=30)
    quiet_hours: str = ""
    """``22:00-06:00`` in the model's time zone: nothing is started or deployed then."""
    approval: tuple[str, ...] = ("promote",)
    """Steps that wait for a person: retrain, promote, rollback."""


class ExecutorSettings(Strict, frozen=True):
    """What trains.

    Attributes
    ----------
    command
        Argument list, no shell; {data}, {output}, {version}, {model}, {from}, {to} are filled in.
    environment
        Names of variables the command may see, besides PATH, HOME and LANG.
    url, headers, body
        HTTP dispatch; values may hold ``${VARIABLE}``, read when it is sent.
    status_url
        Where the state of a dispatched run is read (GET, with `headers`); ``{remote}`` is the id that the dispatch was
        answered with. Empty: the CI job tells by ``driftlog versions register``.
    """

    kind: Literal["", "command", "http", "mlflow_project", "incremental"] = ""
    command: tuple[str, ...] = ()
    working_folder: str = ""
    environment: tuple[str, ...] = ()
    time_limit: timedelta = timedelta(hours=6)
    url: str = ""
    headers: tuple[str, ...] = ()
    body: str = ""
    status_url: str = ""
    window: timedelta = timedelta(days=90)
    """Labelled data handed to the training: this long, up to `hold_back` before now."""
    hold_back: timedelta | None = None
    """The newest data is kept for the trial, which never uses rows the candidate was trained on; none: as long as
    ``validation.window``. 0s: trained up to now, the trial waits for new labels."""
    score: tuple[str, ...] = ()
    """Argument list that scores rows with a candidate: ``{input}`` and ``{output}`` are CSV files."""


class ValidationSettings(Strict, frozen=True):
    """What a candidate must prove against the champion on the same labelled rows."""

    metric: str = ""
    """Empty: roc_auc for classifiers with scores, accuracy, or rmse."""
    window: timedelta = timedelta(days=28)
    min_rows: int = 500
    margin: float = 0.0
    """By how much it must be better; negative: not worse by more than this."""
    alpha: float = 0.05
    guards: tuple[str, ...] = ()
    """Metrics that may not become worse by more than `guard_margin` where that is more than chance."""
    guard_margin: float = 0.02
    segment_margin: float = 0.05
    """No segment may become worse by more, where that is more than chance (over all segments together)."""
    schedule: str = ""
    """Cron of the validation of the served model on `labelled_set`."""
    labelled_set: str = ""
    """CSV or Parquet file with features, and the truth in column ``actual``."""


class PromotionSettings(Strict, frozen=True):
    """How a candidate goes live, and what is watched afterwards."""

    steps: tuple[Literal["shadow", "share", "full"], ...] = ("full",)
    share: float = 0.1
    step_time: timedelta = timedelta(days=7)
    command: tuple[str, ...] = ()
    """Deploy hook: argument list with ``{model}``, ``{version}``, ``{uri}``, ``{step}``, ``{share}``."""
    environment: tuple[str, ...] = ()
    """Names of variables that `command` may see, besides PATH, HOME and LANG."""
    url: str = ""
    """Deploy hook: gets the same as JSON by POST."""
    headers: tuple[str, ...] = ()
    time_limit: timedelta = timedelta(minutes=10)
    watch: timedelta = timedelta(days=14)
    watch_window: timedelta = timedelta(days=28)
    """What is judged in the watch: this long at most, up to now."""
    rollback_on: tuple[str, ...] = ()
    """Metrics whose fall (or rise) below what the version replaced brings it back; empty: `validation.metric`."""
    rollback_margin: float = 0.02
    rollback_alpha: float = 0.05
    """One-sided level of each look; smaller: fewer rollbacks by chance, and later ones where they are due."""


class RegistrySettings(Strict, frozen=True):
    """Where versions are kept; the embedded one keeps files in `folder`."""

    kind: Literal["embedded", "mlflow"] = "embedded"
    folder: str = ""
    tracking_uri: str = ""
    name: str = ""
    """Registered model; empty: the model's name."""
    repository: str = ""
    """Folder of the training code, for commit, tag and dirty state."""


class MaintainSettings(Strict, frozen=True):
    """The maintenance loop of one model; with no trigger set it only looks and says what it sees."""

    mode: Literal["off", "advise", "act"] = "off"
    triggers: TriggerSettings = TriggerSettings()
    conditions: ConditionSettings = ConditionSettings()
    executor: ExecutorSettings = ExecutorSettings()
    validation: ValidationSettings = ValidationSettings()
    promotion: PromotionSettings = PromotionSettings()
    registry: RegistrySettings = RegistrySettings()
