"""The whole story of one prediction: what came in and out, what was known about the model then, what became of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from driftlog.audit.find import find_records
from driftlog.audit.proof import SealProof, prove
from driftlog.audit.seals import instant, moment
from driftlog.contract.alert import Alert
from driftlog.contract.audit import AuditRecord
from driftlog.contract.maintenance import Decision
from driftlog.contract.measurement import Measurement
from driftlog.store.alerts import find_alerts
from driftlog.store.client import Store
from driftlog.store.decisions import find_decisions
from driftlog.store.documents import measurement_of
from driftlog.store.values import Document

DEFAULT_ENVIRONMENT: Final = "production"
MOST: Final = 1000
DECISIONS: Final = ("version.registered", "version.promoted", "version.rolled_back", "candidate.evaluated")
AFTER: Final = timedelta(days=7)
"""How long after a prediction the maintenance loop's decisions are part of its story."""


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is stored about one prediction.

    Attributes
    ----------
    prediction
        The event as stored; `index` is where.
    versions
        Audit records about its model version, the newest last; `git` is the commit that they name.
    reference
        Id of the reference that its window was compared with, else of the one last set before it.
    verdicts
        Measurements of the windows it fell into.
    outcome
        The prediction joined with its truth.
    feedback
        Everything people and systems said about it.
    decisions, notes
        Of the maintenance loop in the days after it; notes of people around it.
    """

    id: str
    model: str
    environment: str
    at: datetime
    index: str
    prediction: Document
    seal: SealProof
    version: str = ""
    versions: tuple[AuditRecord, ...] = ()
    git: dict[str, Any] = {}
    reference: str = ""
    verdicts: tuple[Measurement, ...] = ()
    alerts: tuple[Alert, ...] = ()
    outcome: Document | None = None
    feedback: tuple[Document, ...] = ()
    decisions: tuple[Decision, ...] = ()
    notes: tuple[AuditRecord, ...] = ()
    reads: tuple[AuditRecord, ...] = ()


def tell(store: Store, model: str, id: str, *, outcome_id: str) -> Story | None:
    """The story of the prediction `id` of `model`; None when there is no such prediction (any more).

    Parameters
    ----------
    outcome_id
        Document id of its outcome, where it has one.
    """
    hits = store.find_by_ids(store.names.all_predictions(model), [id])
    if not hits:
        return None
    hit = hits[0]
    at = moment(str(hit.source["@timestamp"]))
    environment = str(hit.source.get("service", {}).get("environment") or DEFAULT_ENVIRONMENT)
    version = str(hit.source.get("model", {}).get("version") or "")
    verdicts = _verdicts(store, model, environment, at)
    versions = _versions(store, model, version)
    return Story(
        id=id,
        model=model,
        environment=environment,
        at=at,
        index=hit.index,
        prediction=hit.source,
        seal=prove(store, model, id, hit.source),
        version=version,
        versions=tuple(versions),
        git=next((git for record in reversed(versions) if (git := _git(record))), {}),
        reference=_reference(store, model, environment, at, verdicts),
        verdicts=tuple(verdicts),
        alerts=tuple(_alerts(store, model, environment, at)),
        outcome=_outcome(store, outcome_id, at),
        feedback=tuple(_feedback(store, model, id)),
        decisions=tuple(_decisions(store, model, environment, at)),
        notes=tuple(_around(store, model, at)),
        reads=tuple(_reads(store, model, id)),
    )


def _verdicts(store: Store, model: str, environment: str, at: datetime) -> list[Measurement]:
    """Judged measurements, of all rows, of windows that hold `at`."""
    filters = [
        {"term": {"model.name": model}},
        {"term": {"service.environment": environment}},
        {"term": {"segment": ""}},
        {"range": {"window.start": {"lte": instant(at)}}},
        {"range": {"window.end": {"gt": instant(at)}}},
    ]
    body: Document = {
        "query": {"bool": {"filter": filters}},
        "size": MOST,
        "sort": [{"severity": {"order": "desc", "unmapped_type": "long"}}],
        "track_total_hits": False,
    }
    hits = store.search(store.names.every("results"), body)["hits"]["hits"]
    return [measurement_of(hit["_source"]) for hit in hits]


def _alerts(store: Store, model: str, environment: str, at: datetime) -> list[Alert]:
    """Alerts that were open then, or judged a window that it is in."""
    found = find_alerts(store, model, environment=environment, since=at - timedelta(days=1))
    return [
        alert
        for alert in found
        if (alert.first_window.start <= at and (alert.resolved is None or at <= alert.resolved) and alert.opened <= at)
        or alert.first_window.start <= at < alert.last_window.end
    ]


def _versions(store: Store, model: str, version: str) -> list[AuditRecord]:
    return find_records(store, actions=DECISIONS, model=model, subject=version, limit=100) if version else []


def _git(record: AuditRecord) -> dict[str, Any]:
    """The training code that a record about a version names."""
    details = record.entry.details
    git = details.get("git")
    if isinstance(git, dict):
        return git
    commit = details.get("commit") or details.get("git_commit")
    return {"commit": commit} if commit else {}


def _reference(store: Store, model: str, environment: str, at: datetime, verdicts: list[Measurement]) -> str:
    compared = [measurement.reference_id for measurement in verdicts if measurement.reference_id]
    if compared:
        return max(set(compared), key=compared.count)
    until = at + timedelta(microseconds=1)
    found = find_records(store, actions=["reference.set"], model=model, environment=environment, until=until, limit=1)
    return found[0].entry.object if found else ""


def _outcome(store: Store, id: str, at: datetime) -> Document | None:
    hit = store.get(store.names.monthly("outcomes", at), id)
    return None if hit is None else hit.source


def _feedback(store: Store, model: str, id: str) -> list[Document]:
    query = {"bool": {"filter": [{"term": {"feedback.prediction_id": id}}]}}
    sort = [{"@timestamp": {"order": "asc", "unmapped_type": "date"}}]
    body: Document = {"query": query, "size": MOST, "sort": sort}
    hits = store.search(store.names.every("feedback"), body)["hits"]["hits"]
    sources = [hit["_source"] for hit in hits]
    return [source for source in sources if source.get("model", {}).get("name", model) == model]


def _decisions(store: Store, model: str, environment: str, at: datetime) -> list[Decision]:
    found = find_decisions(store, model, environment=environment, since=at, until=at + AFTER, size=100)
    return sorted((each for each in found if each.outcome not in ("no_data", "go_on")), key=lambda each: each.at)


def _around(store: Store, model: str, at: datetime) -> list[AuditRecord]:
    found = find_records(store, actions=["note"], since=at - AFTER, until=at + AFTER, limit=200)
    return [record for record in found if record.entry.model in ("", model)]


def _reads(store: Store, model: str, id: str) -> list[AuditRecord]:
    """Who asked for this very prediction."""
    found = find_records(store, actions=["predictions.read"], model=model, limit=MOST)
    return [record for record in found if record.entry.details.get("filters", {}).get("id") == id]
