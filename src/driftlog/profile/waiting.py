"""Feedback that came before its prediction: it waits in the state index, and is tried again less and less often.

One small document each, tried again after a quarter of the time it has waited already (the next join, a minute, an
hour, at most a day), oldest first, at most 20,000 a join, and given up after the look-back. So a prediction held up for
three hours by an outage is joined within the hour after it arrives, a million feedback documents imported before their
predictions cost 50 bounded passes, and feedback on predictions that never come costs a handful of look-ups.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, Protocol

import msgspec

from driftlog.contract.settings import ModelSettings
from driftlog.profile.scope import instant
from driftlog.store.client import Store
from driftlog.store.values import BulkAction

PAGE: Final = 2000
WAITING_AT_ONCE: Final = 20_000
LONGEST_PAUSE: Final = timedelta(days=1)
TRUTH: Final = "waiting_feedback"
OPINION: Final = "waiting_opinion"
"""Kinds of the documents: feedback with a truth, and with a rating, a comment or a form's answers. What holds both
waits as both; `BOTH` is then the ``name`` of the second one."""
BOTH: Final = "with_truth"

Document = dict[str, Any]


class Waiter(Protocol):
    """What is kept of a feedback document that waits; a msgspec struct."""

    @property
    def id(self) -> str:
        """The feedback's own."""

    @property
    def prediction_id(self) -> str:
        """What it waits for."""

    @property
    def at(self) -> datetime:
        """The feedback's own time."""

    @property
    def named(self) -> bool:
        """Whether it names its model; feedback that does not waits nowhere."""

    @property
    def since(self) -> datetime | None:
        """When it was first looked up in vain."""


def is_expired(item: Waiter, settings: ModelSettings, as_of: datetime) -> bool:
    """Whether it has waited for longer than the look-back."""
    return item.since is not None and as_of - item.since > settings.look_back


def waiting_actions(
    store: Store,
    settings: ModelSettings,
    items: Iterable[Waiter],
    found: set[str],
    as_of: datetime,
    *,
    kind: str,
    retry: bool,
    name: str = "",
) -> Iterator[BulkAction]:
    """Have those wait whose prediction is not among `found`; forget those that were found or waited too long.

    Parameters
    ----------
    retry
        They wait already.
    """
    for item in items:
        id = _waiting_id(kind, settings, item)
        if item.prediction_id in found or is_expired(item, settings, as_of):
            if retry:
                yield BulkAction("delete", store.names.state, id)
        elif item.named:
            since = item.since or as_of
            pause = min((as_of - since) / 4, LONGEST_PAUSE)
            document = {
                "kind": kind,
                "@timestamp": instant(item.at),
                "model": {"name": settings.name},
                "service": {"environment": settings.environment},
                "updated": instant(as_of),
                "expires": instant(as_of + pause),
                "value": msgspec.to_builtins(item) | {"since": instant(since)},
            }
            yield BulkAction("index", store.names.state, id, document | ({"name": name} if name else {}))


def _waiting_id(kind: str, settings: ModelSettings, item: Waiter) -> str:
    text = f"{kind}\0{settings.name}\0{settings.environment}\0{item.id}"
    return f"{kind}-{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"


def due(store: Store, settings: ModelSettings, as_of: datetime, *, kind: str) -> Iterator[Document]:
    """What waits and whose pause has ended, oldest first: the `value` of each document."""
    filters = [*of_model(settings, kind), {"range": {"expires": {"lt": instant(as_of)}}}]
    hits = store.scan(store.names.state, {"bool": {"filter": filters}}, sort=["expires"], source=["value"], size=PAGE)
    for hit in islice(hits, WAITING_AT_ONCE):
        yield hit["_source"]["value"]


def of_model(settings: ModelSettings, *kinds: str) -> list[Document]:
    """Filters of the documents of these kinds."""
    return [
        {"terms": {"kind": list(kinds)}},
        {"term": {"model.name": settings.name}},
        {"term": {"service.environment": settings.environment}},
    ]


def once(settings: ModelSettings) -> list[Document]:
    """Filters that find each waiting feedback document of a model once."""
    return [*of_model(settings, TRUTH, OPINION), {"bool": {"must_not": [{"term": {"name": BOTH}}]}}]


def forget_waiting(store: Store, settings: ModelSettings) -> int:
    """Drop all waiting feedback of a model (after a rebuild, say); how many documents there were."""
    filters = [{"terms": {"kind": [TRUTH, OPINION]}}, {"term": {"model.name": settings.name}}]
    ids = [hit["_id"] for hit in store.scan(store.names.state, {"bool": {"filter": filters}}, source=False)]
    store.bulk(BulkAction("delete", store.names.state, id) for id in ids)
    return len(ids)
