"""What somebody may try on an installation: one function an act, each on documents of its own for each role."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from driftlog.contract.errors import StoreAccessDenied
from driftlog.contract.names import MONTHLY_KINDS, IndexNames
from driftlog.store.bulk import require_stored
from driftlog.store.client import Store
from driftlog.store.ownership import SINGLE_KINDS
from driftlog.store.roles import PURPOSE
from driftlog.store.values import BulkAction

MARCH = datetime(2026, 3, 3, tzinfo=UTC)
EVENT: dict[str, Any] = {"@timestamp": "2026-03-03T12:00:00Z", "model": {"name": "churn"}, "features": {"x": 1.5}}

NAMES = IndexNames("acts")
"""An installation of their own: the stories have the other one."""
Act = Callable[[Store, str], object]


def seed(store: Store) -> None:
    """A document for every act of every role, written by the server's own administrator."""
    for kind in MONTHLY_KINDS:
        store.put(store.names.monthly(kind, MARCH), "kept", {"@timestamp": "2026-03-03T12:00:00Z"})
    for kind in SINGLE_KINDS:
        store.put(f"{store.names.prefix}-{kind}", "kept", {"@timestamp": "2026-03-03T12:00:00Z"})
    store.put("payroll", "kept", {"salary": 1})
    predictions = store.names.predictions("churn", MARCH)
    store.put(predictions, "kept", EVENT)
    for role in PURPOSE:
        for index in (predictions, store.names.monthly("results", MARCH), store.names.audit):
            store.put(index, f"of-{role}", EVENT)
        store.put(PAYLOADS, f"of-{role}", {"@timestamp": "2026-03-03T12:00:00Z"})
        store.put(_period("predictions", role), "kept", EVENT)
        store.put(_period("results", role), "kept", EVENT)
    store.refresh("*")


def _period(kind: str, role: str) -> str:
    """A period that only one role tries to drop."""
    return f"acts-{kind}.{role.replace('_', '-')}.2026-01"


def _read(*indices: str) -> Act:
    """Named one by one, and missing ones not ignored: else what is withheld looks empty."""

    def act(store: Store, role: str) -> None:
        for index in indices:
            body = {"query": {"ids": {"values": ["kept"]}}}
            assert store.request("POST", f"/{index}/_search", body=body)["hits"]["hits"], index
            assert store.get(index, "kept"), index

    return act


def _monthly(*kinds: str) -> Act:
    return _read(*(f"acts-{kind}.2026-03" for kind in kinds))


def _add(store: Store, index: str, id: str, document: dict[str, Any]) -> None:
    """As shippers do: by a bulk request."""
    report = store.bulk([BulkAction("create", index, id, document)])
    if any(failure.status in (401, 403) for failure in report.failures):
        raise StoreAccessDenied(report.failures[0].reason)
    require_stored(report, "the act's document")
    assert report.stored == 1


def _write(index: str) -> Act:
    return lambda store, role: store.put(index, f"by-{role}", {"@timestamp": "2026-03-03T12:00:00Z"})


def _request(method: str, path: str, body: Any = None) -> Act:
    return lambda store, role: store.request(method, path.format(role=role.replace("_", "-")), body=body)


def _found(done: bool) -> None:
    assert done, "the act's document is not there"


PREDICTIONS = "acts-predictions.churn.2026-03"
FEEDBACK = "acts-feedback.2026-03"
PAYLOADS = "acts-payloads.2026-03"
RESULTS = "acts-results.2026-03"
AUDIT = "acts-audit"

ACTS: Mapping[str, Act] = {
    "add an event where its index exists": lambda store, role: _add(store, PREDICTIONS, f"new-{role}", EVENT),
    "add an event with a new feature": lambda store, role: _add(
        store, PREDICTIONS, f"more-{role}", EVENT | {"features": {f"of_{role}": 0.5}}
    ),
    "add an event of an unknown model": lambda store, role: _add(
        store, f"acts-predictions.new-{role.replace('_', '-')}.2026-03", "new", EVENT
    ),
    "add feedback": lambda store, role: _add(store, FEEDBACK, f"new-{role}", {"@timestamp": "2026-03-03"}),
    "overwrite an event": lambda store, role: store.put(PREDICTIONS, f"of-{role}", EVENT | {"forged": True}),
    "overwrite a logged request or response": lambda store, role: store.put(
        PAYLOADS, f"of-{role}", {"@timestamp": "2026-03-04T12:00:00Z"}
    ),
    "read predictions": _read(PREDICTIONS),
    "read feedback, samples, refused events": _monthly("feedback", "resources", "quarantine", "payloads"),
    "read outcomes, opinions": _monthly("outcomes", "opinions"),
    "read results, alerts": _read(RESULTS, "acts-alerts"),
    "read notices (Kibana's rules)": _read("acts-notices"),
    "read models": _read("acts-models"),
    "read counts": _monthly("profiles"),
    "read references": _read("acts-references"),
    "read run records": _monthly("runs"),
    "read decisions": _monthly("decisions"),
    "read seals": _monthly("seals"),
    "read state": _read("acts-state"),
    "read the audit trail": _read(AUDIT),
    "write results": _write(RESULTS),
    "write alerts": _write("acts-alerts"),
    "write references": _write("acts-references"),
    "write state": _write("acts-state"),
    "write notices (Kibana's rules)": _write("acts-notices"),
    "register a model": _write("acts-models"),
    "append to the audit trail": lambda store, role: _add(store, AUDIT, f"new-{role}", EVENT),
    "change an audit record": lambda store, role: store.put(AUDIT, "kept", {"forged": True}),
    "make an index in advance": _request("PUT", "/acts-predictions.made-{role}.2026-03"),
    "map fields in advance": _request(
        "PUT", f"/{PREDICTIONS}/_mapping", {"properties": {"features": {"properties": {"y": {"type": "double"}}}}}
    ),
    "read templates": _request("GET", "/_index_template/acts-*"),
    "install a template": _request("PUT", "/_component_template/acts-of-{role}", {"template": {"settings": {}}}),
    "change an index's settings": _request("PUT", f"/{PREDICTIONS}/_settings", {"index": {"refresh_interval": "6s"}}),
    "read the cluster's health": _request("GET", "/_cluster/health"),
    "change the cluster's settings": _request(
        "PUT", "/_cluster/settings", {"persistent": {"search.default_search_timeout": "1m"}}
    ),
    "read what is not driftlog's": _read("payroll"),
    "delete a result": lambda store, role: _found(store.delete(RESULTS, f"of-{role}")),
    "delete an event": lambda store, role: _found(store.delete(PREDICTIONS, f"of-{role}")),
    "delete an audit record": lambda store, role: _found(store.delete(AUDIT, f"of-{role}")),
    "drop a period of results": lambda store, role: _found(store.drop_index(_period("results", role))),
    "drop a period of predictions": lambda store, role: _found(store.drop_index(_period("predictions", role))),
    "drop the audit trail": lambda store, role: _found(store.drop_index(AUDIT)),
}


def allowed(act: Act, store: Store, role: str) -> bool:
    """Whether `role` may; any other failure of the act is the test's."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "the index privilege .create_doc. allowed the update mapping")
            act(store, role)
    except StoreAccessDenied:
        return False
    return True
