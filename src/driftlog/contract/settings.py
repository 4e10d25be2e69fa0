"""Settings, as frozen values. `driftlog.config` makes them from file and environment; nobody else reads either."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import msgspec

from driftlog.contract.alerting import AlertSettings, ObjectiveSettings
from driftlog.contract.auditing import AuditSettings, JanitorSettings, RetentionSettings, ReviewSettings
from driftlog.contract.events import Task
from driftlog.contract.exporting import ExportSettings
from driftlog.contract.kibana import KibanaSettings
from driftlog.contract.maintaining import MaintainSettings
from driftlog.contract.names import Period, check_model_name, check_prefix
from driftlog.contract.notifying import NotificationSettings
from driftlog.contract.payloads import PayloadSettings
from driftlog.contract.source import SourceSettings
from driftlog.contract.strict import Secret, Strict
from driftlog.contract.surveying import FeedbackSettings, LabellingSettings, SurveySettings

__all__ = [
    "CellValue",
    "CostSettings",
    "ElasticsearchSettings",
    "ExperimentSettings",
    "IntakeSettings",
    "LocalSettings",
    "ModelSettings",
    "Secret",
    "Settings",
    "ThresholdSettings",
    "UserMetricSettings",
    "WorkerSettings",
]


class ElasticsearchSettings(Strict, frozen=True):
    """How to reach Elasticsearch; API key or user and password, never both."""

    urls: tuple[str, ...] = ("http://127.0.0.1:9287",)
    api_key: Secret | None = None
    username: str | None = None
    password: Secret | None = None
    ca_certs: str | None = None
    verify_certs: bool = True
    timeout_s: float = 30.0


class LocalSettings(Strict, frozen=True):
    """The local Elasticsearch of one machine."""

    port: int = 9287
    heap: str = "1g"
    home: str | None = None
    distribution: str | None = None
    secure: bool = False


class IntakeSettings(Strict, frozen=True):
    """The single-machine stand-in for Logstash."""

    host: str = "127.0.0.1"
    http_port: int = 9280
    tcp_port: int | None = 9281
    max_body_bytes: int = 20_971_520
    max_event_bytes: int = 10_485_760
    max_pending_bytes: int = 67_108_864
    """Bytes accepted and not yet stored; above it the answer is 429 with Retry-After."""
    max_age: timedelta | None = timedelta(days=730)
    """Older events are quarantined; None accepts any age (imports, the demo)."""
    max_ahead: timedelta = timedelta(minutes=5)
    max_features: int = 1000
    auto_register: bool = True
    auto_register_limit: int = 20
    username: str | None = None
    password: Secret | None = None
    api_key: Secret | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    allow_open: bool = False
    """Listen on other than loopback addresses without credentials (and with TCP, which has none)."""


class ThresholdSettings(Strict, frozen=True):
    """One threshold; the first whose `metric` and `field` match a measurement judges it.

    Attributes
    ----------
    metric, field, segment
        Shell patterns. A segment's measurements are judged only by thresholds that name segments (``*``: the whole
        model and all of them).
    kind
        ``constant``: `warning` and `critical` are limits. ``relative``: they are allowed differences from the
        reference's value (0.05 = 0.05 worse in `direction`; with `share` true 5 % worse). ``default_drift``: the
        rule of effect floor and reference chunks. ``quantile``: `warning` and `critical` are quantiles of the metric's
        own history (0.99 with direction above). ``seasonal``: they are standard deviations from the same hour of the
        week. ``anomaly``: they are robust standard deviations (of the median absolute deviation) from the median of the
        same hour of the week. ``none``: not judged.
    direction
        The bad side; ``both`` for ``anomaly`` only.
    info, warning, critical
        What lies beyond them has that severity; `info` is worth knowing, and no more. ``anomaly`` has limits of its own
        where none is given.
    floor
        Smallest effect that counts: of ``default_drift`` as it is, of ``anomaly`` as a share of the median.
    purpose
        Shell pattern of the measurement's purpose; empty: every one but ``estimation_error``, whose values are
        differences under the metric's name. Uncalibrated estimates are judged only by thresholds that name their
        purpose.
    of_windows
        (N, M): N of the last M windows in breach before an alert opens.
    clear
        Hysteresis: an open alert is resolved only by a value that is not beyond this level, written as `warning` is.
    """

    metric: str
    field: str = "*"
    segment: str = ""
    purpose: str = ""
    kind: Literal["constant", "relative", "default_drift", "quantile", "seasonal", "anomaly", "none"] = "constant"
    direction: Literal["above", "below", "both"] = "above"
    info: float | None = None
    warning: float | None = None
    critical: float | None = None
    share: bool = False
    floor: float = 0.05
    of_windows: tuple[int, int] = (1, 1)
    clear: float | None = None


class CellValue(Strict, frozen=True):
    """What one outcome of a cell of the confusion matrix is worth; costs are negative.

    `actual` and `predicted` are labels, or ``*`` for any; the first line that fits counts.
    """

    actual: str
    predicted: str
    value: float


class CostSettings(Strict, frozen=True):
    """Prices of what a model uses; 0 leaves a part out."""

    currency: str = "EUR"
    cpu_hour: float = 0.0
    """Of one busy core."""
    gpu_hour: float = 0.0
    """Of one busy GPU."""
    memory_gb_hour: float = 0.0
    idle_after: timedelta = timedelta(days=7)
    """A serving process without predictions for this long is idle."""
    cores: float = 0.0
    """Cores its processes may use, for headroom; 0: what the samples show."""


class ExperimentSettings(Strict, frozen=True):
    """A randomised comparison of variants (``model.variant``).

    Attributes
    ----------
    control, treatments
        Variants. `shares` are the shares of subjects they were meant to get, control first (empty: equal).
    target
        ``accuracy`` (correct or not), ``outcome.actual_value``, ``outcome.absolute_error``, ``feedback.rating``, or
        any numeric or boolean ``features.*`` / ``prediction.*`` field.
    kind
        binary: two proportions. numeric: Welch. Means are over subjects (``subject.id``), not predictions.
    direction
        above: more is better.
    end
        Fixed horizon; until then only the sequential result may be acted on.
    minimum_effect
        Absolute difference worth finding; for planning and for the sequential test's mixing variance.
    """

    name: str
    control: str
    treatments: tuple[str, ...]
    target: str = "accuracy"
    kind: Literal["binary", "numeric"] = "binary"
    direction: Literal["above", "below"] = "above"
    start: str = ""
    end: str = ""
    shares: tuple[float, ...] = ()
    minimum_effect: float = 0.01
    alpha: float = 0.05
    power: float = 0.8


class UserMetricSettings(Strict, frozen=True):
    """A metric of the user's own.

    Attributes
    ----------
    function
        ``module:function``, called with a `PredictionProfile` and the window's outcome profiles (over: profile) or
        with a pandas DataFrame of at most `rows` rows (over: frame); returns a number or None.
    aggregation
        Elasticsearch aggregation as JSON (over: aggregation), run over the window's predictions or outcomes;
        `path` leads to its number, such as ``late.doc_count``.
    """

    name: str
    over: Literal["profile", "frame", "aggregation"] = "profile"
    function: str = ""
    aggregation: str = ""
    path: str = ""
    of: Literal["predictions", "outcomes"] = "predictions"
    rows: int = 10_000
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None


class ModelSettings(Strict, frozen=True):
    """One model. Durations are written ``15m``, ``1h``, ``1d``, ``1w`` in the file.

    Attributes
    ----------
    bucket
        What is counted at once; divides a day.
    window
        What is judged; whole days and weeks are local to `timezone`.
    cycle
        How often the worker looks at the model.
    look_back
        Windows that ended longer ago than this are frozen: late events and labels no longer re-open them.
    wait
        A window is judged this long after its end (clock skew, queues).
    min_maturity
        Share of truths a window needs before its performance is judged; below it results are marked ``immature``.
    min_rows
        Fewer rows: ``insufficient_data``.
    features, categorical
        Names to watch (empty: all in the reference), and which of them are categorical although numeric.
    segments
        Fields (names of features) whose values are watched apart; several fields together are one crossing.
    protected
        Those of `segments` (single fields) between which fairness is measured.
    """

    name: str
    environment: str = "production"
    task: Task = "binary"
    positive_label: str = "1"
    decision_threshold: float = 0.5
    features: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    bucket: timedelta = timedelta(hours=1)
    window: timedelta = timedelta(days=1)
    timezone: str = "UTC"
    cycle: timedelta = timedelta(minutes=5)
    wait: timedelta = timedelta(0)
    look_back: timedelta = timedelta(days=90)
    min_maturity: float = 0.8
    min_rows: int = 30
    drift_measures: tuple[str, ...] = ("kolmogorov_smirnov", "total_variation")
    """The judged effect size: the first for numeric fields, the second for categorical ones."""
    report_measures: tuple[str, ...] = ()
    """Further drift measures stored with every window, not judged by default."""
    thresholds: tuple[ThresholdSettings, ...] = ()
    correction: Literal["benjamini_hochberg", "holm", "bonferroni", "none"] = "benjamini_hochberg"
    """How i.i.d. p-values of one family are adjusted."""
    joint_measures: tuple[str, ...] = ()
    """Measures on whole rows: ``domain_classifier_auc``, ``pca_reconstruction``; they read a random sample."""
    joint_rows: int = 5000
    """Rows read of a window for joint measures and row models."""
    segments: tuple[tuple[str, ...], ...] = ()
    max_segments: int = 20
    """Values of one segmentation that are watched, the most frequent of the reference first."""
    min_segment_rows: int = 100
    """Smaller segments are not ranked."""
    protected: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    """Text features, watched by derived numbers (length, words, share of unseen tokens)."""
    concept_detectors: tuple[str, ...] = ("adwin", "ddm")
    """Detectors over the outcomes in event-time order; informational."""
    concept_replay: timedelta = timedelta(weeks=13)
    """Detectors start afresh at each multiple of this, so that a replay is bounded."""
    estimate: bool = True
    """Estimate performance without labels where the reference has outcomes."""
    quantile: float | None = None
    """Regression: the quantile that the model predicts; None: the mean."""
    business_value: tuple[CellValue, ...] = ()
    business_unit: str = ""
    metrics: tuple[UserMetricSettings, ...] = ()
    experiments: tuple[ExperimentSettings, ...] = ()
    cost: CostSettings = msgspec.field(default_factory=CostSettings)
    owner: str = ""
    service: str = ""
    """``service.name`` of its serving processes, for resources; empty: any."""
    objectives: tuple[ObjectiveSettings, ...] = ()
    alerts: AlertSettings = msgspec.field(default_factory=AlertSettings)
    survey: SurveySettings = msgspec.field(default_factory=SurveySettings)
    labelling: LabellingSettings = msgspec.field(default_factory=LabellingSettings)
    maintain: MaintainSettings = msgspec.field(default_factory=MaintainSettings)
    review: ReviewSettings = msgspec.field(default_factory=ReviewSettings)
    payloads: PayloadSettings = msgspec.field(default_factory=PayloadSettings)
    """How predictions are read from what Seldon Core and KServe log."""
    source: SourceSettings = msgspec.field(default_factory=SourceSettings)
    """Predictions in an index of the user's own."""

    def __post_init__(self) -> None:
        check_model_name(self.name, where="models.name")


