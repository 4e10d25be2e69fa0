"""Registered models and the indices made for them in advance."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from driftlog.contract.errors import StoreRejected
from driftlog.contract.names import Period, check_feature_name, check_model_name
from driftlog.contract.records import ModelRecord
from driftlog.store.client import Store
from driftlog.store.values import Document

log = logging.getLogger("driftlog.store")

_LONGEST: Final[dict[str, timedelta]] = {
    "day": timedelta(days=1),
    "month": timedelta(days=31),
    "year": timedelta(days=366),
}
MAX_MAPPED: Final = 3000
"""Features mapped in advance; the templates allow an index 4,000 fields of all kinds."""
_RAW_MONTHLY: Final = ("feedback", "resources", "quarantine", "payloads")


def register(store: Store, record: ModelRecord) -> bool:
    """Make `record.name` known; False when it is already, then nothing changes."""
    check_model_name(record.name)
    return store.create(store.names.models, record.name, record, refresh=True)


def registered(store: Store) -> dict[str, ModelRecord]:
    """All registered models by name, sorted."""
    found = (msgspec.convert(hit["_source"], ModelRecord) for hit in store.scan(store.names.models))
    return {record.name: record for record in sorted(found, key=lambda record: record.name)}


def ensure_indices(
    store: Store,
    model: str,
    around: datetime,
    ahead: int = 1,
    *,
    numeric: Collection[str] = (),
    categorical: Collection[str] = (),
) -> list[str]:
    """Create what `model`'s events of the period of `around` and the `ahead` next ones need; names of the new indices.

    Where the right to create indices is withheld from shippers (Logstash), these are the indices they write to.

    Parameters
    ----------
    numeric, categorical
        Names of features whose type is known: they are mapped now, in indices that are there as well, so that the first
        event of a period that carries a number as text cannot make it a keyword for the whole period.
    """
    names = store.names
    wanted: dict[str, Document] = {
        names.predictions(model, when): feature_mappings(numeric, categorical)
        for when in periods(around, names.period, ahead)
        if not store.reads_elsewhere(model)
    }
    for when in periods(around, "month", ahead):
        wanted |= {names.monthly(kind, when): {} for kind in _RAW_MONTHLY}
    existing = _existing(store, wanted)
    made = [name for name in wanted if name not in existing and _create_index(store, name, wanted[name])]
    for name, mappings in wanted.items():
        if mappings and name not in made:
            _map_further_features(store, name, mappings)
    return made


def periods(around: datetime, period: Period, ahead: int) -> list[datetime]:
    """One moment (UTC, the start) of the period of `around` and of each of the `ahead` next ones.

    >>> [when.date().isoformat() for when in periods(datetime(2026, 12, 31, 23, tzinfo=UTC), "month", 2)]
    ['2026-12-01', '2027-01-01', '2027-02-01']
    """
    moments = [_start(around.astimezone(UTC), period)]
    for _ in range(ahead):
        moments.append(_start(moments[-1] + _LONGEST[period], period))
    return moments


def feature_mappings(numeric: Collection[str], categorical: Collection[str]) -> Document:
    """Mappings of features of known type, as the templates would map them.

    >>> feature_mappings(["age"], [])["properties"]["features"]["properties"]
    {'age': {'type': 'double', 'index': False, 'ignore_malformed': True}}
    """
    if not numeric and not categorical:
        return {}
    number: Document = {"type": "double", "index": False, "ignore_malformed": True}
    word: Document = {"type": "keyword", "ignore_above": 1024}
    names = [(name, number) for name in sorted(numeric)] + [(name, word) for name in sorted(categorical)]
    fields = {check_feature_name(name): mapping for name, mapping in names[:MAX_MAPPED]}
    return {"properties": {"features": {"type": "object", "subobjects": False, "dynamic": True, "properties": fields}}}


def _start(when: datetime, period: Period) -> datetime:
    day = when.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return day
    return day.replace(day=1) if period == "month" else day.replace(month=1, day=1)


def _existing(store: Store, names: Collection[str]) -> set[str]:
    params = {"ignore_unavailable": "true", "filter_path": "*.settings.index.uuid"}
    return set(store.request("GET", f"/{','.join(names)}/_settings/index.uuid", params=params))


def _create_index(store: Store, name: str, mappings: Document) -> bool:
    try:
        store.request("PUT", f"/{name}", body={"mappings": mappings} if mappings else {})
    except StoreRejected as error:
        if "already exists" in error.message:  # an event, or another worker, was faster
            return False
        raise
    return True


def _map_further_features(store: Store, index: str, mappings: Document) -> None:
    """Map the features that no event of `index` has carried yet; the types of the others are settled."""
    answer = store.request("GET", f"/{index}/_mapping", params={"ignore_unavailable": "true"})
    found = answer.get(index, {}).get("mappings", {}).get("properties", {}).get("features", {}).get("properties", {})
    features = mappings["properties"]["features"]
    further = {name: mapping for name, mapping in features["properties"].items() if name not in found}
    if not further:
        return
    try:
        store.request(
            "PUT", f"/{index}/_mapping", body={"properties": {"features": features | {"properties": further}}}
        )
    except StoreRejected as error:  # an event was faster, or the index is full of fields
        log.warning("%s: %d features are not mapped in advance: %s", index, len(further), error.message)
