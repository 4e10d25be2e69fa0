"""What the maintenance loop looks at before it trains: traffic, performance, alerts, drift, labels, requests.

Every search is bounded: counts, one aggregation, or the newest few documents.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from driftlog.contract.maintenance import LoopState, ModelVersion
from driftlog.contract.measurement import MARK_IMMATURE, Measurement
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Schedule, Window
from driftlog.decide.retrain_facts import DriftWindow, Facts, OpenAlert
from driftlog.evaluate.trial.trial import main_metric
from driftlog.profile.documents import parse_instant
from driftlog.profile.scope import during, equals, in_environment, instant
from driftlog.store.alerts import load_open
from driftlog.store.client import Store
from driftlog.store.decisions import find_requests
from driftlog.store.documents import measurement_of
from driftlog.store.results import find_measurements

MOST_MEASUREMENTS: Final = 200
MOST_LOSSES: Final = 400
"""Windows whose losses are added up."""
SHADOW: Final = "shadow"
"""The variant under which a candidate logs what it would have answered."""


def idle_facts(
    store: Store, settings: ModelSettings, state: LoopState, champion: ModelVersion | None, now: datetime
) -> Facts:
    """What the triggers and conditions of a training need."""
    newest, predictions = traffic(store, settings, now)
    metric, performance, immature = newest_performance(store, settings, now)
    window = training_window(settings, now)
    since = new_since(state, champion)
    loss, windows = _loss(store, settings, champion, state, now)
    triggers = settings.maintain.triggers
    return Facts(
        champion=champion.version if champion is not None else "",
        newest=newest,
        predictions=predictions,
        metric=metric,
        performance=performance,
        immature=immature,
        next_window=next_window(settings, now),
        alerts=tuple(
            OpenAlert(alert.id, alert.purpose, alert.severity, alert.title)
            for alert in load_open(store, settings.name, settings.environment)
            if not alert.muted_by
        ),
        drifted=drift_windows(store, settings, triggers.drifted[1], now) if triggers.drifted else (),
        labels=count_labels(store, settings, window),
        labels_window=window,
        new_labels=count_labels(store, settings, Window(since, now)) if since is not None and since < now else 0,
        new_since=since,
        loss=loss,
        loss_windows=windows,
        loss_since=_live_since(champion, state),
        requests=tuple(find_requests(store, settings.name, settings.environment)),
    )


def traffic(store: Store, settings: ModelSettings, now: datetime) -> tuple[datetime | None, int]:
    """(time of the newest prediction, predictions from the beginning of the last whole window until now).

    ::

        {"size": 0, "query": {...}, "aggs": {"newest": {"max": {"field": "@timestamp"}},
                                             "recent": {"filter": {"range": {"@timestamp": {...}}}}}}
    """
    schedule = Schedule(settings.window, settings.timezone)
    last = schedule.window_at(schedule.window_at(now).start - timedelta(microseconds=1))
    body = {
        "size": 0,
        "query": {"bool": {"filter": [*in_environment(settings.environment), _until(now)]}},
        "aggs": {
            "newest": {"max": {"field": "@timestamp"}},
            "recent": {"filter": during(Window(last.start, now + timedelta(microseconds=1)))},
        },
    }
    found = store.search(store.names.all_predictions(settings.name), body).get("aggregations")
    if not found or found["newest"]["value"] is None:
        return None, 0
    return datetime.fromtimestamp(found["newest"]["value"] / 1000, UTC), int(found["recent"]["doc_count"])


def newest_performance(
    store: Store, settings: ModelSettings, now: datetime
) -> tuple[str, Measurement | None, Measurement | None]:
    """(main metric, its newest measurement with a value, a newer one without)."""
    for metric in dict.fromkeys((main_metric(settings), main_metric(settings, scored=False))):
        found = [
            each
            for each in find_measurements(
                store,
                settings.name,
                environment=settings.environment,
                metric=metric,
                purpose="performance",
                until=now,
                size=MOST_MEASUREMENTS,
                newest_first=True,
            )
            if each.version == "*" and each.variant == "*" and not each.field
        ]
        known = next((each for each in found if each.value is not None and MARK_IMMATURE not in each.marks), None)
        if known is not None or found:
            newer = found[0] if found[0] is not known else None
            return metric, known, newer
    return main_metric(settings), None, None


def drift_windows(store: Store, settings: ModelSettings, last: int, now: datetime) -> tuple[DriftWindow, ...]:
    """The last windows whose data drift was judged, newest first, with the fields in breach.

    ::

        {"size": 0, "query": {...}, "aggs": {"windows": {"terms": {"field": "window.end", "size": 4,
            "order": {"_key": "desc"}}, "aggs": {"breach": {"filter": {"range": {"severity": {"gte": 1}}},
            "aggs": {"worst": {"top_hits": {"size": 1, "sort": [{"severity": "desc"}]}}}}}}}}
    """
    worst = {"top_hits": {"size": 1, "sort": [{"severity": "desc"}, {"value": "desc"}]}}
    filters: list[dict[str, Any]] = [
        {"term": {"model.name": settings.name}},
        {"term": {"service.environment": settings.environment}},
        {"term": {"purpose": "data_drift"}},
        {"term": {"segment": ""}},
        {"term": {"model.version": "*"}},
        {"terms": {"verdict": ["ok", "warning", "critical"]}},
        {"range": {"window.end": {"lte": instant(now)}}},
    ]
    body = {
        "size": 0,
        "query": {"bool": {"filter": filters}},
        "aggs": {
            "windows": {
                "terms": {"field": "window.end", "size": last, "order": {"_key": "desc"}},
                "aggs": {"breach": {"filter": {"range": {"severity": {"gte": 1}}}, "aggs": {"worst": worst}}},
            }
        },
    }
    found = store.search(store.names.every("results"), body).get("aggregations")
    return tuple(_drift_window(bucket) for bucket in found["windows"]["buckets"]) if found else ()


def _drift_window(bucket: dict[str, Any]) -> DriftWindow:
    end = parse_instant(bucket["key_as_string"])
    hits = bucket["breach"]["worst"]["hits"]["hits"]
    fields = int(bucket["breach"]["doc_count"])
    if not hits:
        return DriftWindow(end, fields)
    measured = measurement_of(hits[0]["_source"])
    value = f" {measured.value:.3g}" if measured.value is not None else ""
    return DriftWindow(end, fields, f"{measured.field.removeprefix('features.')} {measured.metric}{value}", measured.id)


def training_window(settings: ModelSettings, now: datetime) -> Window:
    """Labelled data that a training started now gets."""
    executor = settings.maintain.executor
    held = executor.hold_back if executor.hold_back is not None else settings.maintain.validation.window
    return Window(now - held - executor.window, now - held)


def new_since(state: LoopState, champion: ModelVersion | None) -> datetime | None:
    """End of the newest training data: of the last run, of the champion's, else the loop's first look."""
    ends = [state.trained_until, champion.data.end if champion is not None and champion.data is not None else None]
    known = [end for end in ends if end is not None]
    return max(known) if known else state.first


def count_labels(store: Store, settings: ModelSettings, window: Window) -> int:
    """Predictions of `window` whose truth is known, those of a shadow apart."""
    return store.count(store.names.every("outcomes"), outcome_query(settings, window))


def count_labels_of(store: Store, settings: ModelSettings, window: Window, version: str) -> int:
    """As `count_labels`, of one version; empty: of all."""
    return store.count(store.names.every("outcomes"), outcome_query(settings, window, version=version))


def outcome_query(settings: ModelSettings, window: Window, *, version: str = "") -> dict[str, Any]:
    """Outcomes of served predictions.

    >>> from driftlog.contract.settings import ModelSettings
    >>> w = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
    >>> outcome_query(ModelSettings(name="churn", environment="test"), w)["bool"]["must_not"]
    [{'term': {'model.variant': 'shadow'}}]
    """
    filters = [{"term": {"model.name": settings.name}}, *in_environment(settings.environment), during(window)]
    if version:
        filters += equals("model.version", version)
    return {"bool": {"filter": filters, "must_not": [{"term": {"model.variant": SHADOW}}]}}


def next_window(settings: ModelSettings, now: datetime) -> datetime:
    """When the present window has ended and may be judged."""
    return Schedule(settings.window, settings.timezone).window_at(now - settings.wait).end + settings.wait


def _until(now: datetime) -> dict[str, Any]:
    return {"range": {"@timestamp": {"lte": instant(now)}}}


def _live_since(champion: ModelVersion | None, state: LoopState) -> datetime | None:
    return champion.promoted if champion is not None and champion.promoted is not None else state.first


def _loss(
    store: Store, settings: ModelSettings, champion: ModelVersion | None, state: LoopState, now: datetime
) -> tuple[float | None, int]:
    """Business value below what the reference would have made of as many outcomes, and the windows added up.

    Windows without mature truth count with their estimate where there is one.
    """
    since = _live_since(champion, state)
    if settings.maintain.triggers.estimated_loss is None or since is None or since >= now:
        return None, 0
    found = find_measurements(
        store,
        settings.name,
        environment=settings.environment,
        metric="business_value",
        purpose=("performance", "estimated_performance"),
        since=since,
        until=now,
        size=MOST_LOSSES,
        newest_first=True,
    )
    by_window: dict[Window, Measurement] = {}
    for each in found:
        usable = each.value is not None and each.reference_value is not None and MARK_IMMATURE not in each.marks
        if not usable or each.version != "*" or each.variant != "*" or each.field:
            continue
        if each.purpose == "performance" or each.window not in by_window:
            by_window[each.window] = each
    if not by_window:
        return None, 0
    loss = sum((each.reference_value or 0.0) - (each.value or 0.0) for each in by_window.values())
    return loss, len(by_window)
