"""Measurements: one number about one series in one window, with its uncertainty and, once judged, its verdict."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final, Literal, get_args

import msgspec

from driftlog.contract.window import Window

Purpose = Literal[
    "data_drift",
    "prediction_drift",
    "target_drift",
    "attribution_drift",
    "concept_drift",
    "performance",
    "estimated_performance",
    "estimation_error",
    "fairness",
    "operational",
    "quality",
    "resource",
    "integrity",
    "cost",
    "feedback",
    "custom",
]
PURPOSES: Final[tuple[str, ...]] = get_args(Purpose)
Verdict = Literal["ok", "info", "warning", "critical", "insufficient_data", "cannot_alarm", "not_judged"]
LEVELS: Final = ("ok", "info", "warning", "critical")
"""How bad, mildest first; an info is worth knowing, and no reason to call the model unwell."""
SEVERITY: Final[dict[str, int]] = {
    "not_judged": 0,
    "ok": 0,
    "insufficient_data": 0,
    "cannot_alarm": 0,
    "info": LEVELS.index("info"),
    "warning": LEVELS.index("warning"),
    "critical": LEVELS.index("critical"),
}
"""Place among `LEVELS`; above 0: beyond a limit."""

MARK_REFERENCE_TOO_SHORT: Final = "reference_too_short"
MARK_SEASON_UNSEEN: Final = "season_unseen"
MARK_NO_REFERENCE: Final = "no_reference"
MARK_IMMATURE: Final = "immature"
MARK_LESS_MATURE: Final = "less_mature"
"""Compared with a reference of which a larger share of truths had arrived."""
MARK_APPROXIMATE: Final = "approximate"
MARK_INTEGRITY: Final = "integrity"
"""The pipeline was at fault in this window: drift and performance are reported and not judged."""
MARK_UNCALIBRATED: Final = "uncalibrated"
"""An estimate whose calibration failed its check on the reference."""


class Chunks(msgspec.Struct, frozen=True):
    """How the measure varies over the reference's own chunks (leave-one-out): basis of the default drift rule.

    k chunks with mean and sample standard deviation (ddof = 1) of the effect, thinned to the window's size.
    """

    k: int
    mean: float
    sd: float


class Limit(msgspec.Struct, frozen=True, omit_defaults=True):
    """The threshold a measurement was judged by, as numbers.

    `info`, `warning` and `critical` are limits of the value on the side named by `direction`; None is not judged. A
    threshold that looks at both sides has the limits of the side on which the value lies.
    """

    kind: str
    direction: Literal["above", "below"]
    warning: float | None = None
    critical: float | None = None
    smallest_detectable: float | None = None
    """The smallest effect that would have exceeded the warning limit."""
    of_windows: tuple[int, int] = (1, 1)
    """N of the last M windows before an alert opens."""
    reason: str = ""
    info: float | None = None
    clear: float | None = None
    """An alert is resolved only by a value that is not beyond this level; None: by one within the limits."""


class Measurement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One metric of one series in one window.

    Attributes
    ----------
    metric
        Name in the registries: ``kolmogorov_smirnov``, ``roc_auc``, ``latency_p99_ms``.
    field
        Dotted field name for drift and quality (``features.distance``), else empty.
    value
        None when there was not enough data (the verdict then is ``insufficient_data``).
    lower, upper
        95 % interval or bound of the value; `method` says which.
    p_value, p_adjusted
        i.i.d. p-value and its family-adjusted form; reported, never judged alone.
    n_reference, n_current
        Rows behind the value.
    maturity
        Share of the window's predictions whose truth has arrived (performance).
    details
        Further numbers by name (expectation under no change, missing share, ...).
    revision
        1 at first, counted up by each later evaluation of the same window.
    """

    model: str
    environment: str
    metric: str
    purpose: Purpose
    window: Window
    value: float | None
    field: str = ""
    version: str = "*"
    variant: str = "*"
    segment: str = ""
    lower: float | None = None
    upper: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    n_reference: int = 0
    n_current: int = 0
    maturity: float | None = None
    method: str = ""
    unit: str = ""
    reference_id: str = ""
    reference_value: float | None = None
    chunks: Chunks | None = None
    details: dict[str, float] = {}
    marks: tuple[str, ...] = ()
    note: str = ""
    """One sentence for people: what is missing, what to do."""
    limit: Limit | None = None
    verdict: Verdict = "not_judged"
    revision: int = 1
    computed: datetime | None = None
    run_id: str = ""

    @property
    def series(self) -> str:
        """Key of the series this measurement belongs to, the same in every window."""
        return "|".join(
            (
                self.model,
                self.environment,
                self.version,
                self.variant,
                self.segment,
                self.purpose,
                self.metric,
                self.field,
            )
        )

    @property
    def id(self) -> str:
        """Deterministic document id: the series, the window and the reference."""
        text = f"{self.series}|{self.window.start.isoformat()}|{self.window.end.isoformat()}|{self.reference_id}"
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