class WorkerSettings(Strict, frozen=True):
    """The worker process."""

    id: str = ""
    lease: timedelta = timedelta(seconds=30)
    overlap: timedelta = timedelta(minutes=2)
    """How far before its cursor a worker looks again for newly ingested events."""


class Settings(Strict, frozen=True):
    """Everything."""

    prefix: str = "driftlog"
    period: Period = "month"
    elasticsearch: ElasticsearchSettings = msgspec.field(default_factory=ElasticsearchSettings)
    local: LocalSettings = msgspec.field(default_factory=LocalSettings)
    intake: IntakeSettings = msgspec.field(default_factory=IntakeSettings)
    worker: WorkerSettings = msgspec.field(default_factory=WorkerSettings)
    notifications: NotificationSettings = msgspec.field(default_factory=NotificationSettings)
    feedback: FeedbackSettings = msgspec.field(default_factory=FeedbackSettings)
    audit: AuditSettings = msgspec.field(default_factory=AuditSettings)
    retention: RetentionSettings = msgspec.field(default_factory=RetentionSettings)
    janitor: JanitorSettings = msgspec.field(default_factory=JanitorSettings)
    export: ExportSettings = msgspec.field(default_factory=ExportSettings)
    kibana: KibanaSettings = msgspec.field(default_factory=KibanaSettings)
    models: tuple[ModelSettings, ...] = ()

    def __post_init__(self) -> None:
        check_prefix(self.prefix)
