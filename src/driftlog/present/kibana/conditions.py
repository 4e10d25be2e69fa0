"""What rules and watches look for, each said once: documents, time window, grouping and limit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from driftlog.contract.kibana import KibanaRuleSettings
from driftlog.contract.names import IndexNames, check_prefix
from driftlog.contract.settings import ModelSettings

Query = dict[str, Any]
Comparator = Literal[">", ">=", "<"]
Severity = Literal["info", "warning", "critical"]

MOST_GROUPS: Final = 1000
"""Kibana looks at no more groups, and keeps no more alerts of one rule (unless it is set up to)."""
LOOK_BACK: Final = timedelta(days=90)
"""An alert that is not over was written again within this time, however long its model's windows are."""
WHOLE_MODEL: Final[tuple[Query, ...]] = (
    {"term": {"model.version": "*"}},
    {"term": {"model.variant": "*"}},
    {"term": {"segment": ""}},
)
NO_DATA: Final = "no_data"
"""The cause (`driftlog.decide.causes`) under which a model that falls silent is alerted on."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Documents of `index` with `time_field` in the last `window` that fit `filters` and `without`.

    Attributes
    ----------
    name, title
        Part of ids and file names; for people.
    group_by
        Each value of this field is looked at by itself, and is one alert; empty: all documents together.
    aggregation
        Of `value_field`; ``count``: the number of documents.
    comparator, limit
        When it is met. A group without documents is no group: only all documents together can be fewer than 1.
    every
        How often it is looked at.
    hits
        So many documents are handed to the messages; none where a message has no use for them: they may be raw rows.
    index_threshold
        The rule type of Kibana: ``.index-threshold``, else ``.es-query``.
    enabled
        Whether its rule is on when it is made.
    """

    name: str
    title: str
    severity: Severity
    index: str
    time_field: str
    window: timedelta
    every: timedelta
    comparator: Comparator
    limit: float
    filters: tuple[Query, ...] = ()
    without: tuple[Query, ...] = ()
    group_by: str = ""
    aggregation: Literal["count", "avg"] = "count"
    value_field: str = ""
    hits: int = 0
    index_threshold: bool = False
    enabled: bool = True

    @property
    def query(self) -> Query:
        """Query without the time window."""
        if not self.filters and not self.without:
            return {"match_all": {}}
        negated = {"must_not": list(self.without)} if self.without else {}
        return {"bool": {"filter": list(self.filters)} | negated}


def conditions(
    prefix: str, settings: KibanaRuleSettings | None = None, models: Iterable[ModelSettings] = ()
) -> tuple[Condition, ...]:
    """All conditions of an installation.

    Parameters
    ----------
    models
        Their cycles and windows decide from when on silence is silence, and how far back results are looked at.
    """
    names = IndexNames(check_prefix(prefix))
    limits = settings or KibanaRuleSettings()
    watched = tuple(models)
    return (
        *_of_alerts(names),
        *_of_silence(names, limits, watched),
        *_of_events(names, limits),
        *_of_results(names, limits, _days(watched)),
    )


def _of_alerts(names: IndexNames) -> tuple[Condition, ...]:
    """Alerts that are not over and of which somebody is to be told; a model that falls silent has its own."""
    told: tuple[Query, ...] = tuple({"term": {f"alert.{name}": False}} for name in ("muted", "silenced", "snoozed"))
    active = ({"term": {"alert.active": True}}, *told)
    silent = {"term": {"metric": NO_DATA}}

    def condition(
        name: str, title: str, severity: Severity, filters: tuple[Query, ...], without: tuple[Query, ...] = ()
    ) -> Condition:
        return Condition(
            name,
            title,
            severity,
            names.alerts,
            "@timestamp",
            LOOK_BACK,
            timedelta(minutes=1),
            ">",
            0,
            filters=(*active, *filters),
            without=without,
            group_by="alert.id",
            hits=1,
        )

    return (
        condition(
            "alerts-critical", "critical alerts", "critical", ({"term": {"alert.severity": "critical"}},), (silent,)
        ),
        condition("alerts-warning", "warnings", "warning", ({"term": {"alert.severity": "warning"}},), (silent,)),
        condition("no-data", "a model gets no predictions", "critical", (silent,)),
    )


