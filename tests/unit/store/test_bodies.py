"""Bodies, names and reports that need no server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftlog.contract.errors import (
    ConfigError,
    NameRefused,
    PartialResult,
    StoreAccessDenied,
    StoreConflict,
    StoreError,
    StoreNotFound,
    StoreRejected,
    StoreUnavailable,
    UsageError,
)
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings, Secret
from driftlog.store import alerts, predictions, results
from driftlog.store.bulk import encode, parse, require_stored, slices
from driftlog.store.client import Store
from driftlog.store.connection import client_options
from driftlog.store.ownership import KINDS, belongs
from driftlog.store.retention import period_of
from driftlog.store.searching import complete
from driftlog.store.template_files import load
from driftlog.store.translate import by_status
from driftlog.store.values import BulkAction, BulkFailure, BulkReport

MARCH = datetime(2026, 3, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [
        (400, "no such field", StoreRejected),
        (401, "missing authentication", StoreAccessDenied),
        (403, "action is unauthorized", StoreAccessDenied),
        (404, "no such index", StoreNotFound),
        (408, "timeout", StoreUnavailable),
        (409, "version conflict", StoreConflict),
        (413, "too large", StoreRejected),
        (429, "circuit breaking", StoreUnavailable),
        (429, "disk usage exceeded flood-stage watermark", StoreUnavailable),
        (500, "illegal state", StoreUnavailable),
        (503, "Partial shards failure", PartialResult),
        (503, "no master", StoreUnavailable),
    ],
)
def test_each_status_has_its_error(status: int, reason: str, error: type[StoreError]) -> None:
    """The table of DESIGN.md "Delivery": keep and back off, raise an alarm, or refuse."""
    translated = by_status(status, reason)

    assert type(translated) is error
    assert translated.status == status
    assert reason in translated.message


@pytest.mark.parametrize(
    "answer",
    [
        {"timed_out": True, "_shards": {"total": 2, "failed": 0}},
        {"timed_out": False, "_shards": {"total": 2, "failed": 1, "failures": [{"reason": {"type": "x"}}]}},
    ],
)
def test_half_an_answer_is_refused(answer: dict[str, object]) -> None:
    """Timed out, or a shard missing."""
    with pytest.raises(PartialResult):
        complete(answer)


def test_bulk_slices_keep_order_and_stay_below_the_limit() -> None:
    """A document larger than the limit goes alone."""
    actions = [BulkAction("index", "i", str(n), {"x": "y" * (2000 if n == 3 else 100)}) for n in range(8)]

    cut = list(slices(actions, max_bytes=600, max_actions=3))

    assert [action for batch, _ in cut for action in batch] == actions
    assert b"".join(body for _, body in cut) == b"".join(encode(action) for action in actions)
    assert all(len(body) <= 600 or len(batch) == 1 for batch, body in cut)
    assert max(len(batch) for batch, _ in cut) == 3


def test_a_deletion_of_nothing_is_no_failure() -> None:
    """What should be gone is gone."""
    answer = {"items": [{"delete": {"status": 404, "result": "not_found"}}]}

    assert parse([BulkAction("delete", "i", "x")], answer) == BulkReport(1, 0, [])


def test_an_overloaded_cluster_is_reported_before_a_bad_document() -> None:
    """429 means all of it has to be written again; 400 of one document can wait."""
    failures = [BulkFailure("i", "a", 400, "bad"), BulkFailure("i", "b", 429, "busy")]

    with pytest.raises(StoreUnavailable, match="2 not stored"):
        require_stored(BulkReport(3, 0, failures), "results")
    with pytest.raises(StoreConflict, match="newer term"):
        require_stored(BulkReport(3, 1, []), "results")
    assert require_stored(BulkReport(3, 0, []), "results") == 3


@pytest.mark.parametrize(
    "name",
    [
        "driftlog-*",
        "driftlog-state,other",
        "driftlog-demo-state",
        "driftlog-states",
        "driftlog-results.*",
        "driftlog",
        "",
        "xdriftlog-state",
        "driftlog-state\n",
    ],
)
def test_names_of_others_and_patterns_do_not_belong(name: str) -> None:
    """Before anything is dropped."""
    assert not belongs(name, "driftlog")


def test_every_index_of_the_contract_belongs() -> None:
    """And nothing else is a kind."""
    names = IndexNames("a-b")
    monthly = [names.monthly(kind, MARCH) for kind in KINDS if kind not in ("predictions",)]
    single = [names.models, names.references, names.alerts, names.audit, names.state]

    assert all(belongs(name, "a-b") for name in [names.predictions("m_1-x", MARCH), *monthly, *single])


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("d-predictions.churn.2024-02-29", "2024-02-29/2024-03-01"),
        ("d-predictions.churn.2026-12", "2026-12-01/2027-01-01"),
        ("d-predictions.churn.2026", "2026-01-01/2027-01-01"),
        ("d-predictions.m-2026.2026-01", "2026-01-01/2026-02-01"),
        ("d-state", None),
        ("d-results.2026-13", None),
        ("d-results.9999-12-31", None),
        ("d-predictions.2026-01.x", None),
    ],
)
def test_the_period_is_read_off_the_name(name: str, label: str | None) -> None:
    """Days, months and years; anything else has no period and is never dropped."""
    period = period_of(name)

    assert (period.label() if period else None) == label


def test_templates_of_another_prefix_name_only_it() -> None:
    """Names, patterns and components move together."""
    for template in load("team-a"):
        mentioned = [template.name, *template.body.get("index_patterns", []), *template.body.get("composed_of", [])]
        assert all(name.startswith("team-a-") for name in mentioned)
    patterns = [pattern for t in load("team-a") for pattern in t.body.get("index_patterns", [])]
    assert {pattern.removeprefix("team-a-").removesuffix(".*") for pattern in patterns} == set(KINDS)


def test_a_search_for_predictions_has_every_condition() -> None:
    """As in the docstring of `find_body`."""
    body = predictions.find_body(
        id="e-1",
        since=MARCH,
        version="3",
        error_type="*",
        score_max=0.1,
        feature={"age": "41"},
        text="no such host",
        outcome="failure",
        size=7,
    )

    assert body["query"]["bool"]["filter"] == [
        {"ids": {"values": ["e-1"]}},
        {"range": {"@timestamp": {"gte": MARCH}}},
        {"term": {"model.version": "3"}},
        {"term": {"event.outcome": "failure"}},
        {"exists": {"field": "error.type"}},
        {"range": {"prediction.score": {"lte": 0.1}}},
        {"match": {"features.age": {"query": "41", "lenient": True}}},
        {
            "simple_query_string": {
                "query": "no such host",
                "fields": ["message", "error.message", "error.stack_trace", "error.type"],
                "default_operator": "and",
                "lenient": True,
            }
        },
    ]
    assert body["size"] == 7


def test_what_cannot_be_searched_is_refused_before_it_is_sent() -> None:
    """Names and sizes."""
    store = Store.connect(ElasticsearchSettings(), IndexNames("driftlog"))

    with pytest.raises(NameRefused):
        predictions.find_body(feature={"a*": "1"})
    with pytest.raises(NameRefused):
        predictions.find_predictions(store, "Churn*")
    with pytest.raises(UsageError):
        predictions.find_predictions(store, "churn", size=10_001)
    store.close()


def test_results_are_asked_for_by_window_and_whole_population() -> None:
    """As in the docstring of `find_query`."""
    query = results.find_query("churn", environment="production", since=MARCH, until=MARCH + timedelta(days=1))

    assert query["bool"]["filter"] == [
        {"term": {"model.name": "churn"}},
        {"term": {"segment": ""}},
        {"term": {"service.environment": "production"}},
        {"range": {"window.start": {"gte": MARCH}}},
        {"range": {"window.end": {"lte": MARCH + timedelta(days=1)}}},
    ]


def test_an_open_alert_overlaps_every_since() -> None:
    """It has no end yet."""
    (filter_,) = alerts.find_query(None, since=MARCH)["bool"]["filter"]

    assert filter_["bool"]["should"] == [
        {"range": {"alert.resolved": {"gte": MARCH}}},
        {"terms": {"alert.status": ["open", "acknowledged"]}},
    ]


def test_what_is_not_over_may_be_acknowledged() -> None:
    """Who asks for open alerts means both; who means one says so."""
    wanted = {
        status: alerts.find_query(None, status=status)["bool"]["filter"][0]["terms"]["alert.status"]
        for status in alerts.STATUSES
    }

    assert wanted == {
        "open": ["open", "acknowledged"],
        "unacknowledged": ["open"],
        "acknowledged": ["acknowledged"],
        "resolved": ["resolved"],
    }


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        (ElasticsearchSettings(urls=()), "elasticsearch.urls"),
        (ElasticsearchSettings(urls=("localhost:9200",)), "elasticsearch.urls"),
        (ElasticsearchSettings(urls=("http://host:port",)), "elasticsearch.urls"),
        (ElasticsearchSettings(username="u"), "password"),
        (
            ElasticsearchSettings(api_key=Secret("k"), username="u", password=Secret("p")),
            "elasticsearch.api_key",
        ),
    ],
)
def test_unusable_settings_name_their_path(settings: ElasticsearchSettings, path: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigError, match=path):
        client_options(settings)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_unusable_certificate_authority_is_a_setting_error(tmp_path: Path, content: str | None) -> None:
    """Missing or not PEM: not a traceback of the TLS library."""
    authority = tmp_path / "ca.pem"
    if content is not None:
        authority.write_text(content)
    settings = ElasticsearchSettings(urls=("https://127.0.0.1:9",), ca_certs=str(authority))

    with pytest.raises(ConfigError, match=r"elasticsearch\.ca_certs"):
        Store.connect(settings, IndexNames("driftlog"))


def test_secrets_do_not_show() -> None:
    """Neither in the store's repr nor in that of what it holds."""
    settings = ElasticsearchSettings(urls=("https://u:s3cret@es:9200",), api_key=None)
    keyed = ElasticsearchSettings(api_key=Secret("s3cret"))
    for store in (Store.connect(settings, IndexNames("driftlog")), Store.connect(keyed, IndexNames("driftlog"))):
        assert "s3cret" not in f"{store!r} {vars(store)!r}"
        store.close()
