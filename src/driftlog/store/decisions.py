"""The maintenance loop's documents: decisions, training runs and trials by month; where it stands, and what people ask.

Decisions, runs and trials have deterministic ids in ``<prefix>-decisions.<month>``; where the loop stands, action
documents and requests of people are in ``<prefix>-state``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeVar

import msgspec

from driftlog.contract.maintenance import Decision, LoopState, MaintainRequest, TrainingRun, Trial
from driftlog.store.client import Store
from driftlog.store.cursors import read_cursor, write_cursor
from driftlog.store.documents import document_id, finite_of
from driftlog.store.values import Document

KIND: Final = "decisions"
REQUEST: Final = "maintain_request"
ACTION: Final = "action"
_CURSOR: Final = "maintain"
MOST_REQUESTS: Final = 200

T = TypeVar("T", Decision, TrainingRun, Trial)


def decision_id(model: str, environment: str, number: int) -> str:
    """Id of the decision of that number.

    >>> decision_id("churn", "production", 12)
    'churn|production|12'
    """
    return f"{model}|{environment}|{number}"


def create_decision(store: Store, decision: Decision, *, term: int) -> bool:
    """Store a decision that must not be there yet; False when it is."""
    index = store.names.monthly(KIND, decision.at)
    return store.create(index, document_id(decision.id), decision_document(decision, term=term), refresh=True)


def update_decision(store: Store, decision: Decision, *, term: int) -> None:
    """Store the newest look of a decision.

    Raises
    ------
    StoreConflict
        A newer term has written it.
    """
    index = store.names.monthly(KIND, decision.at)
    id, document = document_id(decision.id), decision_document(decision, term=term)
    store.put(index, id, document, version=term, refresh=True)


def read_decision(store: Store, id: str) -> Decision | None:
    """The decision of that id, whichever month it is in; searchable ones only."""
    hits = store.find_by_ids(store.names.every(KIND), [document_id(id)])
    return _value(hits[0].source, Decision) if hits else None


def find_decisions(
    store: Store,
    model: str | None = None,
    *,
    environment: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    outcome: str | None = None,
    size: int = 100,
) -> list[Decision]:
    """Decisions of looks in [since, until), newest first, at most `size`."""
    query = find_query("decision", model, environment, since=since, until=until, outcome=outcome)
    return _found(store, query, Decision, size)


def write_run(store: Store, run: TrainingRun, *, term: int) -> None:
    """Store a training run as it is now.

    Raises
    ------
    StoreConflict
        A newer term has written it.
    """
    document = _document("run", run.model, run.environment, run.started, run, term=term) | {
        "id": run.id,
        "status": run.status,
        "version": run.version,
    }
    index = store.names.monthly(KIND, run.started)
    store.put(index, document_id(run.id), document, version=term, refresh=True)


def read_run(store: Store, id: str, started: datetime) -> TrainingRun | None:
    """As last written."""
    hit = store.get(store.names.monthly(KIND, started), document_id(id))
    return _value(hit.source, TrainingRun) if hit else None


def find_runs(
    store: Store, model: str | None = None, *, environment: str | None = None, size: int = 100
) -> list[TrainingRun]:
    """Training runs, newest first."""
    return _found(store, find_query("run", model, environment), TrainingRun, size)


def write_trial(store: Store, trial: Trial, *, term: int) -> None:
    """Store a trial.

    Raises
    ------
    StoreConflict
        A newer term has written it.
    """
    document = _document("trial", trial.model, trial.environment, trial.at, trial, term=term) | {
        "id": trial.id,
        "passed": trial.passed,
        "reason": trial.reason,
        "version": trial.candidate,
    }
    index = store.names.monthly(KIND, trial.at)
    store.put(index, document_id(trial.id), document, version=term, refresh=True)


def read_trial(store: Store, id: str) -> Trial | None:
    """The trial of that id."""
    hits = store.find_by_ids(store.names.every(KIND), [document_id(id)])
    return _value(hits[0].source, Trial) if hits else None


def find_trials(
    store: Store, model: str | None = None, *, environment: str | None = None, size: int = 100
) -> list[Trial]:
    """Trials, newest first."""
    return _found(store, find_query("trial", model, environment), Trial, size)


def find_query(
    kind: str,
    model: str | None,
    environment: str | None,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    outcome: str | None = None,
) -> Document:
    """Query of the three kinds of documents.

    >>> find_query("trial", "churn", None)["bool"]["filter"]
    [{'term': {'kind': 'trial'}}, {'term': {'model.name': 'churn'}}]
    """
    terms = {"kind": kind, "model.name": model, "service.environment": environment, "outcome": outcome}
    filters: list[Any] = [{"term": {name: value}} for name, value in terms.items() if value is not None]
    if since is not None:
        filters.append({"range": {"until": {"gte": since}}})
    if until is not None:
        filters.append({"range": {"@timestamp": {"lt": until}}})
    return {"bool": {"filter": filters}}


# Where it stands


def read_state(store: Store, model: str, environment: str) -> LoopState:
    """Where the loop stands; its beginning when nothing was written yet."""
    found = read_cursor(store, model, environment, _CURSOR)
    return msgspec.convert(found, LoopState) if found else LoopState()


def write_state(store: Store, model: str, environment: str, state: LoopState, *, term: int) -> None:
    """Keep where the loop stands.

    Raises
    ------
    StoreConflict
        A newer term has moved it.
    """
    write_cursor(store, model, environment, _CURSOR, msgspec.to_builtins(state), term)


def begin_action(store: Store, model: str, environment: str, name: str, *, at: datetime, by: str) -> bool:
    """Announce something that is done to the outside world; False when it was announced before."""
    document = {
        "kind": ACTION,
        "model": {"name": model},
        "service": {"environment": environment},
        "name": name,
        "holder": by,
        "updated": at,
        "value": {"status": "begun"},
    }
    return store.create(store.names.state, _action_id(model, environment, name), document)


def action_status(store: Store, model: str, environment: str, name: str) -> str:
    """``begun``, ``done``, or empty where nothing was announced."""
    hit = store.get(store.names.state, _action_id(model, environment, name))
    return str(hit.source["value"]["status"]) if hit else ""


def end_action(store: Store, model: str, environment: str, name: str, *, at: datetime) -> None:
    """The action is done."""
    id = _action_id(model, environment, name)
    hit = store.get(store.names.state, id)
    if hit is None:
        return
    document = hit.source | {"updated": at, "value": {"status": "done"}}
    store.put(store.names.state, id, document, if_seq_no=hit.seq_no, if_primary_term=hit.primary_term)


def _action_id(model: str, environment: str, name: str) -> str:
    return document_id(f"{ACTION}|{model}|{environment}|{name}")


# What people ask


def ask(store: Store, request: MaintainRequest) -> bool:
    """Store what a person asks; False when it was asked before under this id."""
    return store.create(store.names.state, _request_id(request), _request_document(request), refresh=True)


def find_requests(store: Store, model: str, environment: str, *, kind: str = "retrain") -> list[MaintainRequest]:
    """Requests that nobody has taken up, oldest first."""
    query = {
        "bool": {
            "filter": [
                {"term": {"kind": REQUEST}},
                {"term": {"name": f"{kind}:open"}},
                {"term": {"model.name": model}},
                {"term": {"service.environment": environment}},
            ]
        }
    }
    body = {"query": query, "size": MOST_REQUESTS, "sort": [{"updated": {"order": "asc", "unmapped_type": "date"}}]}
    found = store.search(store.names.state, body)["hits"]["hits"]
    return [msgspec.convert(hit["_source"]["value"], MaintainRequest) for hit in found]


def read_answer(store: Store, model: str, environment: str, decision_id: str) -> MaintainRequest | None:
    """What a person said to a decision that waits; the first answer counts."""
    hit = store.get(store.names.state, document_id(f"{REQUEST}|{model}|{environment}|{answer_id(decision_id)}"))
    return msgspec.convert(hit.source["value"], MaintainRequest) if hit else None


def answer_id(decision_id: str) -> str:
    """Id of the answer to a decision: there is one."""
    return f"answer|{decision_id}"


def take_request(store: Store, request: MaintainRequest, decision_id: str) -> None:
    """Mark a request as taken up by a decision."""
    taken = msgspec.structs.replace(request, taken=decision_id)
    store.put(store.names.state, _request_id(request), _request_document(taken), refresh=True)


def _request_id(request: MaintainRequest) -> str:
    return document_id(f"{REQUEST}|{request.model}|{request.environment}|{request.id}")


def _request_document(request: MaintainRequest) -> Document:
    return {
        "kind": REQUEST,
        "model": {"name": request.model},
        "service": {"environment": request.environment},
        "name": f"{request.kind}:{'taken' if request.taken else 'open'}",
        "holder": request.by,
        "updated": request.at,
        "value": msgspec.to_builtins(request),
    }


# Documents


def decision_document(decision: Decision, *, term: int) -> Document:
    """A decision as a document of ``<prefix>-decisions.*``; the whole of it is in ``value``.

    ``{"@timestamp": first look, "until": last look, "kind": "decision", "outcome", "reason", "triggers", ...}``
    """
    document = _document("decision", decision.model, decision.environment, decision.at, decision, term=term)
    shown = ("id", "outcome", "reason", "missing", "by", "run_id", "version", "number", "looks", "stage", "approval")
    document |= {name: getattr(decision, name) for name in shown}
    document |= {"triggers": list(decision.triggers), "until": decision.until or decision.at}
    return document | ({"next_look": decision.next_look} if decision.next_look is not None else {})


def _document(kind: str, model: str, environment: str, at: datetime, value: msgspec.Struct, *, term: int) -> Document:
    return {
        "kind": kind,
        "@timestamp": at,
        "model": {"name": model},
        "service": {"environment": environment},
        "term": term,
        "value": finite_of(value),
    }


def _value(document: Mapping[str, Any], cls: type[T]) -> T:
    return msgspec.convert(document["value"], cls)


def _found(store: Store, query: Document, cls: type[T], size: int) -> list[T]:
    sort = [
        {"@timestamp": {"order": "desc", "unmapped_type": "date"}},
        {"number": {"order": "desc", "unmapped_type": "long"}},
    ]
    hits = store.scan(store.names.every(KIND), query, sort=sort, size=max(1, min(size, 500)))
    return [_value(hit["_source"], cls) for hit in islice(hits, size)]