def _of_silence(
    names: IndexNames, limits: KibanaRuleSettings, models: tuple[ModelSettings, ...]
) -> tuple[Condition, ...]:
    """What no worker can say, because none is there."""
    slowest = max((model.cycle for model in models), default=timedelta(0))
    return (
        Condition(
            "worker-silent",
            "no worker is at work",
            "critical",
            names.every("runs"),
            "finished",
            _minutes(max(limits.worker_silent_after, 3 * slowest)),
            timedelta(minutes=1),
            "<",
            1,
        ),
        Condition(
            "no-predictions",
            "no prediction of any model arrives",
            "critical",
            names.all_predictions(),
            "event.ingested",
            limits.no_predictions_after,
            timedelta(minutes=5),
            "<",
            1,
            enabled=False,
        ),
    )


def _of_events(names: IndexNames, limits: KibanaRuleSettings) -> tuple[Condition, ...]:
    return (
        Condition(
            "quarantine-growing",
            "many events are refused",
            "warning",
            names.every("quarantine"),
            "event.ingested",
            timedelta(hours=1),
            timedelta(minutes=5),
            ">",
            limits.quarantined_per_hour,
            group_by="quarantine.reason",
        ),
        Condition(
            "failed-predictions",
            "predictions fail",
            "critical",
            names.all_predictions(),
            "event.ingested",
            timedelta(minutes=15),
            timedelta(minutes=1),
            ">",
            limits.failed_predictions,
            filters=({"term": {"event.outcome": "failure"}},),
            group_by="model.name",
        ),
    )


def _of_results(names: IndexNames, limits: KibanaRuleSettings, days: int) -> tuple[Condition, ...]:
    """Limits of Kibana's own on results of whole models, whatever driftlog's thresholds say."""
    results = names.every("results")
    window = timedelta(days=days)
    every = timedelta(minutes=15)

    def measured(purpose: str, metric: str) -> tuple[Query, ...]:
        return ({"term": {"purpose": purpose}}, {"term": {"metric": metric}}, *WHOLE_MODEL)

    return (
        Condition(
            "error-rate",
            "the error rate is high",
            "warning",
            results,
            "@timestamp",
            window,
            every,
            ">",
            limits.error_rate,
            filters=measured("operational", "error_rate"),
            group_by="model.name",
            aggregation="avg",
            value_field="value",
        ),
        Condition(
            "performance-low",
            f"{limits.performance_metric} is low",
            "warning",
            results,
            "@timestamp",
            window,
            every,
            "<",
            limits.performance_below,
            filters=measured("performance", limits.performance_metric),
            without=({"term": {"marks": "immature"}},),
            group_by="model.name",
            aggregation="avg",
            value_field="value",
            index_threshold=True,
        ),
        Condition(
            "features-drifted",
            "features drifted",
            "warning",
            results,
            "@timestamp",
            window,
            every,
            ">=",
            limits.drifted_features,
            filters=({"term": {"purpose": "data_drift"}}, {"range": {"severity": {"gte": 2}}}, *WHOLE_MODEL),
            group_by="model.name",
            index_threshold=True,
        ),
    )


def _days(models: tuple[ModelSettings, ...]) -> int:
    """Far enough back for two windows of every model, and at least three days.

    >>> _days(()), _days((ModelSettings("churn", window=timedelta(weeks=1)),))
    (3, 15)
    """
    longest = max((model.window for model in models), default=timedelta(days=1))
    return int(2 * longest / timedelta(days=1)) + 1


def _minutes(duration: timedelta) -> timedelta:
    return timedelta(minutes=-(-duration // timedelta(minutes=1)))
